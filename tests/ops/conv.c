#include "tests/ops/check.h"

struct shape {
    size_t rows, outs, taps, width, dilation;
};

static void one(struct check *c, const struct shape *s, enum tensor_dtype dtype, bool bias) {
    struct tensor x = check_2d(c, TENSOR_F32, s->rows + (s->taps - 1) * s->dilation, s->width);
    struct tensor w = check_3d(c, dtype, s->outs, s->taps, s->width),
                  b = check_1d(c, dtype, s->outs);
    struct tensor dst = check_2d(c, TENSOR_F32, s->rows, s->outs);
    op_conv(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w),
            check_on(c, bias ? &b : NULL), s->dilation);
    check_close(c, &dst, check_conv(c, s->rows, &x, &w, bias ? &b : NULL, s->dilation), 1e-5,
                "conv %zu rows, %s [%zu, %zu, %zu], dilation %zu, bias %d", s->rows,
                tensor_dtype_name(dtype), s->outs, s->taps, s->width, s->dilation, bias);
    struct tensor again = check_copy(c, &dst);
    check_threads(c, 3);
    op_conv(&c->run, check_on(c, &again), check_on(c, &x), check_on(c, &w),
            check_on(c, bias ? &b : NULL), s->dilation);
    check_threads(c, CHECK_THREADS);
    check_same(c, &again, &dst, "same with three threads");
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {{1, 3, 1, 5, 1},    {1, 8, 7, 32, 3},    {2, 33, 2, 17, 1},
                                   {5, 1, 7, 96, 1},   {40, 1, 7, 96, 1},   {300, 1, 7, 96, 1},
                                   {9, 24, 3, 31, 9},  {50, 96, 7, 96, 9},  {65, 47, 7, 20, 3},
                                   {19, 40, 2, 64, 1}, {70, 96, 1, 96, 1},  {260, 65, 2, 130, 1},
                                   {83, 96, 7, 96, 3}, {100, 200, 2, 64, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(c, &shapes[i], TENSOR_F32, true);
        one(c, &shapes[i], TENSOR_BF16, true);
        one(c, &shapes[i], TENSOR_BF16, false);
    }
    /* So many rows that a GPU takes its larger tiles. */
    if (c->run.gpu)
        one(c, &(struct shape){24600, 96, 1, 96, 1}, TENSOR_BF16, true);
}

struct job {
    struct tensor dst, x, b;
    struct check_copies w;
    size_t dilation;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_conv(&c->run, check_on(c, &j->dst), check_on(c, &j->x), check_turn(&j->w),
            check_on(c, &j->b), j->dilation);
}

static void bench_one(struct check *c, const struct shape *s) {
    size_t history = (s->taps - 1) * s->dilation;
    struct tensor w = check_3d(c, TENSOR_BF16, s->outs, s->taps, s->width);
    struct job j = {check_2d(c, TENSOR_F32, s->rows, s->outs),
                    check_2d(c, TENSOR_F32, s->rows + history, s->width),
                    check_1d(c, TENSOR_BF16, s->outs), check_copies(c, &w), s->dilation};
    double weights = (double)(s->outs * s->taps * s->width), rows = (double)s->rows;
    check_bench(c, work, &j, 2 * weights + 4 * rows * (double)(s->width + s->outs),
                2 * rows * weights, "conv %zu rows, bf16 [%zu, %zu, %zu], dilation %zu", s->rows,
                s->outs, s->taps, s->width, s->dilation);
    check_free(c);
}

/* code2wav, 1, 5 and 25 frames: decoder.0, then transposed and residual convolutions. */
static void bench(struct check *c) {
    for (size_t frames = 1; frames <= 25; frames *= 5) {
        const struct shape shapes[] = {
            {4 * frames, 1536, 7, 1024, 1}, {4 * frames, 8 * 768, 2, 1536, 1},
            {32 * frames, 768, 7, 768, 3},  {32 * frames, 768, 1, 768, 1},
            {32 * frames, 1920, 2, 768, 1}, {160 * frames, 384, 7, 384, 9},
            {160 * frames, 384, 1, 384, 1}, {160 * frames, 768, 2, 384, 1},
            {640 * frames, 192, 7, 192, 3}, {640 * frames, 192, 1, 192, 1},
            {640 * frames, 288, 2, 192, 1}, {1920 * frames, 96, 7, 96, 9},
            {1920 * frames, 96, 1, 96, 1},  {1920 * frames, 1, 7, 96, 1}};
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            bench_one(c, &shapes[i]);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
