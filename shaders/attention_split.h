/* attention_split: attention of few rows. The keys are split over workgroups; the last of them to
 * end adds up what all have found, in a fixed order. FRESH: q, new_k and new_v are one row of
 * projections, which are normed, turned and written to the cache on the way. */
#ifndef SHADERS_ATTENTION_SPLIT_H
#define SHADERS_ATTENTION_SPLIT_H

#include "shaders/lib/types.h"

#define ATTENTION_SPLIT_MAX 64 /* workgroups that share one's keys */

/* Constants: 0: head_dim, even, at most 128; 1: k and v are bf16; 2: FRESH; 3: norms are bf16; 4:
 * queries of a workgroup; 5: keys of a tile, a multiple of four; 6: there is no window, so that the
 * first tile can be asked for at once; 7: threads, at least queries * keys.
 * Groups: (tiles of queries, kv heads, splits). */
struct attention_split_args {
    uint64_t dst, q; /* f32 [rows, heads, head_dim] */
    uint64_t k, v;   /* f32|bf16 [S, kv_heads, head_dim] */
    uint64_t at;     /* i32 [1] */
    uint64_t found;  /* f32 [tiles * kv_heads, splits, queries * (head_dim + 2)]: scratch */
    uint64_t done;   /* i32 [tiles * kv_heads]: zeros, and again zeros when it ends */
    /* FRESH only, and then rows is 1. */
    uint64_t new_k, new_v;   /* f32 [kv_heads, head_dim] */
    uint64_t rope;           /* f32 [head_dim], see op_rope_table() */
    uint64_t q_norm, k_norm; /* f32|bf16 [head_dim] or 0 */
    uint32_t rows, heads, kv_heads;
    uint32_t window;   /* 0: all */
    uint32_t capacity; /* S */
    float eps;         /* of the norms */
};

#endif
