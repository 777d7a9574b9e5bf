/* layer: the weights of one decoder layer; private to nn. Absent tensors have rank 0. */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "common/nn/decoder.h"

struct nn_mlp {
    struct tensor gate, up, down; /* [I, D], [I, D], [D, I] */
};

struct nn_layer {
    struct tensor input_norm, post_norm;      /* [D] */
    struct tensor q, k, v, o;                 /* [H*hd, D], [KV*hd, D] twice, [D, H*hd] */
    struct tensor q_norm, k_norm;             /* [hd] or absent */
    struct tensor attention_scale, mlp_scale; /* [D] or absent */
    struct nn_mlp mlp;                        /* dense MLP or shared expert, or absent */
    struct tensor router;                     /* [E, D] or absent */
    struct tensor shared_gate;                /* [1, D] or absent */
    struct op_experts experts;
};

/* name: "thinker.model.layers.3." */
int nn_layer_load(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                  struct weights *w, const char *name, struct err *e);

/* Optional weights are looked for with this. */
static inline bool nn_present(const struct tensor *t) {
    return t->rank > 0;
}

#endif
