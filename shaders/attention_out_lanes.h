/* attention_out_lanes: attention of one new row to few keys, and what its output projection adds:
 *   dst += w . attention
 * Workgroup (i, h) makes the attention of kv head h for itself, while its rows of w are on their
 * way, and multiplies that head's columns of them; of each i the last to end adds up all heads', in
 * their order. So a dispatch less waits for another: 2.1 us on one H100, and 1.5 us for the
 * weights, against 1.5 us for handing in. */
#ifndef SHADERS_ATTENTION_OUT_LANES_H
#define SHADERS_ATTENTION_OUT_LANES_H

#include "shaders/lib/types.h"

#define ATTENTION_OUT_TEAM 32 /* threads */
#define ATTENTION_OUT_ROWS 8  /* of w that they have together */

/* Constants: 0: head_dim; 1: k and v are bf16; 2: LANES that share a row, a power of two, at least
 * 4, 4 times which divides head_dim, as 8 does; 3: norms are bf16; 4: queries of a kv head; 5: keys
 * that there is room for, a multiple of the teams and of 4; 6: threads, a multiple of
 * ATTENTION_OUT_TEAM; 7: w is bf16; 8: the cache's capacity; 9: WARM. All addresses are multiples
 * of 16. Groups: (tiles of rows of w, kv heads). */
struct attention_out_lanes_args {
    uint64_t q;              /* f32 [kv_heads, queries, head_dim] */
    uint64_t k, v;           /* f32|bf16 [capacity, kv_heads, head_dim] */
    uint64_t at;             /* i32 [1] */
    uint64_t new_k, new_v;   /* f32 [kv_heads, head_dim] */
    uint64_t rope;           /* f32 [head_dim], see op_rope_table() */
    uint64_t q_norm, k_norm; /* f32|bf16 [head_dim] or 0 */
    uint64_t dst;            /* f32 [outs] */
    uint64_t w;              /* f32|bf16 [outs, kv_heads * queries * head_dim] */
    uint64_t parts;          /* f32 [kv_heads, outs], and one more: scratch */
    uint64_t done;           /* i32 [tiles]: zeros, and again zeros when it ends */
    uint64_t next;           /* what the next kernel reads, WARM * 16 bytes for each thread */
    uint32_t kv_heads, outs;
    uint32_t ahead; /* rows before this one that `at` does not count */
    float eps;      /* of the norms */
};

#endif
