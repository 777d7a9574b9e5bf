#include "tests/ops/check.h"

#include <math.h>

static void one(struct check *c, size_t rows, size_t width) {
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    struct tensor x = check_2d(c, TENSOR_F32, rows, width);
    struct tensor gate = check_2d(c, TENSOR_F32, rows, 1);
    double *want = check_doubles(c, rows * width);
    for (size_t t = 0; t < rows; t++)
        tensor_f32(&gate)[t] *= 10;
    for (size_t i = 0; i < rows * width; i++)
        want[i] = check_at(&dst, i) + check_at(&x, i) / (1 + exp(-check_at(&gate, i / width)));
    op_add_gated(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &gate));
    check_close(c, &dst, want, 2e-7, "add_gated [%zu, %zu]", rows, width);
    check_free(c);
}

/* Gates so far out that exp overflows are simply shut or open. */
static void extremes(struct check *c) {
    struct tensor dst = check_2d(c, TENSOR_F32, 2, 3), x = check_2d(c, TENSOR_F32, 2, 3);
    struct tensor gate = check_2d(c, TENSOR_F32, 2, 1);
    double want[6];
    float *g = tensor_f32(&gate);
    g[0] = -1000;
    g[1] = 1000;
    for (size_t i = 0; i < 6; i++)
        want[i] = check_at(&dst, i) + (i < 3 ? 0 : check_at(&x, i));
    op_add_gated(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &gate));
    check_close(c, &dst, want, 1e-7, "add_gated, gates shut and open");
    check_free(c);
}

static void test(struct check *c) {
    one(c, 1, 1);
    one(c, 1, 1024);
    one(c, 7, 33);
    one(c, 100, 641);
    extremes(c);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
