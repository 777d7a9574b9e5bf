#include "tests/ops/check.h"

static void one(struct check *c, size_t rows, size_t width, size_t outs, enum tensor_dtype dtype,
                bool bias, bool scaled) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), w = check_2d(c, dtype, outs, width);
    struct tensor b = check_1d(c, check_plain(dtype), outs),
                  scale = check_1d(c, check_plain(dtype), outs),
                  dst = check_2d(c, TENSOR_F32, rows, outs);
    double *want = check_doubles(c, rows * outs);
    for (size_t t = 0; t < rows; t++) {
        for (size_t n = 0; n < outs; n++) {
            double sum = bias ? check_at(&b, n) : 0;
            for (size_t k = 0; k < width; k++)
                sum += check_at(&x, t * width + k) * check_at(&w, n * width + k);
            want[t * outs + n] =
                check_at(&dst, t * outs + n) + sum * (scaled ? check_at(&scale, n) : 1);
        }
    }
    op_linear_add(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w),
                  check_on(c, bias ? &b : NULL), check_on(c, scaled ? &scale : NULL));
    check_close(c, &dst, want, 1e-5, "linear_add [%zu, %zu] %s [%zu, %zu] bias %d scale %d", rows,
                width, tensor_dtype_name(dtype), outs, width, bias, scaled);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][3] = {{1, 5, 3},
                                {1, 300, 77},
                                {2, 64, 32},
                                {7, 129, 65},
                                {19, 80, 40},
                                {40, 600, 97},
                                {130, 520, 33},
                                /* tiles that end beyond the last row, the last out or both */
                                {81, 64, 64},
                                {64, 64, 72},
                                {100, 96, 104},
                                {40, 32, 200}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        const size_t *s = shapes[i];
        one(c, s[0], s[1], s[2], TENSOR_F32, true, true);
        one(c, s[0], s[1], s[2], TENSOR_BF16, true, false);
        one(c, s[0], s[1], s[2], TENSOR_BF16, false, true);
    }
    /* On the CPU through other ops, whose own tests have the rounded products. */
    for (size_t i = 0; (c->run.gpu || c->run.precise) && i < CHECK_QUANTISED; i++) {
        one(c, 3, 512, 40, check_quantised[i], i % 2, i % 2 == 0);
        one(c, 129, 256, 33, check_quantised[i], i % 2, i % 2 == 0);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
