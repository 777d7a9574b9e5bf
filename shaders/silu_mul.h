/* silu_mul: dst[i] = silu(gate[i]) * up[i]; dst may be gate. */
#ifndef SHADERS_SILU_MUL_H
#define SHADERS_SILU_MUL_H

#include "shaders/lib/types.h"

struct silu_mul_args {
    uint64_t dst, gate, up; /* f32 [n] */
    uint32_t n;
};

#endif
