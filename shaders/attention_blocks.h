/* attention_blocks: full attention inside groups of rows; a workgroup has 64 rows of one head. */
#ifndef SHADERS_ATTENTION_BLOCKS_H
#define SHADERS_ATTENTION_BLOCKS_H

#include "shaders/lib/types.h"

#define ATTENTION_BLOCKS_QUERIES 64

/* Constants: 0: head_dim. Groups: (tiles of a group, heads, groups). */
struct attention_blocks_args {
    uint64_t dst, q, k, v; /* f32 [rows, heads, head_dim] */
    uint32_t rows, heads, group;
};

#endif
