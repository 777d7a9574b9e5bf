#include "tests/ops/check.h"

/* The number at [n, y, x, ch] of images [N, height, width, channels], zero outside. */
static double pixel(const struct tensor *src, size_t height, size_t width, size_t channels,
                    size_t n, long y, long x, size_t ch) {
    if (y < 0 || x < 0 || y >= (long)height || x >= (long)width)
        return 0;
    return check_at(src, ((n * height + (size_t)y) * width + (size_t)x) * channels + ch);
}

/* rest: numbers that a row has behind the nine pixels. */
static void one(struct check *c, size_t images, size_t height, size_t width, size_t channels,
                size_t rest) {
    size_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    struct tensor src = check_2d(c, TENSOR_F32, images * height * width, channels);
    struct tensor dst = check_2d(c, TENSOR_F32, images * rows * columns, 9 * channels + rest);
    double *want = check_doubles(c, tensor_count(&dst)), *next = want;
    for (size_t n = 0; n < images; n++)
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++, next += rest)
                for (long dy = -1; dy <= 1; dy++)
                    for (long dx = -1; dx <= 1; dx++)
                        for (size_t ch = 0; ch < channels; ch++)
                            *next++ = pixel(&src, height, width, channels, n, 2 * (long)y + dy,
                                            2 * (long)x + dx, ch);
    op_im2col(&c->run, check_on(c, &dst), check_on(c, &src), height, width);
    check_close(c, &dst, want, 0, "im2col [%zu, %zu, %zu, %zu], %zu more", images, height, width,
                channels, rest);
    check_free(c);
}

/* Images that hold bf16 numbers, to and from f32 and bf16. */
static void rounded(struct check *c, size_t channels) {
    struct tensor src = check_2d(c, TENSOR_BF16, 2 * 7 * 10, channels);
    struct tensor wide = check_2d(c, TENSOR_F32, 2 * 7 * 10, channels);
    const struct tensor *from[] = {&src, &wide};
    for (size_t i = 0; i < tensor_count(&src); i++)
        tensor_f32(&wide)[i] = (float)check_at(&src, i);
    for (size_t i = 0; i < 2; i++) {
        struct tensor full = check_2d(c, TENSOR_F32, 2 * 4 * 5, 9 * channels);
        struct tensor half = check_2d(c, TENSOR_BF16, 2 * 4 * 5, 9 * channels);
        op_im2col(&c->run, check_on(c, &full), check_on(c, &wide), 7, 10);
        op_im2col(&c->run, check_on(c, &half), check_on(c, from[i]), 7, 10);
        check_rounded(c, &half, &full, "im2col of %zu channels, %s to bf16", channels,
                      tensor_dtype_name(from[i]->dtype));
    }
    check_free(c);
}

static void test(struct check *c) {
    one(c, 1, 1, 1, 1, 0);
    one(c, 1, 2, 2, 3, 0);
    one(c, 2, 5, 4, 2, 0);
    one(c, 3, 16, 13, 8, 0);
    one(c, 2, 7, 10, 12, 0);
    one(c, 1, 128, 37, 1, 0);
    one(c, 2, 9, 11, 1, 23);
    one(c, 2, 9, 11, 4, 28);
    if (!c->run.gpu)
        return;
    rounded(c, 12);
    rounded(c, 3);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
