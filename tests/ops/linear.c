#include "tests/ops/check.h"

#include <math.h>

static double activate(enum op_act act, double v) {
    if (act == OP_GELU)
        return 0.5 * v * (1 + erf(v * M_SQRT1_2));
    return act == OP_SILU ? v / (1 + exp(-v)) : v;
}

static void one(struct check *c, size_t rows, size_t width, size_t outs, enum tensor_dtype dtype,
                bool bias, enum op_act act) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), w = check_2d(c, dtype, outs, width);
    struct tensor b = check_1d(c, dtype, outs), dst = check_2d(c, TENSOR_F32, rows, outs);
    double *want = check_doubles(c, rows * outs);
    for (size_t t = 0; t < rows; t++) {
        for (size_t n = 0; n < outs; n++) {
            double sum = bias ? check_at(&b, n) : 0;
            for (size_t k = 0; k < width; k++)
                sum += check_at(&x, t * width + k) * check_at(&w, n * width + k);
            want[t * outs + n] = activate(act, sum);
        }
    }
    op_linear(&c->run, &dst, &x, &w, bias ? &b : NULL, act);
    check_close(c, &dst, want, 1e-5, "linear [%zu, %zu] %s [%zu, %zu] bias %d act %d", rows, width,
                tensor_dtype_name(dtype), outs, width, bias, act);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][3] = {{1, 1, 1},    {1, 7, 5},     {1, 64, 32},   {2, 33, 17},
                                {3, 100, 31}, {5, 1024, 96}, {8, 96, 129},  {9, 65, 47},
                                {16, 64, 48}, {33, 257, 65}, {40, 600, 97}, {131, 300, 70}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t *s = shapes[i];
        one(c, s[0], s[1], s[2], TENSOR_F32, true, OP_NONE);
        one(c, s[0], s[1], s[2], TENSOR_BF16, true, OP_GELU);
        one(c, s[0], s[1], s[2], TENSOR_BF16, false, OP_SILU);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
