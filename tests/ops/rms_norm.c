#include "tests/ops/check.h"

#include <math.h>

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width, float range,
                bool in_place) {
    const double eps = 1e-6;
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), w = check_1d(c, dtype, width);
    struct tensor dst = in_place ? x : check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++)
        tensor_f32(&x)[i] *= range;
    for (size_t r = 0; r < rows; r++) {
        double squares = 0;
        for (size_t d = 0; d < width; d++)
            squares += pow(check_at(&x, r * width + d), 2);
        for (size_t d = 0; d < width; d++)
            want[r * width + d] =
                check_at(&w, d) * check_at(&x, r * width + d) / sqrt(squares / (double)width + eps);
    }
    op_rms_norm(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w), (float)eps);
    check_close(c, &dst, want, 3e-7, "rms_norm%s %s [%zu, %zu], numbers to %g",
                in_place ? " in place" : "", tensor_dtype_name(dtype), rows, width, (double)range);
    check_free(c);
}

static void zeros(struct check *c) {
    float x[33] = {0};
    struct tensor t = tensor_2d(TENSOR_F32, x, 1, 33), w = check_1d(c, TENSOR_F32, 33);
    double want[33] = {0};
    op_rms_norm(&c->run, check_on(c, &t), check_on(c, &t), check_on(c, &w), 1e-6F);
    check_close(c, &t, want, 0, "rms_norm of zeros");
    check_free(c);
}

static void rounded(struct check *c) {
    struct tensor x = check_2d(c, TENSOR_F32, 9, 301), w = check_1d(c, TENSOR_BF16, 301);
    struct tensor full = check_2d(c, TENSOR_F32, 9, 301), half = check_2d(c, TENSOR_BF16, 9, 301);
    op_rms_norm(&c->run, check_on(c, &full), check_on(c, &x), check_on(c, &w), 1e-6F);
    op_rms_norm(&c->run, check_on(c, &half), check_on(c, &x), check_on(c, &w), 1e-6F);
    check_rounded(c, &half, &full, "rms_norm to bf16");
    check_free(c);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 1, false);
        one(c, dtype, 1, 2048, 1, true);
        one(c, dtype, 32, 128, 100, true);
        one(c, dtype, 7, 33, 1e-4F, false);
        one(c, dtype, 60, 1031, 1e6F, false);
    }
    zeros(c);
    if (c->run.gpu)
        rounded(c);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_rms_norm(&c->run, check_on(c, &t[2]), check_on(c, &t[0]), check_on(c, &t[1]), 1e-6F);
}

static void bench(struct check *c) {
    static const size_t shapes[][2] = {{1, 2048}, {32, 128}, {512, 2048}, {512 * 32, 128}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], width = shapes[i][1];
        struct tensor t[] = {check_2d(c, TENSOR_F32, rows, width), check_1d(c, TENSOR_BF16, width),
                             check_2d(c, TENSOR_F32, rows, width)};
        check_bench(c, work, t, 8.0 * (double)(rows * width), 0, "rms_norm [%zu, %zu]", rows,
                    width);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
