/* moe_gpu: experts on a GPU. Private to this room. */
#ifndef OPS_MOE_GPU_H
#define OPS_MOE_GPU_H

#include "common/ops/ops.h"

/* dst[t] += sum over chosen e of weights[t, e] * expert_e(y) [+ sigmoid(shared_logit[t]) *
 * shared(y)], y = x[t] or rms_norm(x[t]) for few rows. What is in brackets may be absent: NULL. */
struct moe_few {
    const struct tensor *dst, *x;
    const struct tensor *chosen, *weights; /* made, if there are logits or a router */
    const struct op_experts *experts;
    const struct tensor *logits; /* f32 [T, E] or NULL */
    /* For one row, instead of logits: they are made too, from y, and shared_logit if there is a
     * shared expert; or NULL. f32|bf16, both alike, [E, D] and [1, D]. moe_few_routes() says if it
     * can be. */
    const struct tensor *router, *shared_router;
    uint32_t patience; /* MOE_FEW_PATIENCE */
    bool normalise;
    const struct tensor *norm; /* [D] or NULL */
    float eps;
    const struct tensor *shared_logit;                          /* f32 [T, 1] or NULL */
    const struct tensor *shared_gate, *shared_up, *shared_down; /* or NULL */
};
void moe_few(struct run *run, const struct moe_few *f);
bool moe_few_routes(const struct moe_few *f);

/* op_moe_add for many rows. */
void moe_many(struct run *run, const struct tensor *dst, const struct tensor *x,
              const struct tensor *experts, const struct tensor *weights,
              const struct op_experts *w);

/* Bytes from one expert's matrix to the next one's: the same for all experts and kinds. */
uint64_t moe_apart(const struct op_experts *w);

#endif
