/* What a kernel that stays must know of a decoder's layers, see common/ops/layers.h. */
#include "common/nn/decoder.h"
#include "common/nn/layer.h"
#include "common/ops/moe_gpu.h"
#include "shaders/layers.h"

/* What all layers are to have in common with the first one. */
static struct op_layers first_layer(const struct nn_decoder *d, const struct nn_cache *cache) {
    const struct config_decoder *c = d->config;
    const struct nn_layer *l = d->layers;
    return (struct op_layers){.n = c->n_layers,
                              .hidden = c->hidden,
                              .heads = c->n_heads,
                              .kv_heads = c->n_kv_heads,
                              .head_dim = c->head_dim,
                              .n_experts = c->n_experts,
                              .chosen = c->n_experts_used,
                              .inner = c->n_experts ? c->expert_intermediate : c->intermediate,
                              .shared_inner = c->shared_intermediate,
                              .capacity = cache->capacity,
                              .matrices = l->q.dtype,
                              .norms = l->input_norm.dtype,
                              .head_norms = l->q_norm.dtype,
                              .router = l->router.dtype,
                              .cache = cache->k[0].dtype,
                              .normalise = c->norm_topk,
                              .eps = c->eps};
}

/* A layer's MLP, or its experts' first matrices. */
struct mlp {
    const struct tensor *gate, *up, *down;
};

static struct mlp mlp_of(const struct nn_layer *l) {
    if (l->experts.n)
        return (struct mlp){l->experts.gate, l->experts.up, l->experts.down};
    return (struct mlp){&l->mlp.gate, &l->mlp.up, &l->mlp.down};
}

static bool alike(const struct nn_layer *l, const struct op_layers *s) {
    enum { MATRICES = 7 };
    struct mlp m = mlp_of(l);
    const struct tensor *w[MATRICES] = {&l->q, &l->k, &l->v, &l->o, m.gate, m.up, m.down};
    for (size_t i = 0; i < MATRICES; i++)
        if (w[i]->dtype != s->matrices)
            return false;
    const struct tensor *shared[] = {&l->mlp.gate, &l->mlp.up, &l->mlp.down};
    for (size_t i = 0; i < 3 && nn_present(&l->shared_gate); i++)
        if (shared[i]->dtype != s->matrices || l->shared_gate.dtype != s->router)
            return false;
    return !nn_present(&l->attention_scale) && l->q_norm.dtype == s->head_norms &&
           l->input_norm.dtype == s->norms && l->post_norm.dtype == s->norms &&
           l->router.dtype == s->router;
}

static void put_layer(uint64_t words[LAYERS_WORDS], const struct nn_layer *l,
                      const struct tensor *k, const struct tensor *v) {
    struct mlp m = mlp_of(l);
    const struct tensor *t[LAYERS_APART] = {[LAYERS_INPUT_NORM] = &l->input_norm,
                                            [LAYERS_POST_NORM] = &l->post_norm,
                                            [LAYERS_Q] = &l->q,
                                            [LAYERS_K] = &l->k,
                                            [LAYERS_V] = &l->v,
                                            [LAYERS_OUT] = &l->o,
                                            [LAYERS_Q_NORM] = &l->q_norm,
                                            [LAYERS_K_NORM] = &l->k_norm,
                                            [LAYERS_K_CACHE] = k,
                                            [LAYERS_V_CACHE] = v,
                                            [LAYERS_ROUTER] = &l->router,
                                            [LAYERS_GATE] = m.gate,
                                            [LAYERS_UP] = m.up,
                                            [LAYERS_DOWN] = m.down};
    for (size_t i = 0; i < LAYERS_APART; i++)
        words[i] = run_address(t[i]);
    if (nn_present(&l->shared_gate)) {
        words[LAYERS_SHARED_ROUTER] = run_address(&l->shared_gate);
        words[LAYERS_SHARED_GATE] = run_address(&l->mlp.gate);
        words[LAYERS_SHARED_UP] = run_address(&l->mlp.up);
        words[LAYERS_SHARED_DOWN] = run_address(&l->mlp.down);
    }
    if (l->experts.n)
        words[LAYERS_APART] = moe_apart(&l->experts);
}

/* False if layers are not all alike. */
static bool describe(const struct nn_decoder *d, const struct nn_cache *cache,
                     struct op_layers *s) {
    if (d->config->window || !nn_present(&d->layers->q_norm))
        return false;
    *s = first_layer(d, cache);
    for (size_t i = 0; i < s->n; i++)
        if (!alike(&d->layers[i], s))
            return false;
    return true;
}

static struct op_layers *kept(struct run *run, const struct nn_decoder *d,
                              const struct nn_cache *cache, const struct op_layers *s) {
    struct arena *a = &run->memory[RUN_SESSION];
    struct op_layers *stays = arena_alloc(a, sizeof *stays);
    uint64_t *words = arena_zalloc(a, s->n * LAYERS_WORDS * sizeof *words);
    for (size_t i = 0; i < s->n; i++)
        put_layer(words + i * LAYERS_WORDS, &d->layers[i], &cache->k[i], &cache->v[i]);
    run_write(run, &s->table, words);
    *stays = *s;
    return stays;
}

void nn_cache_stay(struct nn_cache *cache, struct run *run, const struct nn_decoder *d) {
    struct op_layers s;
    if (run->gpu && describe(d, cache, &s) && op_layers_open(run, &s))
        cache->stays = kept(run, d, cache, &s);
}

struct op_layers *nn_passes_stay(struct run *run, const struct nn_decoder *d,
                                 const struct nn_cache *cache, const struct op_passes *p) {
    struct op_layers s;
    if (!run->gpu || !describe(d, cache, &s) || !op_passes_open(run, &s, p))
        return NULL;
    return kept(run, d, cache, &s);
}
