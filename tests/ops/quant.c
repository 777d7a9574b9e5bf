/* The CPU's kernels for quantised weights by themselves: what linear.c tests through the op, with
 * x as the kernels see it. Small, so that an emulator runs it, too. */
#include "common/ops/cpu/kernels.h"
#include "tests/ops/check.h"

#include <math.h>

enum { OUTS = 5 };

/* Rows of x as int8, one after the other. */
static char *quantise(struct check *c, const struct tensor *x) {
    size_t width = tensor_row(x), bytes = cpu_q8_bytes(width);
    char *q = (char *)check_doubles(c, x->shape[0] * bytes / sizeof(double));
    for (size_t t = 0; t < x->shape[0]; t++)
        c->run.cpu->quantise(q + t * bytes, tensor_f32(x) + t * width, width, 0, width);
    return q;
}

/* Each number is the nearest of 255 between the largest and its negative. */
static void test_x(struct check *c, const struct tensor *x, char *q) {
    size_t width = tensor_row(x), wrong = 0;
    for (size_t t = 0; t < x->shape[0]; t++) {
        struct cpu_q8 row = cpu_q8(q + t * cpu_q8_bytes(width), width);
        for (size_t i = 0; i < width; i++) {
            double off = (double)row.q[i] * row.scale[i / 32] - check_at(x, t * width + i);
            wrong += fabs(off) > 0.5001 * row.scale[i / 32] || row.q[i] < -127;
        }
    }
    check_true(c, wrong == 0, "%zu of [%zu, %zu] not the nearest int8", wrong, x->shape[0], width);
}

static double *reference(struct check *c, char *q, const struct tensor *w, size_t rows) {
    size_t width = tensor_row(w);
    double *y = check_doubles(c, rows * OUTS);
    for (size_t i = 0; i < rows * OUTS; i++) {
        struct cpu_q8 x = cpu_q8(q + i / OUTS * cpu_q8_bytes(width), width);
        for (size_t k = 0; k < width; k++)
            y[i] += check_at(w, i % OUTS * width + k) * x.q[k] * x.scale[k / 32];
    }
    return y;
}

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width), w = check_2d(c, dtype, OUTS, width);
    struct tensor y = check_2d(c, TENSOR_F32, rows, OUTS), wide = check_2d(c, TENSOR_F32, 1, width);
    char *q = quantise(c, &x);
    double *first = check_doubles(c, width), *want = reference(c, q, &w, rows);
    test_x(c, &x, q);
    struct cpu_quant d = {.x = q,
                          .w = w.data,
                          .dtype = dtype,
                          .y = tensor_f32(&y),
                          .y_stride = OUTS,
                          .rows = rows,
                          .outs = OUTS,
                          .width = width};
    c->run.cpu->dots_quant(&d);
    check_near(c, &y, want, 2e-6, "%zu rows of %zu times %s", rows, width,
               tensor_dtype_name(dtype));
    c->run.cpu->widen(tensor_f32(&wide), w.data, dtype, width);
    for (size_t k = 0; k < width; k++)
        first[k] = check_at(&w, k);
    check_near(c, &wide, first, 0, "%s made f32", tensor_dtype_name(dtype));
    check_free(c);
}

static void test(struct check *c) {
    for (size_t i = 0; i < CHECK_QUANTISED && !c->run.gpu; i++) {
        enum tensor_dtype dtype = check_quantised[i];
        for (size_t rows = 1; rows <= 6; rows++)
            one(c, dtype, rows, 768);
        one(c, dtype, 1, tensor_dtype_block(dtype));
        one(c, dtype, 2, 15 * tensor_dtype_block(dtype));
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
