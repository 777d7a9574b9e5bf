#include "tests/ops/check.h"

#include <math.h>

static const float eps = 1e-6F;

static double *reference(struct check *c, const struct tensor *x, const struct tensor *norm,
                         const struct tensor *gate, const struct tensor *up) {
    size_t rows = x->shape[0], width = x->shape[1], outs = gate->shape[0];
    double *h = check_doubles(c, rows * outs);
    for (size_t t = 0; t < rows; t++) {
        double squares = 0;
        for (size_t k = 0; k < width; k++)
            squares += check_at(x, t * width + k) * check_at(x, t * width + k);
        for (size_t n = 0; n < outs; n++) {
            double g = 0, u = 0, scale = 1 / sqrt(squares / (double)width + eps);
            for (size_t k = 0; k < width; k++) {
                double y = check_at(x, t * width + k) * check_at(norm, k) * scale;
                g += y * check_at(gate, n * width + k);
                u += y * check_at(up, n * width + k);
            }
            h[t * outs + n] = g / (1 + exp(-g)) * u;
        }
    }
    return h;
}

static void one(struct check *c, size_t rows, size_t width, size_t outs, enum tensor_dtype dtype,
                enum tensor_dtype up_dtype) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width),
                  norm = check_1d(c, check_plain(dtype), width);
    struct tensor gate = check_2d(c, dtype, outs, width), up = check_2d(c, up_dtype, outs, width);
    struct tensor dst = check_2d(c, TENSOR_F32, rows, outs);
    op_norm_gated(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &norm), eps,
                  check_on(c, &gate), check_on(c, &up));
    check_close(c, &dst, reference(c, &x, &norm, &gate, &up), 1e-5,
                "norm_gated [%zu, %zu] %s and %s [%zu, %zu]", rows, width, tensor_dtype_name(dtype),
                tensor_dtype_name(up_dtype), outs, width);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][3] = {{1, 1, 1},   {1, 64, 40}, {1, 1000, 77}, {1, 2048, 50},
                                {2, 33, 9},  {3, 256, 1}, {5, 136, 64},  {8, 600, 31},
                                {9, 80, 20}, {40, 72, 33}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        const size_t *s = shapes[i];
        one(c, s[0], s[1], s[2], TENSOR_F32, TENSOR_F32);
        one(c, s[0], s[1], s[2], TENSOR_BF16, TENSOR_BF16);
        one(c, s[0], s[1], s[2], TENSOR_BF16, TENSOR_F32);
    }
    /* On the CPU through other ops, whose own tests have the rounded products. */
    for (size_t i = 0; (c->run.gpu || c->run.precise) && i < CHECK_QUANTISED; i++) {
        one(c, 2, 512, 40, check_quantised[i], TENSOR_Q8_0);
        one(c, 1, 512, 77, check_quantised[i], check_quantised[i]);
        one(c, 5, 1536, 33, check_quantised[i], check_quantised[i]);
        one(c, 129, 256, 33, check_quantised[i], TENSOR_Q8_0);
    }
}

struct job {
    struct tensor dst, x, norm;
    struct check_copies gate, up;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_norm_gated(&c->run, check_on(c, &j->dst), check_on(c, &j->x), check_on(c, &j->norm), eps,
                  check_turn(&j->gate), check_turn(&j->up));
}

/* The code predictor's, and code2wav's transformer's. */
static void bench(struct check *c) {
    for (size_t rows = 1; rows <= 8; rows *= 2) {
        size_t width = 1024, outs = 3072;
        static struct job j;
        struct tensor gate = check_2d(c, TENSOR_BF16, outs, width);
        struct tensor up = check_2d(c, TENSOR_BF16, outs, width);
        j = (struct job){check_2d(c, TENSOR_F32, rows, outs), check_2d(c, TENSOR_F32, rows, width),
                         check_1d(c, TENSOR_BF16, width), check_copies(c, &gate),
                         check_copies(c, &up)};
        check_bench(c, work, &j, 4.0 * (double)(outs * width), 4.0 * (double)(rows * outs * width),
                    "norm_gated %zu rows, bf16 [%zu, %zu]", rows, outs, width);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
