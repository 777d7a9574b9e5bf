/* layers: one row through all layers of a decoder, on a GPU, in one kernel that stays
 * (shaders/layers.h): layers with experts, or dense ones with few keys. Private to the rooms of ops
 * and nn. */
#ifndef OPS_LAYERS_H
#define OPS_LAYERS_H

#include "common/ops/ops.h"

/* What all layers have in common. */
struct op_layers {
    size_t n, hidden, heads, kv_heads, head_dim, capacity;
    size_t n_experts, chosen, inner; /* n_experts 0: layers are dense */
    size_t shared_inner;             /* 0: no shared expert */
    enum tensor_dtype matrices, norms, head_norms, router, cache;
    bool normalise; /* the weights of chosen experts */
    float eps;
    struct tensor table;   /* i32 [n, 2 * LAYERS_WORDS], for the caller to fill */
    struct tensor scratch; /* f32, zeros at first */
    struct tensor state;   /* i32 [1], the same */
    size_t n_passes, vocab;
    struct tensor passes; /* i32 [n_passes, 2 * LAYERS_WORDS] */
    uint64_t draws;       /* the sampler's address */
};

/* Makes the tensors in run's session memory; false if there is no kernel for such layers. */
bool op_layers_open(struct run *run, struct op_layers *l);
/* In a recording or its rehearsal: the ops up to op_layers_end() are those of all layers, for x f32
 * [1, hidden], at which i32 [1] rows are in the caches, and rope f32 [1, head_dim]; they may be
 * left out for the kernel. Elsewhere nothing happens. */
void op_layers(struct run *run, const struct op_layers *l, const struct tensor *x,
               const struct tensor *rope, const struct tensor *at);
void op_layers_end(struct run *run);

/* Passes through dense layers: each ends with logits = head . rms(x; norm) and op_sample_embed(),
 * the last one with op_sample(). */
struct op_passes {
    size_t n, codebook;        /* the first one's code is that of this codebook, and so on */
    const struct tensor *norm; /* [hidden] */
    const struct tensor *heads, *embed; /* of each pass, [vocab, hidden] */
    const struct tensor *sampler;
};

/* As op_layers_open() and op_layers(), for passes; at i32 [n], rope f32 [n, head_dim]; codes i32
 * [codebooks]. The ops end with op_layers_end() too. */
bool op_passes_open(struct run *run, struct op_layers *l, const struct op_passes *p);
void op_passes(struct run *run, const struct op_layers *l, const struct tensor *x,
               const struct tensor *rope, const struct tensor *at, const struct tensor *codes);

#endif
