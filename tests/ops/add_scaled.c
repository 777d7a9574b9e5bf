#include "tests/ops/check.h"

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width) {
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), scale = check_1d(c, dtype, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++)
        want[i] = check_at(&dst, i) + check_at(&scale, i % width) * check_at(&x, i);
    op_add_scaled(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &scale));
    check_close(c, &dst, want, 2e-7, "add_scaled %s [%zu, %zu]", tensor_dtype_name(dtype), rows,
                width);
    check_free(c);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1);
        one(c, dtype, 1, 1024);
        one(c, dtype, 7, 33);
        one(c, dtype, 100, 641);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
