/* product: sums of scalar products over weights, behind linear, linear_add and conv.
 *   y[t, n] = b[n] + sum_{i < taps} sum_{c < width} w[n, i, c] x[t + i * dilation, c]
 *   dst = act(y), or dst += scale * y
 * product_few is for few rows, product_many for many, product_matrix and product_matrix2 for many
 * on devices with matrix units; product_sum adds what product_many left in
 * `parts` when it had more workgroups than results to give them. */
#ifndef SHADERS_PRODUCT_H
#define SHADERS_PRODUCT_H

#include "shaders/lib/types.h"

/* Constants. 0: w is bf16, of product_many its type, see quant.h; 1: eight weights of a row always
 * lie together at a multiple of 16 bytes, as do their activations. product_few, 2: rows that share
 * a read of the weights; 3: reads at once; 4: the width, or 0, see lib/few.glsl. product_many, 2
 * and 3: rows and outs of a thread. product_matrix: those of matrix_tile.glsl; product_matrix2:
 * those of tensor_tile.glsl, 3: summed numbers of a step; 4: outs are a multiple of eight, dst's
 * address of 16; 5: dst is bf16; 6: the edges that a tile sticks out of. */
#define PRODUCT_ROWS_EDGE 1 /* there are fewer rows than a tile has */
#define PRODUCT_OUTS_EDGE 2 /* there are fewer outs */
#define PRODUCT_SUMS_EDGE 4 /* the width is no multiple of a step's */

struct product_args {
    uint64_t dst;   /* f32 [rows, outs]; product_matrix2: f32|bf16 */
    uint64_t x;     /* f32 [rows + (taps - 1) * dilation, width]; product_matrix2: bf16 */
    uint64_t w;     /* f32|bf16 [outs, taps, width] */
    uint64_t b;     /* f32|bf16 [outs], or 0 */
    uint64_t scale; /* f32|bf16 [outs], or 0; of what is added */
    uint64_t parts; /* f32 [n_parts, rows, outs] */
    uint32_t rows, outs, taps, width, dilation;
    uint32_t n_parts; /* the sum over taps and width is cut into so many */
    uint32_t b_bf16, scale_bf16;
    uint32_t act;      /* enum op_act */
    uint32_t add;      /* dst += */
    uint32_t x_stride; /* numbers from one row of x to the next */
};

/* Behind those of product_sum: dst = the snake of the results, seen as rows of `width`
 * (shaders/snakebeta.h). Constants: 0: there is one; 1: alpha is bf16; 2: beta is bf16; 3: dst is
 * bf16. */
struct product_snake {
    uint64_t dst;         /* f32|bf16 */
    uint64_t alpha, beta; /* f32|bf16 [width] */
    uint32_t width;
};

#endif
