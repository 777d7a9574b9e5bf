#include "tests/ops/check.h"

static void one(struct check *c, size_t rows, size_t width) {
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    struct tensor x = check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++)
        want[i] = check_at(&dst, i) + check_at(&x, i);
    op_add(&c->run, check_on(c, &dst), check_on(c, &x));
    check_close(c, &dst, want, 1e-7, "add [%zu, %zu]", rows, width);
    check_free(c);
}

static void test(struct check *c) {
    one(c, 1, 1);
    one(c, 1, 2048);
    one(c, 7, 33);
    one(c, 100, 641);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
