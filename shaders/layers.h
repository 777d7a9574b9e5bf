/* layers: one row through decoder layers, in one kernel that stays. Its workgroups go through the
 * layers together; before what needs the work of others they meet. layers.comp and layers_bf16.comp
 * are for layers with experts; passes_lanes.comp is for dense ones, through which a row goes once
 * in a pass, and then a code is drawn, whose embedding is the next pass's row. */
#ifndef SHADERS_LAYERS_H
#define SHADERS_LAYERS_H

#include "shaders/lib/types.h"

/* A layer in the table: device addresses, multiples of 16. */
#define LAYERS_INPUT_NORM    0 /* f32|bf16 [hidden] */
#define LAYERS_POST_NORM     1
#define LAYERS_Q             2 /* [heads * head_dim, hidden] */
#define LAYERS_K             3 /* [kv_heads * head_dim, hidden] */
#define LAYERS_V             4
#define LAYERS_OUT           5 /* [hidden, heads * head_dim] */
#define LAYERS_Q_NORM        6 /* f32|bf16 [head_dim], or 0 */
#define LAYERS_K_NORM        7
#define LAYERS_K_CACHE       8 /* bf16|f32 [capacity, kv_heads, head_dim] */
#define LAYERS_V_CACHE       9
#define LAYERS_ROUTER        10 /* f32|bf16 [n_experts, hidden] */
#define LAYERS_GATE          11 /* expert 0's; [inner, hidden] */
#define LAYERS_UP            12
#define LAYERS_DOWN          13 /* [hidden, inner] */
#define LAYERS_APART         14 /* bytes from one expert's matrix to the next one's */
#define LAYERS_SHARED_ROUTER 15 /* of a shared expert: [1, hidden], */
#define LAYERS_SHARED_GATE   16 /* [shared_inner, hidden], */
#define LAYERS_SHARED_UP     17
#define LAYERS_SHARED_DOWN   18 /* [hidden, shared_inner] */
#define LAYERS_WORDS         20 /* of 64 bits */

/* A pass in the table of passes, as long. What LAYERS_INPUT_NORM and LAYERS_Q are of a layer are
 * here the last norm and the head, [vocab, hidden]. */
#define PASS_EMBED    3 /* [vocab, hidden], of the code that is drawn; 0: there is no next pass */
#define PASS_CODEBOOK 4 /* a number */

/* Words of the state, u32; zeros before the first kernel, and again after the sweep. */
#define LAYERS_COUNT 0 /* meetings that workgroups came to; with LAYERS_LOST: given up */
#define LAYERS_LOST  0x80000000

/* Constants. 0: type of all matrices, see quant.h; layers_bf16: inner of the shared expert or 0; 1:
 * hidden; 2: heads; 3: kv_heads; 4: head_dim; 5: n_experts; 6: chosen; 7: inner; 8: norms of rows
 * are 1: f32, 2: bf16; 9: caches are bf16; 10: norms of heads are bf16; 11: the router is 1: f32,
 * 2: bf16; 12: splits of the keys. passes_lanes has others, see there. */
struct layers_args {
    uint64_t layers;  /* u64 [n_layers, LAYERS_WORDS] */
    uint64_t x;       /* f32 [hidden]; becomes what leaves the last layer, but for passes */
    uint64_t scratch; /* f32, see lib/layers_room.glsl, passes_lanes.comp */
    uint64_t rope;    /* f32 [n_passes, head_dim], see op_rope_table() */
    uint64_t at;      /* i32 [n_passes]: rows in the caches */
    uint64_t state;   /* see above */
    uint64_t report;  /* u32 [1]: how often workgroups have not met */
    uint64_t passes;  /* u64 [n_passes, LAYERS_WORDS] */
    uint64_t draws;   /* struct op_sampler of ops.h */
    uint64_t codes;   /* i32 [codebooks], of which those of the passes are drawn */
    uint32_t n_layers, capacity;
    uint32_t n_passes;  /* 1 but for passes */
    uint32_t normalise; /* the weights of chosen experts */
    uint32_t patience;  /* so often a waiting workgroup looks 1024 times */
    uint32_t sweep; /* not 0: be the only workgroup; if the others did not meet, do it all alone */
    float eps;
};

#endif
