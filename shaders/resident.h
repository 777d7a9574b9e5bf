/* resident: a kernel that stays. Its workgroups go through a table of steps together; before a step
 * that needs what others have made they meet. */
#ifndef SHADERS_RESIDENT_H
#define SHADERS_RESIDENT_H

#include "shaders/lib/types.h"

/* What a step does; the number of the kernel whose arguments it has. */
#define RESIDENT_NONE       0 /* has no such form; in a table: nothing */
#define RESIDENT_STREAM     1 /* the next product of the table of them, see stream.h */
#define RESIDENT_ATTENTION  2 /* attention_split, FRESH */
#define RESIDENT_MOE_HIDDEN 3
#define RESIDENT_MOE_DOWN   4
#define RESIDENT_SAMPLE     5 /* with or without embedding, not from lists */

#define RESIDENT_MEET 1 /* flags: the next step needs what others have made in this one */

struct resident_step {
    uint32_t args[32]; /* as a kernel of its own would have them */
    uint32_t kind, flags;
    uint32_t groups[3];
    uint32_t unused[3];
};
#define RESIDENT_WORDS 40 /* of a step */

/* Words of the state. Zeros before the first kernel; sweep leaves zeros. */
#define RESIDENT_COUNT 0  /* meetings that workgroups came to; with RESIDENT_LOST: given up */
#define RESIDENT_FOUND 1  /* by the census */
#define RESIDENT_DONE  16 /* on, one a workgroup: steps that it has done */
#define RESIDENT_LOST  0x80000000
#define RESIDENT_MOST  1024 /* workgroups */

/* Kernels have a form of their own here: attention with so many queries, experts up to so many. */
#define RESIDENT_QUERIES 4
#define RESIDENT_EXPERTS 128

/* Constants. 0: words of shared memory; 1: matrices are bf16; 2: norms are 1: f32, 2: bf16; 3:
 * head_dim; 4: caches are bf16; 5: norms of heads are bf16; 6: chosen experts, 7: their inner, 8:
 * the shared one's; 9: bits 1 << kind of the kinds of steps; 10: units of a
 * product that are under way; 11: keys of a tile of attention; 12: the router of experts whose
 * logits are made with the first step of them, as of moe_hidden, see moe_few.h. */
struct resident_args {
    uint64_t steps, jobs; /* struct resident_step [n_steps], struct stream_args [n_jobs] */
    uint64_t state;
    uint64_t report; /* a word: how often the sweep has found work */
    uint32_t n_steps, n_jobs;
    uint32_t patience; /* so often a waiting workgroup looks 1024 times */
    uint32_t sweep;    /* not 0: be the only workgroup and do what so many have left undone */
    uint32_t census;   /* not 0: only find out how many workgroups there are at the same time */
};

#endif
