/* add_scaled: dst[t, d] += scale[d] * x[t, d]. */
#ifndef SHADERS_ADD_SCALED_H
#define SHADERS_ADD_SCALED_H

#include "shaders/lib/types.h"

/* Constants: 0: scale is bf16. */
struct add_scaled_args {
    uint64_t dst, x; /* f32 [n], rows of `width` */
    uint64_t scale;  /* f32|bf16 [width] */
    uint32_t n, width;
};

#endif
