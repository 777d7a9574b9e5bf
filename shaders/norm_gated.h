/* norm_gated: dst[t] = silu(gate . y) * (up . y), y = rms_norm(x[t]); few rows. */
#ifndef SHADERS_NORM_GATED_H
#define SHADERS_NORM_GATED_H

#include "shaders/lib/types.h"

/* Constants as those of norm_linears. */
struct norm_gated_args {
    uint64_t dst;      /* f32 [rows, outs] */
    uint64_t x;        /* f32 [rows, width] */
    uint64_t norm;     /* f32|bf16 [width] */
    uint64_t gate, up; /* f32|bf16 [outs, width] */
    uint32_t rows, outs, width;
    float eps;
};

#endif
