#include "tests/ops/check.h"

#include <math.h>

/* The bf16 nearest to x: of the two around it the closer, of equally close ones the even. */
static double nearest_bf16(double x) {
    double unit = ldexp(1, ilogb(x) - 7), below = floor(x / unit), odd = fmod(below, 2);
    double part = x / unit - below;
    return unit * (part > 0.5 || (part == 0.5 && odd != 0) ? below + 1 : below);
}

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width) {
    struct tensor src = check_2d(c, TENSOR_F32, rows, width), dst = check_2d(c, dtype, rows, width);
    double *want = check_doubles(c, rows * width);
    float *x = tensor_f32(&src);
    x[0] = 1 + 0x1p-8F; /* half way, rounds down to even */
    if (width > 1)
        x[1] = -1 - 0x3p-8F; /* half way, rounds away */
    for (size_t i = 0; i < rows * width; i++) {
        want[i] = dtype == TENSOR_F32 ? (double)x[i] : nearest_bf16((double)x[i]);
    }
    op_copy(&c->run, check_on(c, &dst), check_on(c, &src));
    check_close(c, &dst, want, 0, "copy to %s [%zu, %zu]", tensor_dtype_name(dtype), rows, width);
    check_free(c);
}

static void widened(struct check *c) {
    struct tensor src = check_2d(c, TENSOR_BF16, 7, 37), dst = check_2d(c, TENSOR_F32, 7, 37);
    double *want = check_doubles(c, 7 * 37);
    for (size_t i = 0; i < tensor_count(&src); i++)
        want[i] = check_at(&src, i);
    op_copy(&c->run, check_on(c, &dst), check_on(c, &src));
    check_close(c, &dst, want, 0, "copy from bf16");
    check_free(c);
}

/* What tensors of weights become for matrix units. */
static void dequantised(struct check *c, enum tensor_dtype dtype, size_t rows, size_t blocks) {
    size_t width = blocks * tensor_dtype_block(dtype);
    struct tensor src = check_2d(c, dtype, rows, width);
    struct tensor dst = check_2d(c, TENSOR_BF16, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < rows * width; i++) {
        double x = check_at(&src, i);
        want[i] = x == 0 ? 0 : nearest_bf16(x);
    }
    op_copy(&c->run, check_on(c, &dst), check_on(c, &src));
    /* A multiply-add that rounds once may be on the other side of what lies half way. */
    check_near(c, &dst, want, 1e-4, "copy from %s [%zu, %zu]", tensor_dtype_name(dtype), rows,
               width);
    check_free(c);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1);
        one(c, dtype, 3, 37);
        one(c, dtype, 130, 512);
        one(c, dtype, 130, 513);
    }
    widened(c);
    for (size_t i = 0; i < CHECK_QUANTISED; i++) {
        dequantised(c, check_quantised[i], 1, 1);
        dequantised(c, check_quantised[i], 37, 3);
        dequantised(c, check_quantised[i], 300, 9);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
