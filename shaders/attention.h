/* attention: causal attention over a cache; a workgroup has 64 queries (a row of one of the heads
 * that share a kv head) of one kv head. */
#ifndef SHADERS_ATTENTION_H
#define SHADERS_ATTENTION_H

#include "shaders/lib/types.h"

#define ATTENTION_QUERIES 64

/* Constants: 0: head_dim; 1: k and v are bf16. Groups: (tiles of queries, kv heads). */
struct attention_args {
    uint64_t dst, q; /* f32 [rows, heads, head_dim] */
    uint64_t k, v;   /* f32|bf16 [S, kv_heads, head_dim] */
    uint64_t at;     /* i32 [1] */
    uint32_t rows, heads, kv_heads;
    uint32_t window; /* 0: all */
};

#endif
