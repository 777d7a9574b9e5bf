/* rope_table: table[t] = cosines and sines of position * frequency. */
#ifndef SHADERS_ROPE_TABLE_H
#define SHADERS_ROPE_TABLE_H

#include "shaders/lib/types.h"

struct rope_table_args {
    uint64_t table;     /* f32 [rows, 2 * half_width] */
    uint64_t positions; /* f32 [rows, 3] */
    uint64_t frequency; /* f32 [half_width] */
    uint32_t rows, half_width;
    uint32_t height, width; /* where the axes of that name end, see op_rope_table() */
};

#endif
