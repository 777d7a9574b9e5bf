#include "common/weights/gguf_names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* '%' is a number, the same on both sides, except that the checkpoint's is larger by the digit that
 * follows '+'. '*' is the number of the slice. '^' is the number of code2wav's blocks plus one, '&'
 * plus two. ".$" is ".weight" or ".bias". */
static const struct pair {
    const char *gguf, *checkpoint;
} pairs[] = {
    /* thinker */
    {"token_embd.$", "thinker.model.embed_tokens.$"},
    {"output.$", "thinker.lm_head.$"},
    {"output_norm.$", "thinker.model.norm.$"},
    {"blk.%.attn_norm.$", "thinker.model.layers.%.input_layernorm.$"},
    {"blk.%.attn_q.$", "thinker.model.layers.%.self_attn.q_proj.$"},
    {"blk.%.attn_k.$", "thinker.model.layers.%.self_attn.k_proj.$"},
    {"blk.%.attn_v.$", "thinker.model.layers.%.self_attn.v_proj.$"},
    {"blk.%.attn_output.$", "thinker.model.layers.%.self_attn.o_proj.$"},
    {"blk.%.attn_q_norm.$", "thinker.model.layers.%.self_attn.q_norm.$"},
    {"blk.%.attn_k_norm.$", "thinker.model.layers.%.self_attn.k_norm.$"},
    {"blk.%.ffn_norm.$", "thinker.model.layers.%.post_attention_layernorm.$"},
    {"blk.%.ffn_gate_inp.$", "thinker.model.layers.%.mlp.gate.$"},
    {"blk.%.ffn_gate_exps.$", "thinker.model.layers.%.mlp.experts.*.gate_proj.$"},
    {"blk.%.ffn_up_exps.$", "thinker.model.layers.%.mlp.experts.*.up_proj.$"},
    {"blk.%.ffn_down_exps.$", "thinker.model.layers.%.mlp.experts.*.down_proj.$"},
    /* audio encoder */
    {"a.conv2d.%.$", "thinker.audio_tower.conv2d%.$"},
    {"a.conv_out.$", "thinker.audio_tower.conv_out.$"},
    {"a.blk.%.ln1.$", "thinker.audio_tower.layers.%.self_attn_layer_norm.$"},
    {"a.blk.%.attn_q.$", "thinker.audio_tower.layers.%.self_attn.q_proj.$"},
    {"a.blk.%.attn_k.$", "thinker.audio_tower.layers.%.self_attn.k_proj.$"},
    {"a.blk.%.attn_v.$", "thinker.audio_tower.layers.%.self_attn.v_proj.$"},
    {"a.blk.%.attn_out.$", "thinker.audio_tower.layers.%.self_attn.out_proj.$"},
    {"a.blk.%.ln2.$", "thinker.audio_tower.layers.%.final_layer_norm.$"},
    {"a.blk.%.ffn_up.$", "thinker.audio_tower.layers.%.fc1.$"},
    {"a.blk.%.ffn_down.$", "thinker.audio_tower.layers.%.fc2.$"},
    {"a.post_ln.$", "thinker.audio_tower.ln_post.$"},
    {"mm.a.mlp.%.$", "thinker.audio_tower.proj%.$"},
    /* talker */
    {"a.gen.code.out_embd.$", "talker.model.codec_embedding.$"},
    {"talker.output.$", "talker.codec_head.$"},
    {"talker.output_norm.$", "talker.model.norm.$"},
    {"talker.blk.%.attn_norm.$", "talker.model.layers.%.input_layernorm.$"},
    {"talker.blk.%.attn_q.$", "talker.model.layers.%.self_attn.q_proj.$"},
    {"talker.blk.%.attn_k.$", "talker.model.layers.%.self_attn.k_proj.$"},
    {"talker.blk.%.attn_v.$", "talker.model.layers.%.self_attn.v_proj.$"},
    {"talker.blk.%.attn_output.$", "talker.model.layers.%.self_attn.o_proj.$"},
    {"talker.blk.%.attn_q_norm.$", "talker.model.layers.%.self_attn.q_norm.$"},
    {"talker.blk.%.attn_k_norm.$", "talker.model.layers.%.self_attn.k_norm.$"},
    {"talker.blk.%.ffn_norm.$", "talker.model.layers.%.post_attention_layernorm.$"},
    {"talker.blk.%.ffn_gate_inp.$", "talker.model.layers.%.mlp.gate.$"},
    {"talker.blk.%.ffn_gate_exps.$", "talker.model.layers.%.mlp.experts.*.gate_proj.$"},
    {"talker.blk.%.ffn_up_exps.$", "talker.model.layers.%.mlp.experts.*.up_proj.$"},
    {"talker.blk.%.ffn_down_exps.$", "talker.model.layers.%.mlp.experts.*.down_proj.$"},
    {"talker.blk.%.ffn_gate_inp_shexp.$", "talker.model.layers.%.mlp.shared_expert_gate.$"},
    {"talker.blk.%.ffn_gate_shexp.$", "talker.model.layers.%.mlp.shared_expert.gate_proj.$"},
    {"talker.blk.%.ffn_up_shexp.$", "talker.model.layers.%.mlp.shared_expert.up_proj.$"},
    {"talker.blk.%.ffn_down_shexp.$", "talker.model.layers.%.mlp.shared_expert.down_proj.$"},
    {"talker.text_proj.%.$", "talker.text_projection.linear_fc%.$"},
    {"talker.hidden_proj.%.$", "talker.hidden_projection.linear_fc%.$"},
    /* code predictor */
    {"a.gen.code.embd.$", "talker.code_predictor.model.codec_embedding.*.$"},
    {"a.gen.code.head.$", "talker.code_predictor.lm_head.*.$"},
    {"a.gen.code.output_norm.$", "talker.code_predictor.model.norm.$"},
    {"a.gen.code.blk.%.ln1.$", "talker.code_predictor.model.layers.%.input_layernorm.$"},
    {"a.gen.code.blk.%.attn_q.$", "talker.code_predictor.model.layers.%.self_attn.q_proj.$"},
    {"a.gen.code.blk.%.attn_k.$", "talker.code_predictor.model.layers.%.self_attn.k_proj.$"},
    {"a.gen.code.blk.%.attn_v.$", "talker.code_predictor.model.layers.%.self_attn.v_proj.$"},
    {"a.gen.code.blk.%.attn_out.$", "talker.code_predictor.model.layers.%.self_attn.o_proj.$"},
    {"a.gen.code.blk.%.attn_q_norm.$", "talker.code_predictor.model.layers.%.self_attn.q_norm.$"},
    {"a.gen.code.blk.%.attn_k_norm.$", "talker.code_predictor.model.layers.%.self_attn.k_norm.$"},
    {"a.gen.code.blk.%.ln2.$", "talker.code_predictor.model.layers.%.post_attention_layernorm.$"},
    {"a.gen.code.blk.%.ffn_gate.$", "talker.code_predictor.model.layers.%.mlp.gate_proj.$"},
    {"a.gen.code.blk.%.ffn_up.$", "talker.code_predictor.model.layers.%.mlp.up_proj.$"},
    {"a.gen.code.blk.%.ffn_down.$", "talker.code_predictor.model.layers.%.mlp.down_proj.$"},
    /* code2wav. Snakes have names of their own: llama.cpp's hold the exponentials */
    {"a.gen.wav.code_embd.$", "code2wav.code_embedding.$"},
    {"a.gen.wav.tfm.output_norm.$", "code2wav.pre_transformer.norm.$"},
    {"a.gen.wav.tfm.blk.%.ln1.$", "code2wav.pre_transformer.layers.%.input_layernorm.$"},
    {"a.gen.wav.tfm.blk.%.attn_q.$", "code2wav.pre_transformer.layers.%.self_attn.q_proj.$"},
    {"a.gen.wav.tfm.blk.%.attn_k.$", "code2wav.pre_transformer.layers.%.self_attn.k_proj.$"},
    {"a.gen.wav.tfm.blk.%.attn_v.$", "code2wav.pre_transformer.layers.%.self_attn.v_proj.$"},
    {"a.gen.wav.tfm.blk.%.attn_out.$", "code2wav.pre_transformer.layers.%.self_attn.o_proj.$"},
    {"a.gen.wav.tfm.blk.%.ls1.weight",
     "code2wav.pre_transformer.layers.%.self_attn_layer_scale.scale"},
    {"a.gen.wav.tfm.blk.%.ln2.$", "code2wav.pre_transformer.layers.%.post_attention_layernorm.$"},
    {"a.gen.wav.tfm.blk.%.ffn_gate.$", "code2wav.pre_transformer.layers.%.mlp.gate_proj.$"},
    {"a.gen.wav.tfm.blk.%.ffn_up.$", "code2wav.pre_transformer.layers.%.mlp.up_proj.$"},
    {"a.gen.wav.tfm.blk.%.ffn_down.$", "code2wav.pre_transformer.layers.%.mlp.down_proj.$"},
    {"a.gen.wav.tfm.blk.%.ls2.weight", "code2wav.pre_transformer.layers.%.mlp_layer_scale.scale"},
    {"a.gen.wav.up.blk.%.conv.$", "code2wav.upsample.%.0.conv.$"},
    {"a.gen.wav.up.blk.%.dwconv.$", "code2wav.upsample.%.1.dwconv.conv.$"},
    {"a.gen.wav.up.blk.%.norm.$", "code2wav.upsample.%.1.norm.$"},
    {"a.gen.wav.up.blk.%.pw1.$", "code2wav.upsample.%.1.pwconv1.$"},
    {"a.gen.wav.up.blk.%.pw2.$", "code2wav.upsample.%.1.pwconv2.$"},
    {"a.gen.wav.up.blk.%.gamma", "code2wav.upsample.%.1.gamma"},
    {"a.gen.wav.dac.entry.$", "code2wav.decoder.0.conv.$"},
    {"a.gen.wav.dac.blk.%.snake.log_alpha", "code2wav.decoder.%+1.block.0.alpha"},
    {"a.gen.wav.dac.blk.%.snake.log_beta", "code2wav.decoder.%+1.block.0.beta"},
    {"a.gen.wav.dac.blk.%.conv.$", "code2wav.decoder.%+1.block.1.conv.$"},
    {"a.gen.wav.dac.blk.%.res.%.act1.log_alpha", "code2wav.decoder.%+1.block.%+2.act1.alpha"},
    {"a.gen.wav.dac.blk.%.res.%.act1.log_beta", "code2wav.decoder.%+1.block.%+2.act1.beta"},
    {"a.gen.wav.dac.blk.%.res.%.conv1.$", "code2wav.decoder.%+1.block.%+2.conv1.conv.$"},
    {"a.gen.wav.dac.blk.%.res.%.act2.log_alpha", "code2wav.decoder.%+1.block.%+2.act2.alpha"},
    {"a.gen.wav.dac.blk.%.res.%.act2.log_beta", "code2wav.decoder.%+1.block.%+2.act2.beta"},
    {"a.gen.wav.dac.blk.%.res.%.conv2.$", "code2wav.decoder.%+1.block.%+2.conv2.conv.$"},
    {"a.gen.wav.dac.post_snake.log_alpha", "code2wav.decoder.^.alpha"},
    {"a.gen.wav.dac.post_snake.log_beta", "code2wav.decoder.^.beta"},
    {"a.gen.wav.dac.post_conv.$", "code2wav.decoder.&.conv.$"},
};

/* What the signs of a pattern stood for. */
struct found {
    size_t number[2], n_numbers;
    size_t slice;
    bool stacked;
    const char *suffix; /* "weight" or "bias" */
    size_t n_blocks;
};

/* A number without sign or leading zeros, at most 9 digits. */
static bool take_number(const char **s, size_t *n) {
    const char *p = *s;
    if (!isdigit((unsigned char)*p) || (p[0] == '0' && isdigit((unsigned char)p[1])))
        return false;
    for (*n = 0; isdigit((unsigned char)*p) && p - *s < 9; p++)
        *n = *n * 10 + (size_t)(*p - '0');
    *s = p;
    return true;
}

static bool match_sign(char sign, size_t plus, const char **s, struct found *f) {
    size_t n;
    if (sign == '$') {
        f->suffix = *s;
        *s += strlen(*s);
        return strcmp(f->suffix, "weight") == 0 || strcmp(f->suffix, "bias") == 0;
    }
    if (!take_number(s, &n) || n < plus)
        return false;
    if (sign == '%' && f->n_numbers < 2)
        f->number[f->n_numbers++] = n - plus;
    if (sign == '*')
        f->slice = n;
    f->stacked = f->stacked || sign == '*';
    return (sign != '^' || n == f->n_blocks + 1) && (sign != '&' || n == f->n_blocks + 2);
}

/* The digit of a "+1" at p, 0 if there is none. */
static size_t plus_of(const char *p) {
    return p[0] == '+' ? (size_t)(p[1] - '0') : 0;
}

static bool match(const char *pattern, const char *s, struct found *f) {
    for (const char *p = pattern; *p; p++) {
        size_t plus = plus_of(p + 1);
        if (!strchr("%*^&$", *p)) {
            if (*p != *s++)
                return false;
        } else if (!match_sign(*p, plus, &s, f)) {
            return false;
        }
        p += plus ? 2 : 0;
    }
    return !*s;
}

static void render(char out[GGUF_NAME_MAX], const char *pattern, const struct found *f) {
    size_t n = 0, k = 0;
    for (const char *p = pattern; *p && n < GGUF_NAME_MAX; p++) {
        size_t plus = plus_of(p + 1), room = GGUF_NAME_MAX - n;
        if (*p == '%')
            n += (size_t)snprintf(out + n, room, "%zu", f->number[k++] + plus);
        else if (*p == '^' || *p == '&')
            n += (size_t)snprintf(out + n, room, "%zu", f->n_blocks + (*p == '^' ? 1 : 2));
        else if (*p == '$')
            n += (size_t)snprintf(out + n, room, "%s", f->suffix);
        else
            out[n++] = *p;
        p += plus ? 2 : 0;
    }
    out[n < GGUF_NAME_MAX ? n : GGUF_NAME_MAX - 1] = 0;
}

bool gguf_name_read(char checkpoint[GGUF_NAME_MAX], const char *gguf, size_t n_blocks) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct found f = {.n_blocks = n_blocks};
        if (match(pairs[i].gguf, gguf, &f)) {
            render(checkpoint, pairs[i].checkpoint, &f);
            return true;
        }
    }
    return false;
}

bool gguf_name_write(char gguf[GGUF_NAME_MAX], const char *checkpoint, size_t n_blocks,
                     bool *stacked, size_t *slice) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct found f = {.n_blocks = n_blocks};
        if (match(pairs[i].checkpoint, checkpoint, &f)) {
            render(gguf, pairs[i].gguf, &f);
            *stacked = f.stacked;
            *slice = f.slice;
            return true;
        }
    }
    return false;
}
