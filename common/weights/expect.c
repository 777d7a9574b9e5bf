/* Names and layouts are those of the released checkpoint: linear weights [out, in], convolutions
 * [out, in, kernel..], transposed convolutions [in, out, kernel], experts one by one. */
#include "common/weights/expect.h"

#include <stdarg.h>
#include <stdio.h>

struct walk {
    void (*each)(void *ctx, const char *name, const size_t *shape);
    void *ctx;
};

/* One tensor; a shape shorter than the rank limit ends with 0. */
__attribute__((format(printf, 3, 4))) static void
want(const struct walk *w, const size_t shape[EXPECT_MAX_RANK + 1], const char *fmt, ...) {
    char name[EXPECT_MAX_NAME];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    w->each(w->ctx, name, shape);
}

static void want_vector(const struct walk *w, size_t n, const char *prefix, const char *name) {
    want(w, (size_t[6]){n}, "%s.%s", prefix, name);
}

/* weight [out, in] and bias [out]. */
static void want_linear(const struct walk *w, size_t out, size_t in, const char *prefix,
                        const char *name) {
    want(w, (size_t[6]){out, in}, "%s.%s.weight", prefix, name);
    want(w, (size_t[6]){out}, "%s.%s.bias", prefix, name);
}

/* Scale and offset of a LayerNorm. */
static void want_norm(const struct walk *w, size_t n, const char *prefix, const char *name) {
    want(w, (size_t[6]){n}, "%s.%s.weight", prefix, name);
    want(w, (size_t[6]){n}, "%s.%s.bias", prefix, name);
}

/* ---- decoder stacks ------------------------------------------------------------------------- */

static void want_attention(const struct walk *w, const struct config_decoder *d, const char *layer,
                           bool qk_norm) {
    size_t q = d->n_heads * d->head_dim, kv = d->n_kv_heads * d->head_dim, h = d->hidden;
    want_vector(w, h, layer, "input_layernorm.weight");
    want_vector(w, h, layer, "post_attention_layernorm.weight");
    want(w, (size_t[6]){q, h}, "%s.self_attn.q_proj.weight", layer);
    want(w, (size_t[6]){kv, h}, "%s.self_attn.k_proj.weight", layer);
    want(w, (size_t[6]){kv, h}, "%s.self_attn.v_proj.weight", layer);
    want(w, (size_t[6]){h, q}, "%s.self_attn.o_proj.weight", layer);
    if (qk_norm) {
        want_vector(w, d->head_dim, layer, "self_attn.q_norm.weight");
        want_vector(w, d->head_dim, layer, "self_attn.k_norm.weight");
    }
}

/* A gated MLP of the given width. */
static void want_mlp(const struct walk *w, size_t hidden, size_t width, const char *prefix) {
    want(w, (size_t[6]){width, hidden}, "%s.gate_proj.weight", prefix);
    want(w, (size_t[6]){width, hidden}, "%s.up_proj.weight", prefix);
    want(w, (size_t[6]){hidden, width}, "%s.down_proj.weight", prefix);
}

static void want_experts(const struct walk *w, const struct config_decoder *d, const char *layer) {
    char prefix[EXPECT_MAX_NAME];
    want(w, (size_t[6]){d->n_experts, d->hidden}, "%s.mlp.gate.weight", layer);
    for (size_t i = 0; i < d->n_experts; i++) {
        snprintf(prefix, sizeof prefix, "%.80s.mlp.experts.%zu", layer, i);
        want_mlp(w, d->hidden, d->expert_intermediate, prefix);
    }
    if (d->shared_intermediate) {
        snprintf(prefix, sizeof prefix, "%.80s.mlp.shared_expert", layer);
        want_mlp(w, d->hidden, d->shared_intermediate, prefix);
        want(w, (size_t[6]){1, d->hidden}, "%s.mlp.shared_expert_gate.weight", layer);
    }
}

/* The layers of a stack and its final norm. */
static void want_decoder(const struct walk *w, const struct config_decoder *d, const char *stack,
                         bool qk_norm) {
    for (size_t i = 0; i < d->n_layers; i++) {
        char layer[EXPECT_MAX_NAME], mlp[EXPECT_MAX_NAME];
        snprintf(layer, sizeof layer, "%.60s.layers.%zu", stack, i);
        snprintf(mlp, sizeof mlp, "%.80s.mlp", layer);
        want_attention(w, d, layer, qk_norm);
        if (d->n_experts)
            want_experts(w, d, layer);
        else
            want_mlp(w, d->hidden, d->intermediate, mlp);
    }
    want_vector(w, d->hidden, stack, "norm.weight");
}

/* ---- components ----------------------------------------------------------------------------- */

static void want_thinker(const struct walk *w, const struct config *c) {
    const struct config_decoder *d = &c->thinker;
    want(w, (size_t[6]){d->vocab, d->hidden}, "thinker.model.embed_tokens.weight");
    want_decoder(w, d, "thinker.model", true);
    want(w, (size_t[6]){d->vocab, d->hidden}, "thinker.lm_head.weight");
}

static void want_audio_layer(const struct walk *w, const struct config_audio *a, size_t i) {
    char layer[EXPECT_MAX_NAME];
    snprintf(layer, sizeof layer, "thinker.audio_tower.layers.%zu", i);
    want_norm(w, a->d_model, layer, "self_attn_layer_norm");
    want_linear(w, a->d_model, a->d_model, layer, "self_attn.q_proj");
    want_linear(w, a->d_model, a->d_model, layer, "self_attn.k_proj");
    want_linear(w, a->d_model, a->d_model, layer, "self_attn.v_proj");
    want_linear(w, a->d_model, a->d_model, layer, "self_attn.out_proj");
    want_norm(w, a->d_model, layer, "final_layer_norm");
    want_linear(w, a->ffn, a->d_model, layer, "fc1");
    want_linear(w, a->d_model, a->ffn, layer, "fc2");
}

static void want_audio(const struct walk *w, const struct config *c) {
    const struct config_audio *a = &c->audio;
    const char *tower = "thinker.audio_tower";
    size_t n = a->downsample_hidden, mels = a->n_mels;
    for (size_t i = 1; i <= 3; i++) {
        want(w, (size_t[6]){n, i == 1 ? 1 : n, 3, 3}, "%s.conv2d%zu.weight", tower, i);
        want(w, (size_t[6]){n}, "%s.conv2d%zu.bias", tower, i);
        mels = (mels + 1) / 2;
    }
    want(w, (size_t[6]){a->d_model, n * mels}, "%s.conv_out.weight", tower);
    for (size_t i = 0; i < a->n_layers; i++)
        want_audio_layer(w, a, i);
    want_norm(w, a->d_model, tower, "ln_post");
    want_linear(w, a->d_model, a->d_model, tower, "proj1");
    want_linear(w, a->output_dim, a->d_model, tower, "proj2");
}

/* A patch merger; the last one normalises before it joins merge x merge patches, the others after.
 */
static void want_merger(const struct walk *w, const struct config_vision *v, const char *prefix,
                        size_t norm) {
    size_t joined = v->hidden * v->merge * v->merge;
    want_norm(w, norm, prefix, "ln_q");
    want_linear(w, joined, joined, prefix, "mlp.0");
    want_linear(w, v->out_hidden, joined, prefix, "mlp.2");
}

static void want_vision_block(const struct walk *w, const struct config_vision *v, size_t i) {
    char block[EXPECT_MAX_NAME];
    snprintf(block, sizeof block, "thinker.visual.blocks.%zu", i);
    want_norm(w, v->hidden, block, "norm1");
    want_norm(w, v->hidden, block, "norm2");
    want_linear(w, 3 * v->hidden, v->hidden, block, "attn.qkv");
    want_linear(w, v->hidden, v->hidden, block, "attn.proj");
    want_linear(w, v->intermediate, v->hidden, block, "mlp.linear_fc1");
    want_linear(w, v->hidden, v->intermediate, block, "mlp.linear_fc2");
}

static void want_vision(const struct walk *w, const struct config *c) {
    const struct config_vision *v = &c->vision;
    const char *visual = "thinker.visual";
    want(w, (size_t[6]){v->hidden, v->channels, v->temporal_patch, v->patch, v->patch},
         "%s.patch_embed.proj.weight", visual);
    want_vector(w, v->hidden, visual, "patch_embed.proj.bias");
    want(w, (size_t[6]){v->n_positions, v->hidden}, "%s.pos_embed.weight", visual);
    for (size_t i = 0; i < v->n_layers; i++)
        want_vision_block(w, v, i);
    want_merger(w, v, "thinker.visual.merger", v->hidden);
    for (size_t i = 0; i < v->n_deepstack; i++) {
        char prefix[EXPECT_MAX_NAME];
        snprintf(prefix, sizeof prefix, "%s.merger_list.%zu", visual, i);
        want_merger(w, v, prefix, v->hidden * v->merge * v->merge);
    }
}

static void want_projection(const struct walk *w, const struct config *c, const char *prefix) {
    const struct config_talker *t = &c->talker;
    want_linear(w, t->projection, c->thinker.hidden, prefix, "linear_fc1");
    want_linear(w, t->text.hidden, t->projection, prefix, "linear_fc2");
}

static void want_talker(const struct walk *w, const struct config *c) {
    const struct config_decoder *d = &c->talker.text;
    want(w, (size_t[6]){d->vocab, d->hidden}, "talker.model.codec_embedding.weight");
    want_decoder(w, d, "talker.model", true);
    want(w, (size_t[6]){d->vocab, d->hidden}, "talker.codec_head.weight");
    want_projection(w, c, "talker.text_projection");
    want_projection(w, c, "talker.hidden_projection");
}

static void want_codepred(const struct walk *w, const struct config *c) {
    const struct config_decoder *d = &c->talker.predictor;
    const char *prefix = "talker.code_predictor";
    for (size_t i = 0; i + 1 < c->talker.n_groups; i++) {
        want(w, (size_t[6]){d->vocab, d->hidden}, "%s.model.codec_embedding.%zu.weight", prefix, i);
        want(w, (size_t[6]){d->vocab, d->hidden}, "%s.lm_head.%zu.weight", prefix, i);
    }
    want_decoder(w, d, "talker.code_predictor.model", true);
}

/* ---- code2wav ------------------------------------------------------------------------------- */

static void want_conv(const struct walk *w, const size_t shape[6], size_t n_bias,
                      const char *prefix, const char *name) {
    want(w, shape, "%s.%s.weight", prefix, name);
    want(w, (size_t[6]){n_bias}, "%s.%s.bias", prefix, name);
}

static void want_scales(const struct walk *w, const struct config_decoder *d) {
    for (size_t i = 0; i < d->n_layers; i++) {
        const char *layer = "code2wav.pre_transformer.layers";
        want(w, (size_t[6]){d->hidden}, "%s.%zu.self_attn_layer_scale.scale", layer, i);
        want(w, (size_t[6]){d->hidden}, "%s.%zu.mlp_layer_scale.scale", layer, i);
    }
}

/* Transposed convolution, then a ConvNeXt block. */
static void want_upsampler(const struct walk *w, const struct config_code2wav *c, size_t i) {
    size_t h = c->text.hidden;
    char up[EXPECT_MAX_NAME];
    snprintf(up, sizeof up, "code2wav.upsample.%zu", i);
    want_conv(w, (size_t[6]){h, h, c->upsamplers[i]}, h, up, "0.conv");
    want_conv(w, (size_t[6]){h, 1, 7}, h, up, "1.dwconv.conv");
    want_norm(w, h, up, "1.norm");
    want_vector(w, h, up, "1.gamma");
    want_linear(w, 4 * h, h, up, "1.pwconv1");
    want_linear(w, h, 4 * h, up, "1.pwconv2");
}

static void want_snake(const struct walk *w, size_t n, const char *prefix, const char *name) {
    want(w, (size_t[6]){n}, "%s.%s.alpha", prefix, name);
    want(w, (size_t[6]){n}, "%s.%s.beta", prefix, name);
}

/* Snake, transposed convolution to half the channels, three residual units. */
static void want_block(const struct walk *w, size_t in, size_t rate, size_t number) {
    size_t out = in / 2;
    char block[EXPECT_MAX_NAME];
    snprintf(block, sizeof block, "code2wav.decoder.%zu.block", number);
    want_snake(w, in, block, "0");
    want_conv(w, (size_t[6]){in, out, 2 * rate}, out, block, "1.conv");
    for (size_t i = 2; i <= 4; i++) {
        char unit[EXPECT_MAX_NAME];
        snprintf(unit, sizeof unit, "%.80s.%zu", block, i);
        want_snake(w, out, unit, "act1");
        want_conv(w, (size_t[6]){out, out, 7}, out, unit, "conv1.conv");
        want_snake(w, out, unit, "act2");
        want_conv(w, (size_t[6]){out, out, 1}, out, unit, "conv2.conv");
    }
}

static void want_code2wav(const struct walk *w, const struct config *c) {
    const struct config_code2wav *v = &c->code2wav;
    size_t h = v->text.hidden, channels = v->decoder_dim;
    want(w, (size_t[6]){v->n_groups * v->codebook, h}, "code2wav.code_embedding.weight");
    want_decoder(w, &v->text, "code2wav.pre_transformer", false);
    want_scales(w, &v->text);
    for (size_t i = 0; i < v->n_upsamplers; i++)
        want_upsampler(w, v, i);
    want_conv(w, (size_t[6]){channels, h, 7}, channels, "code2wav.decoder", "0.conv");
    for (size_t i = 0; i < v->n_blocks; i++, channels /= 2)
        want_block(w, channels, v->rates[i], i + 1);
    char last[EXPECT_MAX_NAME];
    snprintf(last, sizeof last, "code2wav.decoder.%zu", v->n_blocks + 1);
    want(w, (size_t[6]){channels}, "%s.alpha", last);
    want(w, (size_t[6]){channels}, "%s.beta", last);
    snprintf(last, sizeof last, "%zu.conv", v->n_blocks + 2);
    want_conv(w, (size_t[6]){1, channels, 7}, 1, "code2wav.decoder", last);
}

/* ---- the list ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*walk)(const struct walk *w, const struct config *c);
} components[EXPECT_COMPONENTS] = {
    [EXPECT_THINKER] = {"thinker", want_thinker},
    [EXPECT_AUDIO] = {"audio", want_audio},
    [EXPECT_VISION] = {"vision", want_vision},
    [EXPECT_TALKER] = {"talker", want_talker},
    [EXPECT_CODEPRED] = {"codepred", want_codepred},
    [EXPECT_CODE2WAV] = {"code2wav", want_code2wav},
};

const char *expect_name(enum expect_component which) {
    return components[which].name;
}

bool expect_configured(const struct config *c, enum expect_component which) {
    if (which == EXPECT_THINKER)
        return true;
    if (which == EXPECT_AUDIO)
        return c->has_audio;
    return which == EXPECT_VISION ? c->has_vision : c->has_talker;
}

void expect_tensors(const struct config *c, enum expect_component which,
                    void (*each)(void *ctx, const char *name, const size_t *shape), void *ctx) {
    struct walk w = {.each = each, .ctx = ctx};
    if (expect_configured(c, which))
        components[which].walk(&w, c);
}
