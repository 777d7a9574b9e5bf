#include "tests/ops/check.h"

#include <math.h>

enum { MOST = OP_PROJECTIONS };
static const float eps = 1e-6F;

/* w[n] . rms_norm(x[t]) */
static double *reference(struct check *c, const struct tensor *x, const struct tensor *norm,
                         const struct tensor *w) {
    size_t rows = x->shape[0], width = x->shape[1], outs = w->shape[0];
    double *y = check_doubles(c, rows * outs);
    for (size_t t = 0; t < rows; t++) {
        double squares = 0;
        for (size_t k = 0; k < width; k++)
            squares += check_at(x, t * width + k) * check_at(x, t * width + k);
        for (size_t n = 0; n < outs; n++) {
            double sum = 0;
            for (size_t k = 0; k < width; k++)
                sum += check_at(x, t * width + k) * check_at(norm, k) * check_at(w, n * width + k);
            y[t * outs + n] = sum / sqrt(squares / (double)width + eps);
        }
    }
    return y;
}

/* n matrices of outs[i] rows; the last one's type differs if `mixed`. */
static void one(struct check *c, size_t rows, size_t width, const size_t outs[MOST], size_t n,
                enum tensor_dtype dtype, bool mixed) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width),
                  norm = check_1d(c, check_plain(dtype), width);
    struct tensor dst[MOST], w[MOST];
    struct op_projection p[MOST];
    for (size_t i = 0; i < n; i++) {
        dst[i] = check_2d(c, TENSOR_F32, rows, outs[i]);
        w[i] = check_2d(c, mixed && i == n - 1 ? TENSOR_F32 : dtype, outs[i], width);
        p[i] = (struct op_projection){check_on(c, &dst[i]), check_on(c, &w[i])};
    }
    op_norm_linears(&c->run, p, n, check_on(c, &x), check_on(c, &norm), eps);
    for (size_t i = 0; i < n; i++)
        check_close(c, &dst[i], reference(c, &x, &norm, &w[i]), 1e-5,
                    "norm_linears [%zu, %zu] %s [%zu, %zu], %zu of %zu", rows, width,
                    tensor_dtype_name(w[i].dtype), outs[i], width, i + 1, n);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][2] = {{1, 1},   {1, 64},  {1, 1000}, {1, 2048}, {2, 33},
                                {3, 256}, {5, 136}, {8, 600},  {9, 80},   {40, 72}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        one(c, shapes[i][0], shapes[i][1], (size_t[MOST]){67}, 1, TENSOR_F32, false);
        one(c, shapes[i][0], shapes[i][1], (size_t[MOST]){32, 8, 9}, 3, TENSOR_BF16, false);
        one(c, shapes[i][0], shapes[i][1], (size_t[MOST]){5, 1, 16, 3}, 4, TENSOR_BF16, true);
    }
    /* On the CPU through other ops, whose own tests have the rounded products. */
    for (size_t i = 0; (c->run.gpu || c->run.precise) && i < CHECK_QUANTISED; i++) {
        one(c, 2, 512, (size_t[MOST]){40, 8, 9}, 3, check_quantised[i], true);
        one(c, 1, 256, (size_t[MOST]){4095, 2, 9}, 3, check_quantised[i], false);
        one(c, 7, 1536, (size_t[MOST]){17}, 1, check_quantised[i], false);
        one(c, 129, 256, (size_t[MOST]){24, 8, 9}, 3, check_quantised[i], false);
    }
}

struct job {
    struct tensor x, norm, dst[MOST];
    struct check_copies w[MOST];
    size_t n;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    struct op_projection p[MOST];
    for (size_t i = 0; i < j->n; i++)
        p[i] = (struct op_projection){check_on(c, &j->dst[i]), check_turn(&j->w[i])};
    op_norm_linears(&c->run, p, j->n, check_on(c, &j->x), check_on(c, &j->norm), eps);
}

static void bench_one(struct check *c, size_t rows, size_t width, const size_t outs[MOST], size_t n,
                      enum tensor_dtype dtype) {
    static struct job j;
    double all = 0, bytes = 0;
    j = (struct job){
        .x = check_2d(c, TENSOR_F32, rows, width), .norm = check_1d(c, TENSOR_BF16, width), .n = n};
    for (size_t i = 0; i < n; i++) {
        struct tensor w = check_2d(c, dtype, outs[i], width);
        j.dst[i] = check_2d(c, TENSOR_F32, rows, outs[i]);
        j.w[i] = check_copies(c, &w);
        all += (double)(outs[i] * width);
        bytes += (double)tensor_bytes(&w);
    }
    check_bench(c, work, &j, bytes, 2 * all * (double)rows,
                "norm_linears %zu rows, %zu matrices %s [%zu.., %zu]", rows, n,
                tensor_dtype_name(dtype), outs[0], width);
    check_free(c);
}

/* q, k, v of thinker, talker and code predictor; the talker's router and shared gate; its head. */
static void bench(struct check *c) {
    for (size_t rows = 1; rows <= 8; rows *= 2) {
        bench_one(c, rows, 2048, (size_t[MOST]){4096, 512, 512}, 3, TENSOR_BF16);
        bench_one(c, rows, 2048, (size_t[MOST]){4096, 512, 512}, 3, TENSOR_Q8_0);
        bench_one(c, rows, 2048, (size_t[MOST]){4096, 512, 512}, 3, TENSOR_Q4_K);
        bench_one(c, rows, 1024, (size_t[MOST]){2048, 256, 256}, 3, TENSOR_BF16);
        bench_one(c, rows, 1024, (size_t[MOST]){2048, 1024, 1024}, 3, TENSOR_BF16);
        bench_one(c, rows, 1024, (size_t[MOST]){128, 1}, 2, TENSOR_BF16);
        bench_one(c, rows, 1024, (size_t[MOST]){3072}, 1, TENSOR_BF16);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
