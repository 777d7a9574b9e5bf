/* Keys, defaults and their meaning: the configuration classes of transformers' qwen3_omni_moe, and
 * the released config.json. A key that is missing gets the class default only where released files
 * are known to leave it out; sizes have to be there. */
#include "common/weights/config.h"

#include "common/base/arena.h"
#include "common/weights/json_read.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any real model, low enough that products of a few of them fit in 64 bits. */
enum {
    MAX_WIDTH = 1 << 18,
    MAX_LAYERS = 512,
    MAX_HEADS = 1024,
    MAX_HEAD_DIM = 128, /* what attention is made for */
    MAX_SHARING = 48,   /* query heads that share a kv head: the same */
    MAX_EXPERTS = 4096,
    MAX_VOCAB = 1 << 24,
    MAX_POSITION = 1 << 30,
    MAX_GROUPS = 64,
    MAX_FACTOR = 1 << 16,
    MAX_SPEAKERS = 4096,
    CODEC_SPECIALS = 1024, /* the talker's ids above its codebook; the reference suppresses them */
    SAMPLE_RATE = 24000
};

/* What does not fit together is a config we do not support, as opposed to a damaged one. */
static void must_be_equal(const struct place *p, const char *key, size_t value, const char *what,
                          size_t expected) {
    if (value != expected)
        place_fail(p, ERR_CONFIG, key, "is %zu, but %s is %zu", value, what, expected);
}

static void must_be_flag(const struct place *p, const char *key, bool expected) {
    if (place_bool_or(p, key, expected) != expected)
        place_fail(p, ERR_CONFIG, key, "is %s: not supported", expected ? "false" : "true");
}

static void must_be_string(const struct place *p, const char *key, const char *expected) {
    const char *s = place_string(p, key);
    if (s && strcmp(s, expected) != 0)
        place_fail(p, ERR_CONFIG, key, "is '%.40s': only %s is supported", s, expected);
}

/* ---- decoder stacks ------------------------------------------------------------------------- */

/* Sections of M-RoPE; slots 1, 4, .. < 3 * section[1] turn by height, 2, 5, .. < 3 * section[2] by
 * width (Qwen3OmniMoeThinkerTextRotaryEmbedding.apply_interleaved_mrope). */
static void read_sections(const struct place *rope, struct config_decoder *d) {
    size_t *s = d->rope_section, half = d->head_dim / 2;
    size_t n = place_sizes(rope, "mrope_section", s, 3, 0, MAX_HEAD_DIM);
    if (n == 0)
        memcpy(s, (size_t[3]){24, 20, 20}, sizeof d->rope_section); /* the class default */
    if (n == 1 || n == 2 || s[0] + s[1] + s[2] != half || 3 * s[1] > half || 3 * s[2] > half)
        place_fail(rope, ERR_CONFIG, "mrope_section",
                   "does not share out the %zu frequencies of a head of %zu", half, d->head_dim);
    must_be_flag(rope, "mrope_interleaved", true);
    must_be_flag(rope, "interleaved", true);
}

/* Newer files have one object `rope_parameters`, older ones `rope_theta` and `rope_scaling`. */
static void read_rope(const struct place *p, struct config_decoder *d, double theta, bool mrope) {
    struct place rope = {.err = p->err};
    bool newer = place_has(p, "rope_parameters");
    if (newer || place_has(p, "rope_scaling"))
        rope = place_enter(p, newer ? "rope_parameters" : "rope_scaling");
    d->rope_theta = place_number_or(newer ? &rope : p, "rope_theta", theta, 1, 1e12);
    must_be_string(&rope, "rope_type", "default");
    if (!place_has(&rope, "rope_type")) /* the oldest spelling; beside rope_type it is a leftover */
        must_be_string(&rope, "type", "default");
    if (mrope)
        read_sections(rope.object ? &rope : p, d);
    else
        d->rope_section[0] = d->head_dim / 2;
}

static void read_attention(const struct place *p, struct config_decoder *d) {
    d->hidden = place_size(p, "hidden_size", 1, MAX_WIDTH);
    d->n_layers = place_size(p, "num_hidden_layers", 1, MAX_LAYERS);
    d->n_heads = place_size(p, "num_attention_heads", 1, MAX_HEADS);
    d->n_kv_heads = place_size_or(p, "num_key_value_heads", d->n_heads, 1, MAX_HEADS);
    d->head_dim = place_size_or(p, "head_dim", d->hidden / d->n_heads, 1, MAX_WIDTH);
    d->max_position = place_size_or(p, "max_position_embeddings", 32768, 1, MAX_POSITION);
    if (d->n_heads % d->n_kv_heads)
        place_fail(p, ERR_CONFIG, "num_attention_heads", "is %zu, no multiple of %zu kv heads",
                   d->n_heads, d->n_kv_heads);
    if (d->n_heads / d->n_kv_heads > MAX_SHARING)
        place_fail(p, ERR_CONFIG, "num_attention_heads", "is %zu: more than %d for each kv head",
                   d->n_heads, MAX_SHARING);
    if (d->head_dim < 2 || d->head_dim > MAX_HEAD_DIM || d->head_dim % 2)
        place_fail(p, ERR_CONFIG, "head_dim", "is %zu: it must be even, at most %d", d->head_dim,
                   MAX_HEAD_DIM);
    must_be_flag(p, "attention_bias", false);
    must_be_string(p, "hidden_act", "silu");
}

static void read_decoder(const struct place *p, struct config_decoder *d, double theta, double eps,
                         bool mrope) {
    read_attention(p, d);
    read_rope(p, d, theta, mrope);
    d->eps = (float)place_number_or(p, "rms_norm_eps", eps, 1e-12, 1);
}

static void read_experts(const struct place *p, struct config_decoder *d, bool norm_topk) {
    const char *key = place_has(p, "num_experts") ? "num_experts" : "num_local_experts";
    d->n_experts = place_size(p, key, 1, MAX_EXPERTS);
    d->n_experts_used = place_size(p, "num_experts_per_tok", 1, MAX_EXPERTS);
    d->expert_intermediate = place_size(p, "moe_intermediate_size", 1, MAX_WIDTH);
    d->norm_topk = place_bool_or(p, "norm_topk_prob", norm_topk);
    if (d->n_experts_used > d->n_experts)
        place_fail(p, ERR_CONFIG, "num_experts_per_tok", "is %zu, of only %zu experts",
                   d->n_experts_used, d->n_experts);
    if (place_size_or(p, "decoder_sparse_step", 1, 0, MAX_LAYERS) != 1)
        place_fail(p, ERR_CONFIG, "decoder_sparse_step", "is not 1: dense layers not supported");
    if (json_array_size(json_object_get(p->object, "mlp_only_layers")) > 0)
        place_fail(p, ERR_CONFIG, "mlp_only_layers", "is not empty: dense layers not supported");
}

/* ---- thinker -------------------------------------------------------------------------------- */

static void read_thinker_text(const struct place *p, struct config_decoder *d) {
    read_decoder(p, d, 1e6, 1e-6, true);
    read_experts(p, d, true);
    d->vocab = place_size(p, "vocab_size", 1, MAX_VOCAB);
}

static void read_audio(const struct place *p, struct config_audio *a, size_t hidden) {
    a->d_model = place_size(p, "d_model", 4, MAX_WIDTH);
    a->n_layers = place_size(p, "encoder_layers", 1, MAX_LAYERS);
    a->n_heads = place_size(p, "encoder_attention_heads", 1, MAX_HEADS);
    a->ffn = place_size(p, "encoder_ffn_dim", 1, MAX_WIDTH);
    a->n_mels = place_size_or(p, "num_mel_bins", 128, 1, MAX_WIDTH);
    a->downsample_hidden = place_size(p, "downsample_hidden_size", 1, MAX_WIDTH);
    a->output_dim = place_size(p, "output_dim", 1, MAX_WIDTH);
    a->n_window = place_size_or(p, "n_window", 50, 1, MAX_WIDTH);
    a->n_window_infer = place_size_or(p, "n_window_infer", 800, 1, MAX_WIDTH);
    must_be_equal(p, "num_mel_bins", a->n_mels, "the mel front end's", 128);
    must_be_equal(p, "n_window", a->n_window, "half a chunk of the encoder", 50);
    must_be_equal(p, "output_dim", a->output_dim, "the thinker's hidden_size", hidden);
    if (a->n_window_infer % 100)
        place_fail(p, ERR_CONFIG, "n_window_infer", "is %zu, no multiple of 100 mel frames",
                   a->n_window_infer);
    size_t head_dim = a->d_model / a->n_heads;
    if (a->d_model % a->n_heads || head_dim % 2 || head_dim > MAX_HEAD_DIM)
        place_fail(p, ERR_CONFIG, "d_model",
                   "is %zu: no multiple of %zu heads, of an even number up to %d each", a->d_model,
                   a->n_heads, MAX_HEAD_DIM);
    must_be_string(p, "activation_function", "gelu");
    must_be_flag(p, "scale_embedding", false);
}

static void read_vision(const struct place *p, struct config_vision *v, size_t hidden) {
    v->hidden = place_size(p, "hidden_size", 1, MAX_WIDTH);
    v->n_layers = place_size(p, "depth", 1, MAX_LAYERS);
    v->n_heads = place_size(p, "num_heads", 1, MAX_HEADS);
    v->intermediate = place_size(p, "intermediate_size", 1, MAX_WIDTH);
    v->out_hidden = place_size(p, "out_hidden_size", 1, MAX_WIDTH);
    v->patch = place_size_or(p, "patch_size", 16, 1, 256);
    v->temporal_patch = place_size_or(p, "temporal_patch_size", 2, 1, 256);
    v->merge = place_size_or(p, "spatial_merge_size", 2, 1, 16);
    v->channels = place_size_or(p, "in_channels", 3, 1, 16);
    v->n_positions = place_size(p, "num_position_embeddings", 1, MAX_VOCAB);
    size_t deepstack[MAX_LAYERS];
    v->n_deepstack =
        place_sizes(p, "deepstack_visual_indexes", deepstack, v->n_layers, 0, v->n_layers - 1);
    must_be_equal(p, "out_hidden_size", v->out_hidden, "the thinker's hidden_size", hidden);
    if (v->hidden % v->n_heads || v->hidden / v->n_heads % 4)
        place_fail(p, ERR_CONFIG, "hidden_size", "is %zu: %zu heads need a multiple of 4 each",
                   v->hidden, v->n_heads);
}

static void read_thinker(const struct place *p, struct config *c) {
    struct place text = place_enter(p, "text_config");
    read_thinker_text(&text, &c->thinker);
    if (place_has(p, "audio_config")) {
        struct place audio = place_enter(p, "audio_config");
        read_audio(&audio, &c->audio, c->thinker.hidden);
        c->has_audio = true;
    }
    if (place_has(p, "vision_config")) {
        struct place vision = place_enter(p, "vision_config");
        read_vision(&vision, &c->vision, c->thinker.hidden);
        c->has_vision = true;
    }
}

/* ---- talker --------------------------------------------------------------------------------- */

static void read_speakers(const struct place *p, struct config_talker *t) {
    if (!place_has(p, "speaker_id"))
        return;
    struct place all = place_enter(p, "speaker_id");
    size_t n = json_object_size(all.object);
    if (n > MAX_SPEAKERS)
        place_fail(p, ERR_DATA, "speaker_id", "has %zu speakers", n);
    if (n == 0 || p->err->code)
        return;
    t->speakers = arena_xrealloc(NULL, n, sizeof *t->speakers);
    for (void *i = json_object_iter((json_t *)all.object); i;
         i = json_object_iter_next((json_t *)all.object, i)) {
        const char *key = json_object_iter_key(i);
        char *name = arena_xstrdup(key);
        for (char *s = name; *s; s++)
            *s = (char)tolower((unsigned char)*s);
        size_t id = place_size(&all, key, t->text.vocab - CODEC_SPECIALS, t->text.vocab - 1);
        t->speakers[t->n_speakers++] = (struct config_speaker){name, (int32_t)id};
    }
}

/* The ids of the talker's vocabulary that are no codes; all in the range that sampling suppresses.
 */
static void read_codec_ids(const struct place *p, struct config_talker *t) {
    struct {
        const char *key;
        int32_t *id;
    } ids[] = {
        {"codec_pad_id", &t->codec_pad},
        {"codec_bos_id", &t->codec_bos},
        {"codec_eos_token_id", &t->codec_eos},
        {"codec_nothink_id", &t->codec_nothink},
        {"codec_think_bos_id", &t->codec_think_bos},
        {"codec_think_eos_id", &t->codec_think_eos},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        *ids[i].id =
            (int32_t)place_size(p, ids[i].key, t->text.vocab - CODEC_SPECIALS, t->text.vocab - 1);
}

static void read_predictor(const struct place *p, struct config_talker *t) {
    struct config_decoder *d = &t->predictor;
    read_decoder(p, d, 1e6, 1e-6, false);
    d->intermediate = place_size(p, "intermediate_size", 1, MAX_WIDTH);
    d->vocab = place_size(p, "vocab_size", 1, MAX_VOCAB);
    must_be_equal(p, "hidden_size", d->hidden, "the talker's", t->text.hidden);
    must_be_equal(p, "num_code_groups", place_size_or(p, "num_code_groups", t->n_groups, 0, 4096),
                  "the talker's", t->n_groups);
    const json_t *types = json_object_get(p->object, "layer_types");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *s = json_string_value(json_array_get(types, i));
        if (!s || strcmp(s, "full_attention") != 0)
            place_fail(p, ERR_CONFIG, "layer_types", "has other layers than full_attention");
    }
}

static void read_talker(const struct place *p, struct config *c) {
    struct config_talker *t = &c->talker;
    struct place text = place_enter(p, "text_config");
    read_decoder(&text, &t->text, 1e6, 1e-6, true);
    read_experts(&text, &t->text, false);
    t->text.shared_intermediate =
        place_size(&text, "shared_expert_intermediate_size", 1, MAX_WIDTH);
    t->projection = place_size(&text, "intermediate_size", 1, MAX_WIDTH);
    t->text.vocab = place_size(&text, "vocab_size", CODEC_SPECIALS + 1, MAX_VOCAB);
    t->n_groups = place_size(p, "num_code_groups", 2, MAX_GROUPS);
    t->accept_layer = place_size(p, "accept_hidden_layer", 0, MAX_LAYERS);
    must_be_equal(p, "thinker_hidden_size",
                  place_size_or(p, "thinker_hidden_size", c->thinker.hidden, 1, MAX_WIDTH),
                  "the thinker's hidden_size", c->thinker.hidden);
    if (t->accept_layer > c->thinker.n_layers)
        place_fail(p, ERR_CONFIG, "accept_hidden_layer", "is %zu, of only %zu thinker layers",
                   t->accept_layer, c->thinker.n_layers);
    read_codec_ids(p, t);
    read_speakers(p, t);
    struct place predictor = place_enter(p, "code_predictor_config");
    read_predictor(&predictor, t);
}

/* ---- code2wav ------------------------------------------------------------------------------- */

static size_t product(const struct place *p, const char *key, const size_t *values, size_t n,
                      size_t factor) {
    for (size_t i = 0; i < n; i++)
        factor = factor > MAX_FACTOR ? factor : factor * values[i];
    if (factor > MAX_FACTOR)
        place_fail(p, ERR_CONFIG, key, "makes more than %d samples of a frame", MAX_FACTOR);
    return factor;
}

static void read_code2wav(const struct place *p, struct config *c) {
    struct config_code2wav *w = &c->code2wav;
    read_decoder(p, &w->text, 1e4, 1e-5, false);
    w->text.intermediate = place_size(p, "intermediate_size", 1, MAX_WIDTH);
    w->text.window = place_size_or(p, "sliding_window", 72, 1, MAX_POSITION);
    w->codebook = place_size(p, "codebook_size", 1, MAX_VOCAB);
    w->n_groups = place_size(p, "num_quantizers", 2, MAX_GROUPS);
    w->decoder_dim = place_size(p, "decoder_dim", 1, MAX_WIDTH);
    w->n_upsamplers = place_sizes(p, "upsampling_ratios", w->upsamplers, 8, 1, 64);
    w->n_blocks = place_sizes(p, "upsample_rates", w->rates, 8, 1, 64);
    w->sample_rate = SAMPLE_RATE;
    if (!w->n_upsamplers || !w->n_blocks)
        place_fail(p, ERR_DATA, w->n_blocks ? "upsampling_ratios" : "upsample_rates", "is missing");
    w->factor = product(p, "upsampling_ratios", w->upsamplers, w->n_upsamplers, 1);
    w->factor = product(p, "upsample_rates", w->rates, w->n_blocks, w->factor);
    if (w->decoder_dim % ((size_t)1 << w->n_blocks))
        place_fail(p, ERR_CONFIG, "decoder_dim", "is %zu: %zu blocks cannot halve it each",
                   w->decoder_dim, w->n_blocks);
    must_be_equal(p, "num_quantizers", w->n_groups, "the talker's num_code_groups",
                  c->talker.n_groups);
    must_be_equal(p, "codebook_size", w->codebook, "the code predictor's vocab_size",
                  c->talker.predictor.vocab);
    if (w->codebook > c->talker.text.vocab - CODEC_SPECIALS)
        place_fail(p, ERR_CONFIG, "codebook_size",
                   "is %zu: the talker's vocabulary of %zu is short", w->codebook,
                   c->talker.text.vocab);
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct token_key {
    const char *key;
    int32_t *id;
    size_t released; /* what the released models have; used when the key is missing */
};

static void read_tokens(const struct place *p, const struct token_key *keys, size_t n,
                        size_t vocab) {
    for (size_t i = 0; i < n; i++) {
        size_t id = place_size_or(p, keys[i].key, keys[i].released, 0, vocab - 1);
        if (id >= vocab)
            place_fail(p, ERR_DATA, keys[i].key, "is missing");
        *keys[i].id = (int32_t)id;
    }
}

static void read_all_tokens(const struct place *root, const struct place *thinker,
                            struct config *c) {
    struct token_key media[] = {
        {"audio_token_id", &c->audio_token, 151675},
        {"image_token_id", &c->image_token, 151655},
        {"video_token_id", &c->video_token, 151656},
        {"audio_start_token_id", &c->audio_start, 151669},
        {"audio_end_token_id", &c->audio_end, 151670},
        {"vision_start_token_id", &c->vision_start, 151652},
        {"vision_end_token_id", &c->vision_end, 151653},
    };
    struct token_key text[] = {
        {"im_start_token_id", &c->im_start, 151644},
        {"im_end_token_id", &c->im_end, 151645},
        {"system_token_id", &c->system_token, 8948},
        {"user_token_id", &c->user_token, 872},
        {"assistant_token_id", &c->assistant_token, 77091},
        {"tts_pad_token_id", &c->tts_pad, 151671},
        {"tts_bos_token_id", &c->tts_bos, 151672},
        {"tts_eos_token_id", &c->tts_eos, 151673},
    };
    read_tokens(thinker, media, sizeof media / sizeof *media, c->thinker.vocab);
    read_tokens(root, text, sizeof text / sizeof *text, c->thinker.vocab);
}

static void read_root(const struct place *root, struct config *c) {
    const char *type = place_string(root, "model_type");
    if (!type || strcmp(type, "qwen3_omni_moe") != 0) {
        place_fail(root, ERR_CONFIG, "model_type", "is %.40s%s", type ? type : "missing",
                   type ? ": only qwen3_omni_moe is supported" : "");
        return;
    }
    struct place thinker = place_enter(root, "thinker_config");
    read_thinker(&thinker, c);
    if (!root->err->code)
        read_all_tokens(root, &thinker, c);
    /* Thinking and Captioner models may still carry the class defaults as talker_config. */
    if (root->err->code || !place_bool_or(root, "enable_audio_output", true) ||
        !place_has(root, "talker_config"))
        return;
    struct place talker = place_enter(root, "talker_config");
    struct place code2wav = place_enter(root, "code2wav_config");
    read_talker(&talker, c);
    read_code2wav(&code2wav, c);
    c->has_talker = true;
}

int config_parse(struct config *c, const char *json, size_t size, struct err *e) {
    json_t *j = json_read_object(json, size, "config.json", e);
    if (j) {
        struct place root = place_root(j, "config.json", e);
        read_root(&root, c);
    }
    json_decref(j);
    return e->code;
}

static void read_sampling(const struct place *p, struct config_sampling *s, const char *prefix) {
    char key[64];
    snprintf(key, sizeof key, "%s_temperature", prefix);
    s->temp = (float)place_number_or(p, key, NAN, 0, 100);
    snprintf(key, sizeof key, "%s_top_p", prefix);
    s->top_p = (float)place_number_or(p, key, NAN, 0, 1);
    snprintf(key, sizeof key, "%s_repetition_penalty", prefix);
    s->rep = (float)place_number_or(p, key, NAN, 1e-3, 1e3);
    snprintf(key, sizeof key, "%s_top_k", prefix);
    s->top_k = place_has(p, key) ? (int32_t)place_size(p, key, 0, MAX_VOCAB) : -1;
    snprintf(key, sizeof key, "%s_max_new_tokens", prefix);
    s->max_new = place_has(p, key) ? (int32_t)place_size(p, key, 0, MAX_POSITION) : -1;
    snprintf(key, sizeof key, "%s_do_sample", prefix);
    if (!place_bool_or(p, key, true))
        s->temp = 0;
}

int config_parse_sampling(struct config *c, const char *json, size_t size, struct err *e) {
    json_t *j = json_read_object(json, size, "generation_config.json", e);
    if (j) {
        struct place root = place_root(j, "generation_config.json", e);
        read_sampling(&root, &c->thinker_sampling, "thinker");
        read_sampling(&root, &c->talker_sampling, "talker");
    }
    json_decref(j);
    return e->code;
}

void config_free(struct config *c) {
    for (size_t i = 0; i < c->talker.n_speakers; i++)
        free(c->talker.speakers[i].name);
    free(c->talker.speakers);
    free(c->model);
    *c = (struct config){0};
}
