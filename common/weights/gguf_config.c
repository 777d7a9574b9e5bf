#include "common/weights/gguf_config.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Qwen3-Omni-30B-A3B-Instruct, without the vision encoder. Token ids are config.c's
 * defaults. */
static const char released[] =
    "{'model_type': 'qwen3_omni_moe', 'thinker_config': {'text_config': {"
    "'vocab_size': 152064, 'hidden_size': 2048, 'num_hidden_layers': 48,"
    "'num_attention_heads': 32, 'num_key_value_heads': 4, 'head_dim': 128, 'num_experts': 128,"
    "'num_experts_per_tok': 8, 'moe_intermediate_size': 768, 'max_position_embeddings': 65536,"
    "'rms_norm_eps': 1e-6, 'rope_theta': 1e6, 'rope_scaling': {'mrope_section': [24, 20, 20]}},"
    "'audio_config': {'d_model': 1280, 'encoder_layers': 32, 'encoder_attention_heads': 20,"
    "'encoder_ffn_dim': 5120, 'num_mel_bins': 128, 'downsample_hidden_size': 480,"
    "'output_dim': 2048, 'n_window': 50, 'n_window_infer': 800}},"
    "'talker_config': {'accept_hidden_layer': 24, 'num_code_groups': 16,"
    "'thinker_hidden_size': 2048, 'codec_pad_id': 2148, 'codec_bos_id': 2149,"
    "'codec_eos_token_id': 2150, 'codec_nothink_id': 2155, 'codec_think_bos_id': 2156,"
    "'codec_think_eos_id': 2157, 'speaker_id': {'chelsie': 2301, 'ethan': 2302, 'aiden': 2303},"
    "'text_config': {'vocab_size': 3072, 'hidden_size': 1024, 'num_hidden_layers': 20,"
    "'num_attention_heads': 16, 'num_key_value_heads': 2, 'head_dim': 128, 'num_experts': 128,"
    "'num_experts_per_tok': 6, 'moe_intermediate_size': 384,"
    "'shared_expert_intermediate_size': 768, 'norm_topk_prob': true, 'intermediate_size': 2048,"
    "'max_position_embeddings': 65536},"
    "'code_predictor_config': {'vocab_size': 2048, 'hidden_size': 1024, 'num_hidden_layers': 5,"
    "'num_attention_heads': 16, 'num_key_value_heads': 8, 'head_dim': 128,"
    "'intermediate_size': 3072}},"
    "'code2wav_config': {'codebook_size': 2048, 'num_quantizers': 16, 'hidden_size': 1024,"
    "'num_hidden_layers': 8, 'num_attention_heads': 16, 'intermediate_size': 3072,"
    "'upsampling_ratios': [2, 2], 'upsample_rates': [8, 5, 4, 3], 'decoder_dim': 1536}}";

static json_t *parse_released(void) {
    char text[sizeof released];
    for (size_t i = 0; i < sizeof released; i++)
        text[i] = released[i] == '\'' ? '"' : released[i];
    return json_loads(text, 0, NULL);
}

/* A file's metadata on their way into an object of the document. */
struct copy {
    const struct gguf_file *g;
    const struct gguf_set *set; /* g's */
    json_t *to;
    struct err *err;
};

static void set(const struct copy *c, const char *key, json_t *value) {
    if (json_object_set_new(c->to, key, value) != 0)
        err_set(c->err, ERR_MEMORY, "out of memory: config");
}

static void bad(const struct copy *c, const char *metadata, const char *what) {
    err_set(c->err, ERR_DATA, "%s: %s is %s", c->g->name, metadata, what);
}

/* The object at a.b of the document. */
static json_t *at(json_t *root, const char *a, const char *b) {
    return json_object_get(json_object_get(root, a), b);
}

/* to[key] = a number of the metadata; left as it is if that has none. */
static void copy_size(const struct copy *c, const char *key, const char *metadata) {
    size_t n;
    if (!gguf_find(c->g, metadata))
        return;
    if (gguf_natural(c->g, metadata, &n) && n < SIZE_MAX / 2)
        set(c, key, json_integer((json_int_t)n));
    else
        bad(c, metadata, "no natural number");
}

static void copy_number(const struct copy *c, const char *key, const char *metadata) {
    double x;
    if (!gguf_find(c->g, metadata))
        return;
    if (gguf_number(c->g, metadata, &x) && isfinite(x))
        set(c, key, json_real(x));
    else
        bad(c, metadata, "no finite number");
}

/* to[key] = the outermost size of a tensor, in whatever part of a split file it is. */
static void copy_rows(const struct copy *c, const char *key, const char *tensor) {
    for (const struct gguf_file *g = c->set->files; g < c->set->files + c->set->n; g++)
        for (size_t i = 0; i < g->n_tensors; i++)
            if (strcmp(g->tensors[i].name, tensor) == 0)
                set(c, key, json_integer((json_int_t)g->tensors[i].view.shape[0]));
}

/* The three sections of M-RoPE; llama.cpp keeps four. */
static void copy_sections(const struct copy *c) {
    static const char metadata[] = "qwen3vlmoe.rope.dimension_sections";
    const struct gguf_value *v = gguf_find(c->g, metadata);
    if (!v)
        return;
    if (!v->array || v->n < 3 || (v->type != GGUF_I32 && v->type != GGUF_U32)) {
        bad(c, metadata, "no list of three integers or more");
        return;
    }
    json_t *rope = json_pack("{s:[I,I,I]}", "mrope_section", (json_int_t)gguf_integer(v, 0),
                             (json_int_t)gguf_integer(v, 1), (json_int_t)gguf_integer(v, 2));
    set(c, "rope_scaling", rope);
}

/* Ids by the tokens that have them. */
static const struct {
    const char *key, *token;
    bool thinkers; /* in thinker_config */
} ids[] = {
    {"audio_token_id", "<|audio_pad|>", true},
    {"image_token_id", "<|image_pad|>", true},
    {"video_token_id", "<|video_pad|>", true},
    {"audio_start_token_id", "<|audio_start|>", true},
    {"audio_end_token_id", "<|audio_end|>", true},
    {"vision_start_token_id", "<|vision_start|>", true},
    {"vision_end_token_id", "<|vision_end|>", true},
    {"im_start_token_id", "<|im_start|>", false},
    {"im_end_token_id", "<|im_end|>", false},
    {"system_token_id", "system", false},
    {"user_token_id", "user", false},
    {"assistant_token_id", "assistant", false},
    {"tts_pad_token_id", "<tts_pad>", false},
    {"tts_bos_token_id", "<tts_text_bos>", false},
    {"tts_eos_token_id", "<tts_text_eod>", false},
};

static void copy_ids(json_t *root, const struct copy *text) {
    static const char metadata[] = "tokenizer.ggml.tokens";
    struct gguf_walk walk = {.value = gguf_find(text->g, metadata)};
    struct copy all = *text, thinker = *text;
    struct gguf_string s;
    all.to = root;
    thinker.to = json_object_get(root, "thinker_config");
    if (walk.value && (!walk.value->array || walk.value->type != GGUF_STRING))
        bad(text, metadata, "no list of texts");
    while (gguf_next(&walk, &s))
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
            if (s.n == strlen(ids[i].token) && memcmp(s.data, ids[i].token, s.n) == 0)
                set(ids[i].thinkers ? &thinker : &all, ids[i].key,
                    json_integer((json_int_t)walk.i - 1));
}

static void read_thinker(json_t *root, const struct gguf_set *s, const struct gguf_file *g,
                         struct err *e) {
    struct copy c = {g, s, at(root, "thinker_config", "text_config"), e};
    copy_size(&c, "hidden_size", "qwen3vlmoe.embedding_length");
    copy_size(&c, "num_hidden_layers", "qwen3vlmoe.block_count");
    copy_size(&c, "num_attention_heads", "qwen3vlmoe.attention.head_count");
    copy_size(&c, "num_key_value_heads", "qwen3vlmoe.attention.head_count_kv");
    copy_size(&c, "head_dim", "qwen3vlmoe.attention.key_length");
    copy_size(&c, "num_experts", "qwen3vlmoe.expert_count");
    copy_size(&c, "num_experts_per_tok", "qwen3vlmoe.expert_used_count");
    copy_size(&c, "moe_intermediate_size", "qwen3vlmoe.expert_feed_forward_length");
    copy_size(&c, "max_position_embeddings", "qwen3vlmoe.context_length");
    copy_number(&c, "rms_norm_eps", "qwen3vlmoe.attention.layer_norm_rms_epsilon");
    copy_number(&c, "rope_theta", "qwen3vlmoe.rope.freq_base");
    copy_rows(&c, "vocab_size", "token_embd.weight");
    copy_sections(&c);
    copy_ids(root, &c);
}

static void read_audio(json_t *root, const struct gguf_set *s, const struct gguf_file *g,
                       struct err *e) {
    struct copy c = {g, s, at(root, "thinker_config", "audio_config"), e};
    copy_size(&c, "d_model", "clip.audio.embedding_length");
    copy_size(&c, "encoder_layers", "clip.audio.block_count");
    copy_size(&c, "encoder_attention_heads", "clip.audio.attention.head_count");
    copy_size(&c, "encoder_ffn_dim", "clip.audio.feed_forward_length");
    copy_size(&c, "num_mel_bins", "clip.audio.num_mel_bins");
    copy_rows(&c, "downsample_hidden_size", "a.conv2d.1.weight");
    copy_rows(&c, "output_dim", "mm.a.mlp.2.weight");
}

/* Sizes that follow from the thinker's or, without one, from the audio encoder's. */
static void settle(json_t *root, bool has_thinker, struct err *e) {
    struct copy text = {.to = at(root, "thinker_config", "text_config"), .err = e};
    struct copy talker = {.to = json_object_get(root, "talker_config"), .err = e};
    json_t *audio = at(root, "thinker_config", "audio_config");
    json_int_t layers = json_integer_value(json_object_get(text.to, "num_hidden_layers"));
    if (!has_thinker)
        set(&text, "hidden_size", json_incref(json_object_get(audio, "output_dim")));
    set(&talker, "thinker_hidden_size", json_incref(json_object_get(text.to, "hidden_size")));
    if (layers < json_integer_value(json_object_get(talker.to, "accept_hidden_layer")))
        set(&talker, "accept_hidden_layer", json_integer(layers));
}

/* Whether the file is an audio encoder of this model. */
static bool is_audio(const struct gguf_file *g) {
    return gguf_is(g, "general.architecture", "clip") &&
           (gguf_is(g, "clip.audio.projector_type", "qwen3a") ||
            gguf_is(g, "clip.projector_type", "qwen3a"));
}

static int assume(const struct gguf_set *s, char **json, size_t *size, struct err *e) {
    bool has_thinker = false, has_audio = false;
    json_t *root = parse_released();
    for (size_t i = 0; i < s->n; i++) {
        const struct gguf_file *g = &s->files[i];
        if (gguf_is(g, "general.architecture", "qwen3vlmoe")) {
            read_thinker(root, s, g, e);
            has_thinker = true;
        } else if (is_audio(g)) {
            read_audio(root, s, g, e);
            has_audio = true;
        }
    }
    if (!has_audio && has_thinker)
        json_object_del(json_object_get(root, "thinker_config"), "audio_config");
    settle(root, has_thinker, e);
    *json = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!has_thinker && !has_audio)
        return err_set(e, ERR_CONFIG,
                       "%s: neither a thinker (architecture qwen3vlmoe) nor an audio encoder "
                       "(clip, qwen3a) of Qwen3-Omni",
                       s->n ? s->files[0].name : "no GGUF file");
    if (!*json)
        return err_set(e, ERR_MEMORY, "out of memory: config");
    *size = strlen(*json);
    return e->code;
}

int gguf_config(const struct gguf_set *s, char **json, size_t *size, bool *assumed, struct err *e) {
    const struct gguf_file *g = gguf_set_find(s, GGUF_KEY_CONFIG);
    struct gguf_string text;
    *json = NULL;
    *assumed = !g;
    if (!g)
        return assume(s, json, size, e);
    if (!gguf_text(g, GGUF_KEY_CONFIG, &text))
        return err_set(e, ERR_DATA, "%s: " GGUF_KEY_CONFIG " is no text", g->name);
    *json = arena_xrealloc(NULL, text.n + 1, 1);
    memcpy(*json, text.data, text.n);
    (*json)[text.n] = 0;
    *size = text.n;
    return 0;
}
