/* add_gated: dst[t, d] += sigmoid(gate[t]) * x[t, d]. */
#ifndef SHADERS_ADD_GATED_H
#define SHADERS_ADD_GATED_H

#include "shaders/lib/types.h"

struct add_gated_args {
    uint64_t dst, x; /* f32 [n], rows of `width` */
    uint64_t gate;   /* f32 [n / width] */
    uint32_t n, width;
};

#endif
