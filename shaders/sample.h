/* sample: a draw from logits, or from what sample_narrow left of them; one workgroup. */
#ifndef SHADERS_SAMPLE_H
#define SHADERS_SAMPLE_H

#include "shaders/lib/types.h"

#ifndef SELECT_THREADS
#define SELECT_THREADS 512
#endif

#define SAMPLE_MANY  4096 /* logits at most of a draw without lists */
#define SAMPLE_LISTS 64

/* Constants: 0: draw from lists; 1: then dst = the token's row of table; 2: the table's type, see
 * quant.h. */
struct sample_args {
    uint64_t token;  /* i32 [1] */
    uint64_t logits; /* f32 [n] */
    uint64_t state;  /* struct op_sampler of ops.h */
    uint64_t seen;   /* i32 [n] or 0 */
    /* SAMPLE_LISTS rows of `width`, and how much of each is filled; all together ascending ids. */
    uint64_t keys;   /* u32 [SAMPLE_LISTS, width]: order() of scores */
    uint64_t ids;    /* i32 [SAMPLE_LISTS, width] */
    uint64_t counts; /* i32 [SAMPLE_LISTS] */
    uint64_t dst;    /* f32 [embed_width] */
    uint64_t table;  /* [vocab, embed_width] */
    uint32_t n, codebook;
    uint32_t width, embed_width, vocab;
};

#endif
