/* config: config.json and generation_config.json of a model directory as one struct per component.
 * Counts come from here, never from constants. Both spellings are read: `rope_parameters`, and
 * `rope_theta` + `rope_scaling`; `num_experts` and `num_local_experts`. */
#ifndef WEIGHTS_CONFIG_H
#define WEIGHTS_CONFIG_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decoder stack: thinker text, talker text, code predictor, code2wav's transformer. */
struct config_decoder {
    size_t hidden; /* D */
    size_t n_layers, n_heads, n_kv_heads, head_dim;
    size_t intermediate; /* dense MLP width; 0 when the layers are MoE */
    size_t n_experts, n_experts_used, expert_intermediate, shared_intermediate; /* 0: none */
    bool norm_topk;
    size_t vocab;  /* 0 for code2wav */
    size_t window; /* sliding window, keys seen including the own; 0: all */
    size_t max_position;
    float eps;
    double rope_theta;
    size_t rope_section[3]; /* {hd/2, 0, 0}: plain rope */
};

struct config_audio {
    size_t d_model, n_layers, n_heads, ffn, n_mels, downsample_hidden, output_dim;
    size_t n_window;       /* half a chunk: chunks are 2 * n_window mel frames */
    size_t n_window_infer; /* mel frames in one attention window */
};

/* Nothing here encodes images; the sizes are for those who list or check a checkpoint. */
struct config_vision {
    size_t hidden, n_layers, n_heads, intermediate, out_hidden;
    size_t patch, temporal_patch, merge, channels;
    size_t n_positions;
    size_t n_deepstack;
};

struct config_talker {
    struct config_decoder text;
    struct config_decoder predictor; /* vocab = codebook size */
    size_t n_groups;                 /* G, codebooks a frame */
    size_t accept_layer;             /* hidden_states index taken from the thinker */
    size_t projection;               /* width of the projections' hidden layer */
    int32_t codec_pad, codec_bos, codec_eos, codec_nothink, codec_think_bos, codec_think_eos;
    size_t n_speakers;
    struct config_speaker {
        char *name; /* lower case */
        int32_t id;
    } * speakers;
};

struct config_code2wav {
    struct config_decoder text; /* pre_transformer; eps 1e-5 */
    size_t codebook, n_groups;
    size_t n_upsamplers, n_blocks;
    size_t upsamplers[8]; /* upsampling_ratios */
    size_t rates[8];      /* upsample_rates */
    size_t decoder_dim;
    size_t factor;      /* samples a frame: product of all ratios and rates */
    size_t sample_rate; /* 24000 */
};

/* Sampling defaults of generation_config.json; NAN / -1 where the file does not say. */
struct config_sampling {
    float temp, top_p, rep;
    int32_t top_k, max_new;
};

struct config {
    char *model;   /* base name of the directory or GGUF file */
    uint64_t hash; /* FNV-1a 64 of config.json */
    bool assumed;  /* GGUF files that lack some of it: the rest is the released model's */
    /* The config has the component (weights may still lack it). has_talker covers the code
     * predictor and code2wav too. */
    bool has_audio, has_vision, has_talker;
    struct config_decoder thinker;
    struct config_audio audio;
    struct config_vision vision;
    struct config_talker talker;
    struct config_code2wav code2wav;
    int32_t audio_token, image_token, video_token, audio_start, audio_end, vision_start, vision_end;
    int32_t im_start, im_end, system_token, user_token, assistant_token;
    int32_t tts_pad, tts_bos, tts_eos;
    struct config_sampling thinker_sampling, talker_sampling;
};

/* Reads DIR/config.json (and generation_config.json if there), or what GGUF files say. 66 missing,
 * 65 not JSON or a bad value, 78 not a Qwen3-Omni config or a shape omni cannot run. config_free()
 * also after failure. */
int config_load(struct config *c, const char *path, struct err *e);

/* The two halves of config_load, on bytes: config.json fills all but model, hash and the sampling
 * defaults; generation_config.json fills those. */
int config_parse(struct config *c, const char *json, size_t size, struct err *e);
int config_parse_sampling(struct config *c, const char *json, size_t size, struct err *e);
void config_free(struct config *c);

#endif
