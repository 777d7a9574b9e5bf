/* decoder: the transformer stack that thinker, talker, code predictor and code2wav share.
 *
 *   a = rms(x; input_layernorm)
 *   q, k, v = projections of a;  q, k = rms per head if the layer has q/k norms;  rope
 *   x += scale_a * o_proj(attention(q, cache))
 *   m = rms(x; post_attention_layernorm)
 *   x += scale_m * mlp(m)          dense: down(silu(gate m) * up m)
 *                                  MoE: sum g_e expert_e(m) [+ sigmoid(shared_gate m) * shared(m)]
 *
 * Layer scales exist in code2wav only. Formulas: Qwen3OmniMoeThinkerTextDecoderLayer,
 * Qwen3OmniMoeTalkerDecoderLayer, Qwen3OmniMoeTalkerCodePredictorDecoderLayer,
 * Qwen3OmniMoeCode2WavTransformerLayer. */
#ifndef NN_DECODER_H
#define NN_DECODER_H

#include "common/ops/layers.h"
#include "common/ops/ops.h"
#include "common/weights/config.h"
#include "common/weights/weights.h"

struct nn_layer;

struct nn_decoder {
    const struct config_decoder *config;
    struct nn_layer *layers; /* [n_layers] */
    struct tensor norm;      /* [D] final norm */
    struct tensor frequency; /* f32 [hd/2] of rope */
    const char *trace;       /* "thinker": prefix of trace names */
};

/* Keys and values of past rows: per layer f32 (precise) or bf16 [S, KV, hd]. */
struct nn_cache {
    size_t capacity;         /* S */
    size_t length;           /* rows filled, host's copy */
    struct tensor at;        /* i32 [1], device's copy */
    struct tensor *k, *v;    /* [n_layers] */
    struct op_layers *stays; /* NULL: there is no kernel for all layers */
};

/* Finds and checks all weights under `prefix` ("thinker.model."); layers are prefix + "layers.L.".
 * 78 also if there are more experts than the device can have. c, trace and w must outlive d. Needs
 * no memory but the tables (run's model arena). */
int nn_decoder_load(struct nn_decoder *d, struct run *run, const struct config_decoder *c,
                    struct weights *w, const char *prefix, const char *trace, struct err *e);

/* Room for `capacity` rows in run's session arena. */
void nn_cache_init(struct nn_cache *cache, struct run *run, const struct config_decoder *c,
                   size_t capacity);
/* On a GPU, if there is a kernel that stays for such layers, one row at a time goes through it. */
void nn_cache_stay(struct nn_cache *cache, struct run *run, const struct nn_decoder *d);
/* The kernel for passes through dense layers, one row at a time; NULL: there is none. */
struct op_layers *nn_passes_stay(struct run *run, const struct nn_decoder *d,
                                 const struct nn_cache *cache, const struct op_passes *p);
/* Keeps the first `length` rows. */
void nn_cache_truncate(struct nn_cache *cache, struct run *run, size_t length);
/* Rows [first, last) of src become those of dst, which has `last` rows then. */
void nn_cache_copy(struct nn_cache *dst, const struct nn_cache *src, struct run *run,
                   size_t n_layers, size_t first, size_t last);
/* Makes room for `rows` more where a sliding window needs only the last `keep`: they move to the
 * front, if there is no room at the end. capacity >= 2 * keep + rows is the caller's duty. */
void nn_cache_slide(struct nn_cache *cache, struct run *run, size_t n_layers, size_t keep,
                    size_t rows);

/* Runs layers [first, last) on x f32 [T, D] in place; rope is the step's table [T, hd]. Writes T
 * rows to the cache of each layer after its `length` but does not count them: nn_cache_advance
 * does, once all layers have run. length + T <= capacity is the caller's duty. */
void nn_decoder_layers(struct nn_decoder *d, struct run *run, struct nn_cache *cache,
                       const struct tensor *x, const struct tensor *rope, size_t first,
                       size_t last);
void nn_cache_advance(struct nn_cache *cache, struct run *run, size_t rows);
/* A recording with nn_cache_advance(rows) in it was replayed: the host's copy follows. */
void nn_cache_replayed(struct nn_cache *cache, size_t rows);

/* Rope table of rows at positions f32 [T, 3], for this decoder. Lives for the step. */
struct tensor nn_decoder_rope(struct nn_decoder *d, struct run *run,
                              const struct tensor *positions);
/* Positions length + t, all three equal: what text and audio have. f32 [T, 3], for the step. */
struct tensor nn_cache_positions(struct nn_cache *cache, struct run *run, size_t rows);
/* norm(x) as a new step tensor. */
struct tensor nn_decoder_norm(struct nn_decoder *d, struct run *run, const struct tensor *x);

#endif
