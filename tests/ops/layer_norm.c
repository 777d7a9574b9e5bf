#include "tests/ops/check.h"

#include <math.h>

/* offset: added to all numbers; a large one drowns a careless variance. */
static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width, float offset,
                bool in_place) {
    const double eps = 1e-5;
    struct tensor x = check_2d(c, TENSOR_F32, rows, width);
    struct tensor w = check_1d(c, dtype, width), b = check_1d(c, dtype, width);
    struct tensor dst = in_place ? x : check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++)
        tensor_f32(&x)[i] += offset;
    for (size_t r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        for (size_t d = 0; d < width; d++)
            mean += check_at(&x, r * width + d) / (double)width;
        for (size_t d = 0; d < width; d++)
            variance += pow(check_at(&x, r * width + d) - mean, 2) / (double)width;
        for (size_t d = 0; d < width; d++)
            want[r * width + d] =
                check_at(&w, d) * (check_at(&x, r * width + d) - mean) / sqrt(variance + eps) +
                check_at(&b, d);
    }
    op_layer_norm(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w), check_on(c, &b),
                  (float)eps);
    /* The mean is rounded to f32: half a unit in the last place of the offset remains. */
    check_close(c, &dst, want, 4e-7 * (1 + fabs((double)offset)),
                "layer_norm%s %s [%zu, %zu] around %g", in_place ? " in place" : "",
                tensor_dtype_name(dtype), rows, width, (double)offset);
    check_free(c);
}

static void rounded(struct check *c) {
    struct tensor x = check_2d(c, TENSOR_F32, 9, 301), w = check_1d(c, TENSOR_BF16, 301);
    struct tensor b = check_1d(c, TENSOR_BF16, 301), full = check_2d(c, TENSOR_F32, 9, 301);
    struct tensor half = check_2d(c, TENSOR_BF16, 9, 301), *dst[] = {&full, &half};
    for (size_t i = 0; i < 2; i++)
        op_layer_norm(&c->run, check_on(c, dst[i]), check_on(c, &x), check_on(c, &w),
                      check_on(c, &b), 1e-5F);
    check_rounded(c, &half, &full, "layer_norm to bf16");
    check_free(c);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 0, false);
        one(c, dtype, 1, 1280, 0, true);
        one(c, dtype, 7, 33, 1000, false);
        one(c, dtype, 60, 1031, -3, true);
    }
    if (c->run.gpu)
        rounded(c);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_layer_norm(&c->run, check_on(c, &t[3]), check_on(c, &t[0]), check_on(c, &t[1]),
                  check_on(c, &t[2]), 1e-6F);
}

static void bench(struct check *c) {
    static const size_t shapes[][2] = {{4, 1024}, {104, 1280}, {780, 1280}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], width = shapes[i][1];
        struct tensor t[] = {check_2d(c, TENSOR_F32, rows, width), check_1d(c, TENSOR_BF16, width),
                             check_1d(c, TENSOR_BF16, width), check_2d(c, TENSOR_F32, rows, width)};
        check_bench(c, work, t, 8.0 * (double)(rows * width), 0, "layer_norm [%zu, %zu]", rows,
                    width);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
