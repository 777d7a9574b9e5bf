#include "common/nn/decoder.h"

#include "common/nn/layer.h"
#include "common/nn/weight.h"
#include "common/ops/rope_table.h"

#include <stdio.h>

static void load_frequency(struct nn_decoder *d, struct run *run) {
    const struct config_decoder *c = d->config;
    float *host = arena_alloc(&run->memory[RUN_MODEL], c->head_dim / 2 * sizeof *host);
    rope_frequencies(host, c->rope_theta, c->head_dim);
    d->frequency = tensor_1d(TENSOR_F32, host, c->head_dim / 2);
    run_upload(run, &d->frequency);
}

/* A CPU takes all that a config may say. */
static int check_experts(const struct run *run, const struct config_decoder *c, const char *prefix,
                         struct err *e) {
    if (!run->gpu || (c->n_experts <= OP_GPU_EXPERTS && c->n_experts_used <= OP_GPU_CHOSEN))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "%slayers: %zu experts of which a row chooses %zu; a GPU takes at most %d "
                   "and %d: use -d cpu",
                   prefix, c->n_experts, c->n_experts_used, OP_GPU_EXPERTS, OP_GPU_CHOSEN);
}

int nn_decoder_load(struct nn_decoder *d, struct run *run, const struct config_decoder *c,
                    struct weights *w, const char *prefix, const char *trace, struct err *e) {
    char name[128];
    *d = (struct nn_decoder){.config = c, .trace = trace};
    if (check_experts(run, c, prefix, e))
        return e->code;
    d->layers = arena_zalloc(&run->memory[RUN_MODEL], c->n_layers * sizeof *d->layers);
    for (size_t i = 0; i < c->n_layers; i++) {
        snprintf(name, sizeof name, "%slayers.%zu.", prefix, i);
        if (nn_layer_load(&d->layers[i], run, c, w, name, e))
            return e->code;
    }
    load_frequency(d, run);
    snprintf(name, sizeof name, "%snorm.weight", prefix);
    return nn_weight(run, w, &d->norm, e, name, (size_t[4]){c->hidden});
}

/* ---- cache ---- */

void nn_cache_init(struct nn_cache *cache, struct run *run, const struct config_decoder *c,
                   size_t capacity) {
    enum tensor_dtype dtype = run->precise ? TENSOR_F32 : TENSOR_BF16;
    struct arena *a = &run->memory[RUN_SESSION];
    *cache = (struct nn_cache){.capacity = capacity};
    cache->at = run_new_1d(run, RUN_SESSION, TENSOR_I32, 1);
    cache->k = arena_alloc(a, c->n_layers * sizeof *cache->k);
    cache->v = arena_alloc(a, c->n_layers * sizeof *cache->v);
    for (size_t i = 0; i < c->n_layers; i++) {
        cache->k[i] = run_new_3d(run, RUN_SESSION, dtype, capacity, c->n_kv_heads, c->head_dim);
        cache->v[i] = run_new_3d(run, RUN_SESSION, dtype, capacity, c->n_kv_heads, c->head_dim);
    }
    nn_cache_truncate(cache, run, 0);
}

void nn_cache_truncate(struct nn_cache *cache, struct run *run, size_t length) {
    cache->length = length;
    run_write(run, &cache->at, (int32_t[1]){(int32_t)length});
}

/* n rows of src, from row `from` on, become those of dst from row `to` on. */
static void copy_rows(struct run *run, const struct tensor *dst, size_t to,
                      const struct tensor *src, size_t from, size_t n) {
    struct tensor y = tensor_rows(dst, to, n), x = tensor_rows(src, from, n);
    op_copy(run, &y, &x);
}

/* The same of all layers' keys and values. */
static void copy_layers(struct nn_cache *dst, size_t to, const struct nn_cache *src, size_t from,
                        struct run *run, size_t n_layers, size_t n) {
    for (size_t i = 0; i < n_layers; i++) {
        copy_rows(run, &dst->k[i], to, &src->k[i], from, n);
        copy_rows(run, &dst->v[i], to, &src->v[i], from, n);
    }
}

void nn_cache_copy(struct nn_cache *dst, const struct nn_cache *src, struct run *run,
                   size_t n_layers, size_t first, size_t last) {
    copy_layers(dst, first, src, first, run, n_layers, last - first);
    nn_cache_truncate(dst, run, last);
}

/* length > capacity - rows >= 2 * keep, so the two places do not overlap. */
void nn_cache_slide(struct nn_cache *cache, struct run *run, size_t n_layers, size_t keep,
                    size_t rows) {
    if (cache->length + rows <= cache->capacity)
        return;
    copy_layers(cache, 0, cache, cache->length - keep, run, n_layers, keep);
    nn_cache_truncate(cache, run, keep);
}

void nn_cache_advance(struct nn_cache *cache, struct run *run, size_t rows) {
    op_advance(run, &cache->at, rows);
    cache->length += rows;
}

void nn_cache_replayed(struct nn_cache *cache, size_t rows) {
    cache->length += rows;
}

struct tensor nn_cache_positions(struct nn_cache *cache, struct run *run, size_t rows) {
    struct tensor positions = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, 3);
    op_positions(run, &positions, &cache->at);
    return positions;
}

/* ---- forward ---- */

struct tensor nn_decoder_rope(struct nn_decoder *d, struct run *run,
                              const struct tensor *positions) {
    const struct config_decoder *c = d->config;
    struct tensor table = run_new_2d(run, RUN_STEP, TENSOR_F32, positions->shape[0], c->head_dim);
    op_rope_table(run, &table, positions, &d->frequency, c->rope_section);
    return table;
}

struct tensor nn_decoder_norm(struct nn_decoder *d, struct run *run, const struct tensor *x) {
    struct tensor y = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], x->shape[1]);
    op_rms_norm(run, &y, x, &d->norm, d->config->eps);
    return y;
}

/* Heads [T, heads, hd] for the rows of a projection w, uninitialised. */
static struct tensor new_heads(struct run *run, const struct config_decoder *c, size_t rows,
                               const struct tensor *w) {
    return run_new_3d(run, RUN_STEP, TENSOR_F32, rows, w->shape[0] / c->head_dim, c->head_dim);
}

/* NULL for an absent tensor, as ops want it. */
static const struct tensor *optional(const struct tensor *t) {
    return nn_present(t) ? t : NULL;
}

static void attention(struct nn_decoder *d, struct run *run, struct nn_cache *cache, size_t layer,
                      const struct tensor *x, const struct tensor *rope) {
    const struct config_decoder *c = d->config;
    const struct nn_layer *l = &d->layers[layer];
    size_t rows = x->shape[0];
    struct tensor q = new_heads(run, c, rows, &l->q), k = new_heads(run, c, rows, &l->k);
    struct tensor v = new_heads(run, c, rows, &l->v), o = new_heads(run, c, rows, &l->q);
    struct op_projection qkv[] = {{&q, &l->q}, {&k, &l->k}, {&v, &l->v}};
    op_norm_linears(run, qkv, 3, x, &l->input_norm, c->eps);
    op_self_attention(run, &(struct op_self_attention){.dst = &o,
                                                       .q = &q,
                                                       .k = &k,
                                                       .v = &v,
                                                       .q_norm = optional(&l->q_norm),
                                                       .k_norm = optional(&l->k_norm),
                                                       .eps = c->eps,
                                                       .rope = rope,
                                                       .k_cache = &cache->k[layer],
                                                       .v_cache = &cache->v[layer],
                                                       .at = &cache->at,
                                                       .window = c->window,
                                                       .sum = x,
                                                       .out = &l->o,
                                                       .out_scale = optional(&l->attention_scale),
                                                       .next = optional(&l->mlp.gate)});
}

static void experts(struct nn_decoder *d, struct run *run, size_t layer, const struct tensor *x) {
    const struct config_decoder *c = d->config;
    const struct nn_layer *l = &d->layers[layer];
    size_t rows = x->shape[0];
    struct tensor chosen = run_new_2d(run, RUN_STEP, TENSOR_I32, rows, c->n_experts_used);
    struct tensor weights = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, c->n_experts_used);
    bool shared = nn_present(&l->shared_gate);
    op_moe(run, x, &chosen, &weights,
           &(struct op_moe){.norm = &l->post_norm,
                            .eps = c->eps,
                            .router = &l->router,
                            .normalise = c->norm_topk,
                            .experts = &l->experts,
                            .shared_gate = optional(&l->shared_gate),
                            .gate = shared ? &l->mlp.gate : NULL,
                            .up = shared ? &l->mlp.up : NULL,
                            .down = shared ? &l->mlp.down : NULL});
    run_trace(run, &chosen, "%s.layers.%zu.experts", d->trace, layer);
    run_trace(run, &weights, "%s.layers.%zu.expert_weights", d->trace, layer);
}

static void mlp(struct nn_decoder *d, struct run *run, size_t layer, const struct tensor *x) {
    const struct nn_layer *l = &d->layers[layer];
    if (d->config->n_experts) {
        experts(d, run, layer, x);
        return;
    }
    struct tensor h = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], l->mlp.gate.shape[0]);
    op_norm_gated(run, &h, x, &l->post_norm, d->config->eps, &l->mlp.gate, &l->mlp.up);
    op_linear_add(run, x, &h, &l->mlp.down, NULL, optional(&l->mlp_scale));
}

void nn_decoder_layers(struct nn_decoder *d, struct run *run, struct nn_cache *cache,
                       const struct tensor *x, const struct tensor *rope, size_t first,
                       size_t last) {
    bool may_stay = cache->stays && x->shape[0] == 1 && first == 0 && last == d->config->n_layers;
    if (may_stay)
        op_layers(run, cache->stays, x, rope, &cache->at);
    for (size_t i = first; i < last; i++) {
        /* A layer's scratch is the next one's: prefill of many rows stays small. */
        struct run_mark scratch = run_mark(run, RUN_STEP);
        attention(d, run, cache, i, x, rope);
        mlp(d, run, i, x);
        run_trace(run, x, "%s.layers.%zu", d->trace, i);
        run_release(run, RUN_STEP, scratch);
    }
    if (may_stay)
        op_layers_end(run);
}
