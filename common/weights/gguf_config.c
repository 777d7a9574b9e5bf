#include "common/weights/gguf_config.h"

#include <jansson.h>
#include <stdio.h>
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

/* The object at a.b of the document. */
static json_t *at(json_t *root, const char *a, const char *b) {
    return json_object_get(json_object_get(root, a), b);
}

/* object[key] = a number of the metadata; left as it is if that has none. */
static void copy_size(json_t *object, const char *key, const struct gguf_file *g,
                      const char *metadata) {
    size_t n;
    if (gguf_natural(g, metadata, &n) && n < SIZE_MAX / 2)
        json_object_set_new(object, key, json_integer((json_int_t)n));
}

static void copy_number(json_t *object, const char *key, const struct gguf_file *g,
                        const char *metadata) {
    double x;
    if (gguf_number(g, metadata, &x))
        json_object_set_new(object, key, json_real(x));
}

/* object[key] = the outermost size of a tensor. */
static void copy_rows(json_t *object, const char *key, const struct gguf_file *g,
                      const char *tensor) {
    for (size_t i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensors[i].name, tensor) == 0)
            json_object_set_new(object, key, json_integer((json_int_t)g->tensors[i].view.shape[0]));
}

/* The three sections of M-RoPE; llama.cpp keeps four. */
static void copy_sections(json_t *text, const struct gguf_file *g) {
    const struct gguf_value *v = gguf_find(g, "qwen3vlmoe.rope.dimension_sections");
    if (!v || !v->array || v->n < 3 || (v->type != GGUF_I32 && v->type != GGUF_U32))
        return;
    json_t *sections = json_array();
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(sections, json_integer(gguf_integer(v, i)));
    json_object_set_new(json_object_get(text, "rope_scaling"), "mrope_section", sections);
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

static void copy_ids(json_t *root, const struct gguf_file *g) {
    struct gguf_walk walk = {.value = gguf_find(g, "tokenizer.ggml.tokens")};
    json_t *thinker = json_object_get(root, "thinker_config");
    struct gguf_string s;
    while (gguf_next(&walk, &s))
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
            if (s.n == strlen(ids[i].token) && memcmp(s.data, ids[i].token, s.n) == 0)
                json_object_set_new(ids[i].thinkers ? thinker : root, ids[i].key,
                                    json_integer((json_int_t)walk.i - 1));
}

static void read_thinker(json_t *root, const struct gguf_file *g) {
    json_t *text = at(root, "thinker_config", "text_config");
    copy_size(text, "hidden_size", g, "qwen3vlmoe.embedding_length");
    copy_size(text, "num_hidden_layers", g, "qwen3vlmoe.block_count");
    copy_size(text, "num_attention_heads", g, "qwen3vlmoe.attention.head_count");
    copy_size(text, "num_key_value_heads", g, "qwen3vlmoe.attention.head_count_kv");
    copy_size(text, "head_dim", g, "qwen3vlmoe.attention.key_length");
    copy_size(text, "num_experts", g, "qwen3vlmoe.expert_count");
    copy_size(text, "num_experts_per_tok", g, "qwen3vlmoe.expert_used_count");
    copy_size(text, "moe_intermediate_size", g, "qwen3vlmoe.expert_feed_forward_length");
    copy_size(text, "max_position_embeddings", g, "qwen3vlmoe.context_length");
    copy_number(text, "rms_norm_eps", g, "qwen3vlmoe.attention.layer_norm_rms_epsilon");
    copy_number(text, "rope_theta", g, "qwen3vlmoe.rope.freq_base");
    copy_rows(text, "vocab_size", g, "token_embd.weight");
    copy_sections(text, g);
    copy_ids(root, g);
}

static void read_audio(json_t *root, const struct gguf_file *g) {
    json_t *audio = at(root, "thinker_config", "audio_config");
    copy_size(audio, "d_model", g, "clip.audio.embedding_length");
    copy_size(audio, "encoder_layers", g, "clip.audio.block_count");
    copy_size(audio, "encoder_attention_heads", g, "clip.audio.attention.head_count");
    copy_size(audio, "encoder_ffn_dim", g, "clip.audio.feed_forward_length");
    copy_size(audio, "num_mel_bins", g, "clip.audio.num_mel_bins");
    copy_rows(audio, "downsample_hidden_size", g, "a.conv2d.1.weight");
    copy_rows(audio, "output_dim", g, "mm.a.mlp.2.weight");
}

/* Sizes that follow from the thinker's or, without one, from the audio encoder's. */
static void settle(json_t *root, bool has_thinker) {
    json_t *text = at(root, "thinker_config", "text_config");
    json_t *audio = at(root, "thinker_config", "audio_config");
    json_t *talker = json_object_get(root, "talker_config");
    json_int_t layers = json_integer_value(json_object_get(text, "num_hidden_layers"));
    if (!has_thinker)
        json_object_set(text, "hidden_size", json_object_get(audio, "output_dim"));
    json_object_set(talker, "thinker_hidden_size", json_object_get(text, "hidden_size"));
    if (layers < json_integer_value(json_object_get(talker, "accept_hidden_layer")))
        json_object_set_new(talker, "accept_hidden_layer", json_integer(layers));
}

static int assume(const struct gguf_set *s, char **json, size_t *size, struct err *e) {
    bool has_thinker = false, has_audio = false;
    json_t *root = parse_released();
    for (size_t i = 0; i < s->n; i++) {
        const struct gguf_file *g = &s->files[i];
        if (gguf_is(g, "general.architecture", "qwen3vlmoe")) {
            read_thinker(root, g);
            has_thinker = true;
        } else if (gguf_is(g, "general.architecture", "clip") &&
                   (gguf_is(g, "clip.audio.projector_type", "qwen3a") ||
                    gguf_is(g, "clip.projector_type", "qwen3a"))) {
            read_audio(root, g);
            has_audio = true;
        }
    }
    if (!has_audio && has_thinker)
        json_object_del(json_object_get(root, "thinker_config"), "audio_config");
    settle(root, has_thinker);
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
    return 0;
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
