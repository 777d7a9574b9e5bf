/* add: dst[i] += x[i]. */
#ifndef SHADERS_ADD_H
#define SHADERS_ADD_H

#include "shaders/lib/types.h"

struct add_args {
    uint64_t dst, x; /* f32 [n] */
    uint32_t n;
};

#endif
