#include "tests/ops/check.h"

#include <math.h>

/* in_place: dst is gate. range: of the gate's values. */
static void one(struct check *c, size_t rows, size_t width, float range, bool in_place) {
    struct tensor gate = check_2d(c, TENSOR_F32, rows, width);
    struct tensor up = check_2d(c, TENSOR_F32, rows, width);
    struct tensor dst = in_place ? gate : check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++) {
        double g = check_at(&gate, i) * (double)range;
        tensor_f32(&gate)[i] = (float)g;
        g = check_at(&gate, i);
        want[i] = g / (1 + exp(-g)) * check_at(&up, i);
    }
    op_silu_mul(&c->run, check_on(c, &dst), check_on(c, &gate), check_on(c, &up));
    check_close(c, &dst, want, 2e-7, "silu_mul%s [%zu, %zu], gates to %g",
                in_place ? " in place" : "", rows, width, (double)range);
    check_free(c);
}

/* Each value by itself: small results must be as exact as large ones. */
static void each(struct check *c) {
    enum { N = 4001 };
    struct tensor gate = check_1d(c, TENSOR_F32, N), up = check_1d(c, TENSOR_F32, N);
    double worst = 0;
    for (size_t i = 0; i < N; i++) {
        tensor_f32(&gate)[i] = -80 + 0.04F * (float)i;
        tensor_f32(&up)[i] = 1;
    }
    struct tensor dst = check_1d(c, TENSOR_F32, N);
    op_silu_mul(&c->run, check_on(c, &dst), check_on(c, &gate), check_on(c, &up));
    check_back(c);
    for (size_t i = 0; i < N; i++) {
        double g = check_at(&gate, i), want = g / (1 + exp(-g));
        worst = fmax(worst, fabs(check_at(&dst, i) - want) / (fabs(want) + 1e-37));
    }
    check_true(c, worst < 4e-7, "silu_mul, each of %d gates from -80 to 80: %g", N, worst);
    check_free(c);
}

static void extremes(struct check *c) {
    float g[] = {-1000, -100, 0, 100, 1e30F}, u[] = {1, 1, 1, 1, 1}, y[5];
    struct tensor gate = tensor_1d(TENSOR_F32, g, 5), up = tensor_1d(TENSOR_F32, u, 5);
    struct tensor dst = tensor_1d(TENSOR_F32, y, 5);
    op_silu_mul(&c->run, check_on(c, &dst), check_on(c, &gate), check_on(c, &up));
    check_back(c);
    check_true(c, fabsf(y[0]) < 1e-30F && fabsf(y[1]) < 1e-30F,
               "silu_mul of large negative gates is 0");
    check_true(c, y[2] == 0 && y[3] == 100 && y[4] == 1e30F, "silu_mul of 0 and large gates");
}

static void test(struct check *c) {
    one(c, 1, 1, 1, false);
    one(c, 1, 768, 5, true);
    one(c, 7, 33, 20, false);
    one(c, 50, 1537, 80, true);
    each(c);
    extremes(c);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_silu_mul(&c->run, check_on(c, &t[2]), check_on(c, &t[0]), check_on(c, &t[1]));
}

static void bench(struct check *c) {
    static const size_t shapes[][2] = {{1, 768}, {1, 3072}, {512, 768}, {64, 3072}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], width = shapes[i][1];
        struct tensor t[3];
        for (size_t j = 0; j < 3; j++)
            t[j] = check_2d(c, TENSOR_F32, rows, width);
        check_bench(c, work, t, 12.0 * (double)(rows * width), 0, "silu_mul [%zu, %zu]", rows,
                    width);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
