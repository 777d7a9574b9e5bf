#include "tests/ops/check.h"

#include <math.h>

struct shape {
    size_t rows, outs, taps, width, dilation, channels; /* outs: a multiple of channels */
};

/* Of the sums as the op made them: a snake enlarges their errors. */
static double *snakes(struct check *c, const struct tensor *sums, const struct tensor *alpha,
                      const struct tensor *beta) {
    size_t channels = tensor_count(alpha);
    double *y = check_doubles(c, tensor_count(sums));
    for (size_t i = 0; i < tensor_count(sums); i++) {
        double v = check_at(sums, i), sine = sin(v * exp(check_at(alpha, i % channels)));
        y[i] = v + sine * sine / (exp(check_at(beta, i % channels)) + 1e-9);
    }
    return y;
}

static void one(struct check *c, const struct shape *s, enum tensor_dtype dtype,
                enum tensor_dtype result, bool add) {
    size_t history = (s->taps - 1) * s->dilation;
    struct tensor x = check_2d(c, TENSOR_F32, s->rows + history, s->width);
    struct tensor w = check_3d(c, dtype, s->outs, s->taps, s->width);
    struct tensor b = check_1d(c, dtype, s->outs), alpha = check_1d(c, dtype, s->channels);
    struct tensor beta = check_1d(c, dtype, s->channels);
    struct tensor dst = check_2d(c, TENSOR_F32, s->rows, s->outs);
    struct tensor snaked = check_2d(c, result, s->rows, s->outs);
    double *want = check_conv(c, s->rows, &x, &w, &b, s->dilation);
    for (size_t i = 0; add && i < tensor_count(&dst); i++)
        want[i] += check_at(&dst, i);
    const struct op_snake snake = {check_on(c, &snaked), check_on(c, &alpha), check_on(c, &beta)};
    op_conv_snake(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w), check_on(c, &b),
                  s->dilation, add, &snake);
    check_close(c, &dst, want, 1e-5,
                "conv_snake %zu rows, %s [%zu, %zu, %zu], dilation %zu, add %d", s->rows,
                tensor_dtype_name(dtype), s->outs, s->taps, s->width, s->dilation, add);
    check_near(c, &snaked, snakes(c, &dst, &alpha, &beta), result == TENSOR_F32 ? 1e-5 : 4e-3,
               "its snake, %s, %zu channels", tensor_dtype_name(result), s->channels);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {{1, 8, 7, 32, 1, 8},     {4, 24, 2, 17, 1, 8},
                                   {9, 24, 3, 31, 9, 24},   {50, 96, 7, 96, 9, 96},
                                   {33, 72, 2, 160, 1, 24}, {70, 40, 1, 520, 1, 40},
                                   {300, 96, 1, 96, 1, 96}, {20, 96, 2, 1200, 1, 48}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(c, &shapes[i], TENSOR_F32, TENSOR_F32, false);
        one(c, &shapes[i], TENSOR_BF16, TENSOR_F32, true);
        if (c->run.gpu)
            one(c, &shapes[i], TENSOR_BF16, TENSOR_BF16, false);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
