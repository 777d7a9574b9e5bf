#include "common/nn/layer.h"

#include "common/nn/weight.h"

#include <stdio.h>

enum { NAME_MAX_LEN = 256 };

/* prefix + suffix of exactly [rows, columns]; columns 0: [rows]. */
static int get(struct run *run, struct weights *w, struct tensor *t, const char *prefix,
               const char *suffix, size_t rows, size_t columns, struct err *e) {
    char name[NAME_MAX_LEN];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return nn_weight(run, w, t, e, name, (size_t[4]){rows, columns});
}

static bool has(struct weights *w, const char *prefix, const char *suffix) {
    char name[NAME_MAX_LEN];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return weights_has(w, name);
}

/* code2wav's layers have scales, all others norms of their heads. */
static int load_scales(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                       struct weights *w, const char *name, struct err *e) {
    if (get(run, w, &l->attention_scale, name, "self_attn_layer_scale.scale", c->hidden, 0, e))
        return e->code;
    return get(run, w, &l->mlp_scale, name, "mlp_layer_scale.scale", c->hidden, 0, e);
}

static int load_head_norms(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                           struct weights *w, const char *name, struct err *e) {
    if (get(run, w, &l->q_norm, name, "self_attn.q_norm.weight", c->head_dim, 0, e) ||
        get(run, w, &l->k_norm, name, "self_attn.k_norm.weight", c->head_dim, 0, e))
        return e->code;
    if (l->q_norm.dtype != l->k_norm.dtype)
        return err_set(e, ERR_CONFIG, "%sself_attn: q_norm and k_norm are of different types",
                       name);
    return 0;
}

static int load_attention(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                          struct weights *w, const char *name, struct err *e) {
    size_t q_width = c->n_heads * c->head_dim, kv_width = c->n_kv_heads * c->head_dim;
    if (get(run, w, &l->input_norm, name, "input_layernorm.weight", c->hidden, 0, e) ||
        get(run, w, &l->post_norm, name, "post_attention_layernorm.weight", c->hidden, 0, e) ||
        get(run, w, &l->q, name, "self_attn.q_proj.weight", q_width, c->hidden, e) ||
        get(run, w, &l->k, name, "self_attn.k_proj.weight", kv_width, c->hidden, e) ||
        get(run, w, &l->v, name, "self_attn.v_proj.weight", kv_width, c->hidden, e) ||
        get(run, w, &l->o, name, "self_attn.o_proj.weight", c->hidden, q_width, e))
        return e->code;
    return has(w, name, "self_attn_layer_scale.scale") ? load_scales(l, run, c, w, name, e)
                                                       : load_head_norms(l, run, c, w, name, e);
}

static int load_mlp(struct nn_mlp *m, struct run *run, size_t width, size_t hidden,
                    struct weights *w, const char *name, struct err *e) {
    if (get(run, w, &m->gate, name, "gate_proj.weight", width, hidden, e) ||
        get(run, w, &m->up, name, "up_proj.weight", width, hidden, e))
        return e->code;
    return get(run, w, &m->down, name, "down_proj.weight", hidden, width, e);
}

/* Expert i's matrices, host memory still. All experts' are of one type. */
static int find_expert(struct tensor *matrices[3], size_t i, const struct config_decoder *c,
                       struct weights *w, const char *name, struct err *e) {
    static const char *const kinds[] = {"gate", "up", "down"};
    for (size_t k = 0; k < 3; k++) {
        size_t rows = k < 2 ? c->expert_intermediate : c->hidden;
        size_t columns = k < 2 ? c->hidden : c->expert_intermediate;
        char full[NAME_MAX_LEN];
        snprintf(full, sizeof full, "%smlp.experts.%zu.%s_proj.weight", name, i, kinds[k]);
        if (nn_weight_stored(w, &matrices[k][i], e, full, (size_t[4]){rows, columns}))
            return e->code;
        if (matrices[k][i].dtype != matrices[k][0].dtype)
            return err_set(e, ERR_CONFIG, "%s: not of the type of the other experts", full);
    }
    return 0;
}

/* The types that an expert's matrices have on a GPU: gate's and up's are the same there. */
static void choose_types(enum tensor_dtype types[3], struct tensor *const matrices[3]) {
    for (size_t k = 0; k < 3; k++)
        types[k] = matrices[k]->dtype;
    if (types[0] != types[1])
        types[0] = types[1] = TENSOR_BF16;
}

/* To the GPU, at equal distances from each other, as op_moe_add wants them. */
static int upload_experts(struct run *run, struct weights *w, struct tensor *matrices[3], size_t n,
                          const char *name, struct err *e) {
    const size_t align = 16;
    enum tensor_dtype types[3];
    size_t offset[3], apart = 0;
    choose_types(types, matrices);
    for (size_t k = 0; k < 3; k++) {
        struct tensor one = *matrices[k];
        one.dtype = types[k];
        offset[k] = apart;
        apart += (tensor_bytes(&one) + align - 1) / align * align;
    }
    if (apart > OP_GPU_EXPERT_BYTES)
        return err_set(e, ERR_CONFIG,
                       "%smlp.experts: %zu bytes each; a GPU takes less than 4 GiB: use -d cpu",
                       name, apart);
    struct tensor all = run_new_2d(run, RUN_MODEL, TENSOR_U8, n, apart);
    for (size_t i = 0; i < 3 * n; i++) {
        struct tensor *one = &matrices[i % 3][i / 3], stored = *one;
        one->data = (char *)all.data + i / 3 * apart + offset[i % 3];
        one->dtype = types[i % 3];
        nn_weight_move(run, w, one, &stored);
    }
    return 0;
}

static int load_experts(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                        struct weights *w, const char *name, struct err *e) {
    struct tensor *matrices[3];
    for (size_t k = 0; k < 3; k++)
        matrices[k] = arena_zalloc(&run->memory[RUN_MODEL], c->n_experts * sizeof(struct tensor));
    for (size_t i = 0; i < c->n_experts; i++)
        if (find_expert(matrices, i, c, w, name, e))
            return e->code;
    if (run->gpu && upload_experts(run, w, matrices, c->n_experts, name, e))
        return e->code;
    l->experts = (struct op_experts){c->n_experts, matrices[0], matrices[1], matrices[2]};
    return get(run, w, &l->router, name, "mlp.gate.weight", c->n_experts, c->hidden, e);
}

static int load_shared(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                       struct weights *w, const char *name, struct err *e) {
    char shared[NAME_MAX_LEN];
    snprintf(shared, sizeof shared, "%smlp.shared_expert.", name);
    if (load_mlp(&l->mlp, run, c->shared_intermediate, c->hidden, w, shared, e))
        return e->code;
    return get(run, w, &l->shared_gate, name, "mlp.shared_expert_gate.weight", 1, c->hidden, e);
}

int nn_layer_load(struct nn_layer *l, struct run *run, const struct config_decoder *c,
                  struct weights *w, const char *name, struct err *e) {
    *l = (struct nn_layer){.experts = {0}};
    if (load_attention(l, run, c, w, name, e))
        return e->code;
    if (!c->n_experts) {
        char mlp[NAME_MAX_LEN];
        snprintf(mlp, sizeof mlp, "%smlp.", name);
        return load_mlp(&l->mlp, run, c->intermediate, c->hidden, w, mlp, e);
    }
    if (load_experts(l, run, c, w, name, e))
        return e->code;
    return c->shared_intermediate ? load_shared(l, run, c, w, name, e) : 0;
}
