/* product: sums of scalar products over weights, behind linear, conv and moe. Private to this
 * room. */
#ifndef OPS_PRODUCT_H
#define OPS_PRODUCT_H

#include "common/ops/ops.h"

/* dst[t, n] (+)= act(b[n] + sum_{i < taps} sum_{c < width} w[n, i, c] x[t + i * dilation, c]) */
struct product {
    const struct tensor *dst;   /* f32 [rows, outs] */
    const struct tensor *x;     /* f32 [rows + (taps - 1) * dilation, width] */
    const struct tensor *w, *b; /* matrix [outs, taps * width]; [outs] or NULL */
    const struct tensor *scale; /* f32|bf16 [outs] or NULL: of what is added, on a GPU only */
    size_t rows, outs, taps, width, dilation;
    enum op_act act;
    bool add;                     /* only without act */
    const struct op_snake *snake; /* of the result, then f32; or NULL */
    /* On the CPU, where product_rounds(): all of x by product_round(). product_run() does that
     * itself. */
    const char *rounded;
};

/* A convolution, see op_conv(). */
struct product product_conv(const struct tensor *dst, const struct tensor *x,
                            const struct tensor *w, const struct tensor *b, size_t dilation);

/* The whole of it, by all threads. */
void product_run(struct run *run, const struct product *p);
/* The same on a GPU; product_run() calls it. */
void product_dispatch(struct run *run, const struct product *p);

/* p->snake, if there is one, as an op of its own. */
void product_snake_after(struct run *run, const struct product *p);

/* Whether a product with few rows of x takes them as int8 (struct cpu_q8), and at which distance
 * from one another; numbers [first, first + n) of a row, multiples of 32. */
bool product_rounds(const struct run *run, const struct tensor *w);
size_t product_rounded_bytes(size_t width);
void product_round(const struct run *run, char *row, const float *x, size_t width, size_t first,
                   size_t n);

/* Rows [t, t + rows) and outputs [n, n + outs) with quantised weights, without b and act. */
void product_few_quant(const struct run *run, const struct product *p, size_t t, size_t rows,
                       size_t n, size_t outs);

/* Outputs [n, n + outs) of a product without b and act, by the calling thread alone. n is a
 * multiple of product_step(); scratch is product_scratch() bytes, 64-byte aligned. */
void product_part(const struct run *run, const struct product *p, size_t n, size_t outs,
                  void *scratch);
size_t product_step(const struct run *run);
size_t product_scratch(const struct run *run);

#endif
