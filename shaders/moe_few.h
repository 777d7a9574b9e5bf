/* moe_few: experts for few rows, in two kernels. For each row t a pair is the row with one of its
 * experts; `hidden` holds its chosen * inner numbers and then the shared expert's.
 *   moe_hidden   hidden = silu(gate y) * (up y); y is x[t], or rms_norm(x[t])
 *   moe_down     dst[t] += sum over pairs of weight * down hidden [+ sigmoid(logit) * shared] */
#ifndef SHADERS_MOE_FEW_H
#define SHADERS_MOE_FEW_H

#include "shaders/lib/types.h"

#define MOE_FEW_EXPERTS 512
#define MOE_FEW_CHOSEN  64
/* moe_hidden can make the logits too, of one row, see lib/router.glsl. So often a workgroup looks
 * for those that others make before it makes all by itself: a look takes about 0.7 us. */
#define MOE_FEW_PATIENCE 128

/* Constants of both. 0: the matrices are bf16; 1: eight weights of a row always lie together at a
 * multiple of 16 bytes, as do their activations. moe_hidden, 2: it chooses the experts itself; 3:
 * loads at once; 4: norm is 0: none, 1: f32, 2: bf16; 5: the width, or 0, see lib/few.glsl; 6:
 * experts there are, or more; 7: chosen; 8: inner; 9: it makes the logits itself, with a router
 * that is 1: f32, 2: bf16, or 0: it does not; 10: its patience. moe_down, 2: loads at once; 3:
 * chosen; 4: inner; 5: shared_inner; 6: hidden is kept in shared memory. */
struct moe_hidden_args {
    uint64_t x;    /* f32 [rows, width] */
    uint64_t norm; /* f32|bf16 [width] */
    /* f32 [rows, n_experts]; if it chooses. If it makes them: their keys, u32 [n_experts], zeros
     * until they are there; moe_down leaves zeros. */
    uint64_t logits;
    uint64_t experts;                /* i32 [rows, chosen]; written if it chooses, else read */
    uint64_t weights;                /* f32 [rows, chosen]; the same */
    uint64_t gate, up;               /* expert 0's; f32|bf16 [inner, width] */
    uint64_t shared_gate, shared_up; /* f32|bf16 [shared_inner, width] */
    uint64_t hidden;                 /* f32 [rows, chosen * inner + shared_inner] */
    uint64_t router, shared_router;  /* if it makes logits: f32|bf16 [n_experts, width], */
    uint64_t shared_logit;           /* [1, width] or 0, and what that makes: f32 [1] */
    uint32_t apart;                  /* bytes from one expert's matrix to the next one's */
    uint32_t width, shared_inner;
    uint32_t n_experts;
    uint32_t normalise;
    float eps;
};

struct moe_down_args {
    uint64_t dst;     /* f32 [rows, width] */
    uint64_t hidden;  /* f32 [rows, chosen * inner + shared_inner] */
    uint64_t experts; /* i32 [rows, chosen] */
    uint64_t weights; /* f32 [rows, chosen] */
    uint64_t down;    /* expert 0's; f32|bf16 [width, inner] */
    uint64_t apart;
    uint64_t shared_down;  /* f32|bf16 [width, shared_inner] */
    uint64_t shared_logit; /* f32 [rows, 1] */
    uint64_t keys;         /* u32 [n_keys]: become zeros */
    uint32_t n_keys;
    uint32_t width;
};

#endif
