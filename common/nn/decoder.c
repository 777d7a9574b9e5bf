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

int nn_decoder_load(struct nn_decoder *d, struct run *run, const struct config_decoder *c,
                    struct weights *w, const char *prefix, const char *trace, struct err *e) {
    char name[128];
    *d = (struct nn_decoder){.config = c, .trace = trace};
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

/* length > capacity - rows >= 2 * keep, so the two places do not overlap. */
void nn_cache_slide(struct nn_cache *cache, struct run *run, size_t n_layers, size_t keep,
                    size_t rows) {
    if (cache->length + rows <= cache->capacity)
        return;
    for (size_t i = 0; i < 2 * n_layers; i++) {
        const struct tensor *all = i < n_layers ? &cache->k[i] : &cache->v[i - n_layers];
        struct tensor end = tensor_rows(all, cache->length - keep, keep);
        struct tensor front = tensor_rows(all, 0, keep);
        op_copy(run, &front, &end);
    }
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

/* Projection of a [T, D] to heads: [T, heads, hd], normalised per head where the layer says so. */
static struct tensor heads(struct run *run, const struct config_decoder *c, const struct tensor *a,
                           const struct tensor *w, const struct tensor *norm) {
    size_t rows = a->shape[0], n = w->shape[0] / c->head_dim;
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, w->shape[0]);
    op_linear(run, &x, a, w, NULL, OP_NONE);
    if (norm && nn_present(norm)) {
        struct tensor flat = tensor_reshape_2d(&x, rows * n, c->head_dim);
        op_rms_norm(run, &flat, &flat, norm, c->eps);
    }
    return tensor_reshape_3d(&x, rows, n, c->head_dim);
}

/* x += scale * (y @ w^T), the scale being optional. */
static void add_branch(struct run *run, const struct tensor *x, const struct tensor *y,
                       const struct tensor *w, const struct tensor *scale) {
    if (!nn_present(scale)) {
        op_linear_add(run, x, y, w, NULL);
        return;
    }
    struct tensor out = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], x->shape[1]);
    op_linear(run, &out, y, w, NULL, OP_NONE);
    op_add_scaled(run, x, &out, scale);
}

static void attention(struct nn_decoder *d, struct run *run, struct nn_cache *cache, size_t layer,
                      const struct tensor *x, const struct tensor *rope) {
    const struct config_decoder *c = d->config;
    const struct nn_layer *l = &d->layers[layer];
    struct tensor a = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], c->hidden);
    op_rms_norm(run, &a, x, &l->input_norm, c->eps);
    struct tensor q = heads(run, c, &a, &l->q, &l->q_norm);
    struct tensor k = heads(run, c, &a, &l->k, &l->k_norm);
    struct tensor v = heads(run, c, &a, &l->v, NULL);
    op_rope(run, &q, rope);
    op_rope(run, &k, rope);
    op_kv_write(run, &cache->k[layer], &k, &cache->at);
    op_kv_write(run, &cache->v[layer], &v, &cache->at);
    struct tensor o = run_new_3d(run, RUN_STEP, TENSOR_F32, x->shape[0], c->n_heads, c->head_dim);
    op_attention(run, &o, &q, &cache->k[layer], &cache->v[layer], &cache->at, c->window);
    o = tensor_reshape_2d(&o, x->shape[0], c->n_heads * c->head_dim);
    add_branch(run, x, &o, &l->o, &l->attention_scale);
}

/* silu(gate m) * up m, [T, I]. */
static struct tensor gated(struct run *run, const struct nn_mlp *mlp, const struct tensor *m) {
    size_t rows = m->shape[0], width = mlp->gate.shape[0];
    struct tensor gate = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, width);
    struct tensor up = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, width);
    op_linear(run, &gate, m, &mlp->gate, NULL, OP_NONE);
    op_linear(run, &up, m, &mlp->up, NULL, OP_NONE);
    op_silu_mul(run, &gate, &gate, &up);
    return gate;
}

static void shared_expert(struct run *run, const struct nn_layer *l, const struct tensor *x,
                          const struct tensor *m) {
    struct tensor gate = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], 1);
    struct tensor out = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], x->shape[1]);
    op_linear(run, &gate, m, &l->shared_gate, NULL, OP_NONE);
    struct tensor h = gated(run, &l->mlp, m);
    op_linear(run, &out, &h, &l->mlp.down, NULL, OP_NONE);
    op_add_gated(run, x, &out, &gate);
}

static void experts(struct nn_decoder *d, struct run *run, size_t layer, const struct tensor *x,
                    const struct tensor *m) {
    const struct config_decoder *c = d->config;
    const struct nn_layer *l = &d->layers[layer];
    size_t rows = x->shape[0];
    struct tensor logits = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, c->n_experts);
    struct tensor chosen = run_new_2d(run, RUN_STEP, TENSOR_I32, rows, c->n_experts_used);
    struct tensor weights = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, c->n_experts_used);
    op_linear(run, &logits, m, &l->router, NULL, OP_NONE);
    op_route(run, &chosen, &weights, &logits, c->norm_topk);
    run_trace(run, &chosen, "%s.layers.%zu.experts", d->trace, layer);
    run_trace(run, &weights, "%s.layers.%zu.expert_weights", d->trace, layer);
    op_moe_add(run, x, m, &chosen, &weights, &l->experts);
    if (nn_present(&l->shared_gate))
        shared_expert(run, l, x, m);
}

static void mlp(struct nn_decoder *d, struct run *run, size_t layer, const struct tensor *x) {
    const struct nn_layer *l = &d->layers[layer];
    struct tensor m = run_new_2d(run, RUN_STEP, TENSOR_F32, x->shape[0], x->shape[1]);
    op_rms_norm(run, &m, x, &l->post_norm, d->config->eps);
    if (d->config->n_experts) {
        experts(d, run, layer, x, &m);
        return;
    }
    struct tensor h = gated(run, &l->mlp, &m);
    add_branch(run, x, &h, &l->mlp.down, &l->mlp_scale);
}

void nn_decoder_layers(struct nn_decoder *d, struct run *run, struct nn_cache *cache,
                       const struct tensor *x, const struct tensor *rope, size_t first,
                       size_t last) {
    for (size_t i = first; i < last; i++) {
        /* A layer's scratch is the next one's: prefill of many rows stays small. */
        struct run_mark scratch = run_mark(run, RUN_STEP);
        attention(d, run, cache, i, x, rope);
        mlp(d, run, i, x);
        run_trace(run, x, "%s.layers.%zu", d->trace, i);
        run_release(run, RUN_STEP, scratch);
    }
}
