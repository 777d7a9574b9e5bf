/* The values in the heads of the files: what llama.cpp wants to know (gguf-py's constants.py), and
 * omni's own. */
#include "common/weights/gguf_config.h"
#include "tools/quantize.h"

#include <stdio.h>
#include <string.h>

static void put_text(struct gguf_writer *w, const char *key, const char *text) {
    gguf_put_text(w, key, text, strlen(text));
}

/* llama.cpp's llama_ftype of a file that is mostly of this type. */
static size_t file_type(struct quantize_type type) {
    static const size_t types[TENSOR_DTYPES] = {
        [TENSOR_F32] = 0,  [TENSOR_F16] = 1,   [TENSOR_BF16] = 32, [TENSOR_Q8_0] = 7,
        [TENSOR_Q4_0] = 2, [TENSOR_Q4_K] = 14, [TENSOR_Q5_K] = 16, [TENSOR_Q6_K] = 18,
    };
    return type.mixed ? 15 : types[type.dtype];
}

static void put_general(struct quantize_file *f, const char *architecture, const char *kind) {
    struct gguf_writer *w = &f->writer;
    put_text(w, "general.architecture", architecture);
    put_text(w, "general.type", kind);
    put_text(w, "general.name", f->source->config.model);
    gguf_put_u32(w, "general.quantization_version", 2);
    put_text(w, GGUF_KEY_CONFIG, f->source->config_json);
    if (f->source->generation_json)
        put_text(w, GGUF_KEY_GENERATION, f->source->generation_json);
}

static void put_tokenizer(struct quantize_file *f) {
    struct gguf_writer *w = &f->writer;
    const struct config *c = &f->source->config;
    if (!f->source->tokenizer)
        return;
    text_write_gguf(f->source->tokenizer, w, c->thinker.vocab);
    /* As llama.cpp's converter has it: the end of a turn stands for both. */
    gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (size_t)c->im_end);
    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (size_t)c->im_end);
    if (f->source->chat_template)
        put_text(w, "tokenizer.chat_template", f->source->chat_template);
}

static void put_experts(struct gguf_writer *w, const struct config_decoder *d) {
    gguf_put_u32(w, "qwen3vlmoe.expert_count", d->n_experts);
    gguf_put_u32(w, "qwen3vlmoe.expert_used_count", d->n_experts_used);
    gguf_put_u32(w, "qwen3vlmoe.expert_feed_forward_length", d->expert_intermediate);
}

static void put_attention(struct gguf_writer *w, const struct config_decoder *d) {
    gguf_put_u32(w, "qwen3vlmoe.attention.head_count", d->n_heads);
    gguf_put_u32(w, "qwen3vlmoe.attention.head_count_kv", d->n_kv_heads);
    gguf_put_u32(w, "qwen3vlmoe.attention.key_length", d->head_dim);
    gguf_put_u32(w, "qwen3vlmoe.attention.value_length", d->head_dim);
    gguf_put_f32(w, "qwen3vlmoe.attention.layer_norm_rms_epsilon", (double)d->eps);
    gguf_put_f32(w, "qwen3vlmoe.rope.freq_base", d->rope_theta);
    gguf_put_array(w, "qwen3vlmoe.rope.dimension_sections", GGUF_I32, 4);
    for (size_t i = 0; i < 4; i++)
        gguf_put_i32_element(w, i < 3 ? (int32_t)d->rope_section[i] : 0);
}

void quantize_put_thinker(struct quantize_file *f, struct quantize_type type) {
    struct gguf_writer *w = &f->writer;
    const struct config_decoder *d = &f->source->config.thinker;
    put_general(f, "qwen3vlmoe", "model");
    gguf_put_u32(w, "general.file_type", file_type(type));
    gguf_put_u32(w, "qwen3vlmoe.block_count", d->n_layers);
    gguf_put_u32(w, "qwen3vlmoe.context_length", d->max_position);
    gguf_put_u32(w, "qwen3vlmoe.embedding_length", d->hidden);
    gguf_put_u32(w, "qwen3vlmoe.feed_forward_length", d->expert_intermediate);
    gguf_put_u32(w, "qwen3vlmoe.n_deepstack_layers", 0);
    put_attention(w, d);
    put_experts(w, d);
    put_tokenizer(f);
}

void quantize_put_audio(struct quantize_file *f, struct quantize_type type) {
    struct gguf_writer *w = &f->writer;
    const struct config_audio *a = &f->source->config.audio;
    put_general(f, "clip", "mmproj");
    gguf_put_u32(w, "general.file_type", file_type(type));
    gguf_put_bool(w, "clip.has_audio_encoder", true);
    put_text(w, "clip.audio.projector_type", "qwen3a");
    gguf_put_u32(w, "clip.audio.embedding_length", a->d_model);
    gguf_put_u32(w, "clip.audio.feed_forward_length", a->ffn);
    gguf_put_u32(w, "clip.audio.block_count", a->n_layers);
    gguf_put_u32(w, "clip.audio.attention.head_count", a->n_heads);
    gguf_put_f32(w, "clip.audio.attention.layer_norm_epsilon", 1e-5);
    gguf_put_u32(w, "clip.audio.projection_dim", a->output_dim);
    gguf_put_u32(w, "clip.audio.num_mel_bins", a->n_mels);
}

void quantize_put_speech(struct quantize_file *f) {
    put_general(f, "qwen3omni-speech", "model");
}
