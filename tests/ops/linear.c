#include "tests/ops/check.h"

#include <math.h>

/* Rows, width, outs. */
static const size_t shapes[][3] = {
    {1, 1, 1},      {1, 7, 5},      {1, 64, 32},     {1, 1000, 301}, {2, 33, 17},   {2, 2048, 130},
    {3, 100, 31},   {4, 512, 63},   {5, 1024, 96},   {6, 160, 50},   {7, 320, 33},  {8, 96, 129},
    {9, 65, 47},    {16, 64, 48},   {24, 128, 64},   {33, 257, 65},  {40, 600, 97}, {70, 1100, 33},
    {131, 300, 70}, {300, 33, 260}, {2050, 40, 2047}};

static double activate(enum op_act act, double v) {
    if (act == OP_GELU)
        return 0.5 * v * (1 + erf(v * M_SQRT1_2));
    return act == OP_SILU ? v / (1 + exp(-v)) : v;
}

static double *reference(struct check *c, const struct tensor *x, const struct tensor *w,
                         const struct tensor *b, enum op_act act) {
    size_t rows = x->shape[0], width = x->shape[1], outs = w->shape[0];
    double *y = check_doubles(c, rows * outs), *in = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++)
        in[i] = check_at(x, i);
    if (check_rounds(c, w->dtype, rows))
        check_round(in, rows * width);
    for (size_t n = 0; n < outs; n++) {
        for (size_t t = 0; t < rows; t++) {
            double sum = b ? check_at(b, n) : 0;
            for (size_t k = 0; k < width; k++)
                sum += in[t * width + k] * check_at(w, n * width + k);
            y[t * outs + n] = activate(act, sum);
        }
    }
    return y;
}

static void one(struct check *c, const size_t *shape, enum tensor_dtype dtype, bool bias,
                enum op_act act) {
    size_t rows = shape[0], width = shape[1], outs = shape[2];
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), w = check_2d(c, dtype, outs, width);
    bool plain = dtype == TENSOR_F32 || dtype == TENSOR_BF16;
    enum tensor_dtype b_dtype = plain ? dtype : TENSOR_F32;
    struct tensor b = check_1d(c, b_dtype, outs), dst = check_2d(c, TENSOR_F32, rows, outs);
    op_linear(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w),
              check_on(c, bias ? &b : NULL), act);
    /* A number between two int8 may go the other way than the reference's. */
    bool rounded = check_rounds(c, dtype, rows);
    /* A GPU's few rows are of 16 bits. */
    bool few = c->run.gpu && !c->run.precise && tensor_is_quantised(dtype) && rows <= 8;
    (rounded || few ? check_near
                    : check_close)(c, &dst, reference(c, &x, &w, bias ? &b : NULL, act),
                                   rounded ? 1e-3
                                   : few   ? 1e-4
                                           : 1e-5,
                                   "linear [%zu, %zu] %s [%zu, %zu] bias %d act %d", rows, width,
                                   tensor_dtype_name(dtype), outs, width, bias, act);
    struct tensor again = check_copy(c, &dst);
    check_threads(c, 3);
    op_linear(&c->run, check_on(c, &again), check_on(c, &x), check_on(c, &w),
              check_on(c, bias ? &b : NULL), act);
    check_threads(c, CHECK_THREADS);
    check_same(c, &again, &dst, "same with three threads");
    check_free(c);
    run_step(&c->run);
}

/* The same for quantised weights: widths are whole blocks. */
static const size_t quantised[][3] = {
    {1, 1, 1},   {1, 2, 5},   {1, 8, 130},  {1, 13, 66}, {2, 3, 17},   {3, 9, 31},
    {4, 2, 63},  {5, 4, 96},  {8, 1, 129},  {9, 2, 47},  {24, 3, 64},  {48, 1, 65},
    {49, 2, 33}, {70, 5, 33}, {131, 9, 70}, {300, 1, 7}, {300, 3, 260}};

/* Where a GPU's kernels for few rows are cut otherwise: long rows, many outs. */
static const size_t cut[][3] = {{1, 40, 20}, {2, 1, 4099}, {1, 8, 4097}, {1, 2, 16390}, {7, 6, 9}};

static void test_quantised(struct check *c, enum tensor_dtype dtype, const size_t (*shapes)[3],
                           size_t n) {
    for (size_t i = 0; i < n; i++) {
        const size_t *s = shapes[i], shape[3] = {s[0], s[1] * tensor_dtype_block(dtype), s[2]};
        one(c, shape, dtype, i % 2, i % 4 == 1 ? OP_GELU : OP_NONE);
    }
}

/* x and dst as bf16, where products of so many rows take them. */
static void rounded(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width,
                    size_t outs) {
    struct tensor w = check_2d(c, dtype, outs, width), b = check_1d(c, check_plain(dtype), outs);
    struct tensor x = check_2d(c, TENSOR_BF16, rows, width);
    struct tensor wide = check_2d(c, TENSOR_F32, rows, width);
    struct tensor full = check_2d(c, TENSOR_F32, rows, outs);
    struct tensor half = check_2d(c, TENSOR_BF16, rows, outs);
    for (size_t i = 0; i < rows * width; i++)
        tensor_f32(&wide)[i] = (float)check_at(&x, i);
    if (op_matrix_dtype(&c->run, rows, check_on(c, &w)) == TENSOR_BF16) {
        op_linear(&c->run, check_on(c, &half), check_on(c, &x), check_on(c, &w), check_on(c, &b),
                  OP_GELU);
        check_close(c, &half, reference(c, &wide, &w, &b, OP_GELU), 5e-3,
                    "linear bf16 [%zu, %zu] %s [%zu, %zu] to bf16", rows, width,
                    tensor_dtype_name(dtype), outs, width);
        op_linear(&c->run, check_on(c, &full), check_on(c, &x), check_on(c, &w), check_on(c, &b),
                  OP_GELU);
        check_close(c, &full, reference(c, &wide, &w, &b, OP_GELU), 1e-5,
                    "linear bf16 [%zu, %zu] %s [%zu, %zu] to f32", rows, width,
                    tensor_dtype_name(dtype), outs, width);
    }
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    for (size_t i = 0; i < CHECK_QUANTISED; i++)
        test_quantised(c, check_quantised[i], quantised, sizeof quantised / sizeof *quantised);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        one(c, shapes[i], TENSOR_F32, true, OP_NONE);
        one(c, shapes[i], TENSOR_BF16, true, OP_GELU);
        one(c, shapes[i], TENSOR_BF16, false, OP_SILU);
        if (!c->run.gpu)
            one(c, shapes[i], TENSOR_F16, i % 2, OP_GELU);
    }
    for (size_t i = 0; i < CHECK_QUANTISED && c->run.gpu; i++)
        test_quantised(c, check_quantised[i], cut, sizeof cut / sizeof *cut);
    rounded(c, TENSOR_BF16, 9, 64, 24);
    rounded(c, TENSOR_BF16, 130, 320, 264);
    rounded(c, TENSOR_BF16, 70, 96, 41);
    for (size_t i = 0; i < CHECK_QUANTISED && c->run.gpu; i++)
        rounded(c, check_quantised[i], 130, 512, 264);
}

struct job {
    struct tensor dst, x;
    struct check_copies *w;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_linear(&c->run, check_on(c, &j->dst), check_on(c, &j->x), check_turn(j->w), NULL, OP_NONE);
}

static void bench_rows(struct check *c, size_t rows, const struct tensor *w,
                       struct check_copies *copies) {
    size_t outs = w->shape[0], width = w->shape[1];
    struct job j = {check_2d(c, TENSOR_F32, rows, outs), check_2d(c, TENSOR_F32, rows, width),
                    copies};
    double bytes = (double)tensor_bytes(w) + 4.0 * (double)(rows * (width + outs));
    check_bench(c, work, &j, bytes, 2.0 * (double)(rows * outs * width),
                "linear %zu rows, %s [%zu, %zu]", rows, tensor_dtype_name(w->dtype), outs, width);
}

/* With each of n numbers of rows; a very large matrix with one row. */
static void bench_matrix(struct check *c, const size_t *rows, size_t n, enum tensor_dtype dtype,
                         const size_t shape[2]) {
    struct tensor w = check_2d(c, dtype, shape[0], shape[1]);
    struct check_copies copies = check_copies(c, &w);
    for (size_t i = 0; i < n; i++)
        if (rows[i] == 1 || shape[0] < 100000)
            bench_rows(c, rows[i], &w, &copies);
    check_free(c);
}

static void bench(struct check *c) {
    /* thinker q, o, lm_head; code predictor gate, down; talker q; audio encoder fc1, fc2 */
    const size_t matrices[][2] = {{4096, 2048}, {2048, 4096}, {152064, 2048}, {3072, 1024},
                                  {1024, 3072}, {2048, 1024}, {5120, 1280},   {1280, 5120}};
    const size_t rows[] = {1, 2, 4, 8, 16, 32, 104, 390, 2048};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        bench_matrix(c, rows, sizeof rows / sizeof *rows, TENSOR_BF16, matrices[i]);
    const size_t some[] = {1, 2, 4, 8, 512, 32, 64, 128, 2048}, n = c->run.gpu ? 9 : 5;
    for (size_t q = 0; q < CHECK_QUANTISED && check_times_quantised(c); q++)
        for (size_t i = 0; i < 3; i++)
            bench_matrix(c, some, n, check_quantised[q], matrices[i]);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
