/* clamp: x[i] = min(max(x[i], lo), hi). */
#ifndef SHADERS_CLAMP_H
#define SHADERS_CLAMP_H

#include "shaders/lib/types.h"

struct clamp_args {
    uint64_t dst, x; /* f32 [n] */
    uint32_t n;
    float lo, hi;
};

#endif
