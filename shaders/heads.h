/* heads: rows of projections on their way to attention: norms per head, rope, the cache; a
 * workgroup has HEADS_EACH heads of one row, a team of threads each. */
#ifndef SHADERS_HEADS_H
#define SHADERS_HEADS_H

#include "shaders/lib/types.h"

#define HEADS_EACH    8
#define HEADS_MAX_DIM 128

/* Constants: 0: caches are bf16; 1: norms are. Groups: (heads + 2 kv_heads in eights, rows). */
struct heads_args {
    uint64_t q;                /* f32 [rows, heads, head_dim], changed in place */
    uint64_t k, v;             /* f32 [rows, kv_heads, head_dim] */
    uint64_t q_norm, k_norm;   /* f32|bf16 [head_dim] or 0 */
    uint64_t rope;             /* f32 [rows, head_dim], see op_rope_table() */
    uint64_t k_cache, v_cache; /* f32|bf16 [S, kv_heads, head_dim] */
    uint64_t at;               /* i32 [1] */
    uint32_t rows, heads, kv_heads, head_dim;
    float eps;
};

#endif
