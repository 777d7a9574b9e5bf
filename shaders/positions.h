/* positions: positions[t] = (p, p, p), p = at[0] + t. */
#ifndef SHADERS_POSITIONS_H
#define SHADERS_POSITIONS_H

#include "shaders/lib/types.h"

struct positions_args {
    uint64_t positions; /* f32 [n / 3, 3] */
    uint64_t at;        /* i32 [1] */
    uint32_t n;
};

#endif
