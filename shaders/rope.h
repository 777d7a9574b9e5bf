/* rope: rotates x in place by the angles of table. */
#ifndef SHADERS_ROPE_H
#define SHADERS_ROPE_H

#include "shaders/lib/types.h"

struct rope_args {
    uint64_t x;     /* f32 [rows, heads, 2 * half_width] */
    uint64_t table; /* f32 [rows, 2 * half_width] */
    uint32_t pairs; /* rows * heads * half_width */
    uint32_t heads, half_width;
};

#endif
