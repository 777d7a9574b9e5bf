/* layer_norm: dst[r] = w * (x[r] - mean) / sqrt(var + eps) + b; a workgroup a row. */
#ifndef SHADERS_LAYER_NORM_H
#define SHADERS_LAYER_NORM_H

#include "shaders/lib/types.h"

/* Constants: 0: w is bf16; 1: b is bf16; 2: dst is bf16. */
struct layer_norm_args {
    uint64_t dst, x; /* f32 [rows, width], dst f32|bf16 */
    uint64_t w, b;   /* f32|bf16 [width] */
    uint32_t rows, width;
    float eps;
};

#endif
