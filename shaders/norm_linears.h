/* norm_linears: dst[i][t] = w[i] . rms_norm(x[t]) for up to four matrices of the same width; few
 * rows. */
#ifndef SHADERS_NORM_LINEARS_H
#define SHADERS_NORM_LINEARS_H

#include "shaders/lib/types.h"

/* Constants. 0: the matrices are bf16; 1: eight weights of a row always lie together at a multiple
 * of 16 bytes, as do their activations; 2: rows, or more; 3: loads at once; 4: norm is 1: f32, 2:
 * bf16; 5: the width, or 0, see lib/few.glsl. */
struct norm_linears_args {
    uint64_t w[4];   /* f32|bf16 [outs, width] */
    uint64_t dst[4]; /* f32 [rows, outs] */
    uint64_t x;      /* f32 [rows, width] */
    uint64_t norm;   /* f32|bf16 [width] */
    uint32_t outs[4];
    uint32_t rows, width;
    float eps;
};

#endif
