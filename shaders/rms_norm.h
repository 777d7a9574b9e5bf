/* rms_norm: dst[r] = w * x[r] / sqrt(mean(x[r]^2) + eps); a workgroup a row. */
#ifndef SHADERS_RMS_NORM_H
#define SHADERS_RMS_NORM_H

#include "shaders/lib/types.h"

/* Constants: 0: w is bf16; 1: dst is bf16. */
struct rms_norm_args {
    uint64_t dst, x; /* f32 [rows, width], dst f32|bf16 */
    uint64_t w;      /* f32|bf16 [width] */
    uint32_t rows, width;
    float eps;
};

#endif
