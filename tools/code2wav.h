/* code2wav: Qwen3-Omni's codec decoder, frames of codes in, sound out, as many at a time as the
 * caller likes. Formulas: Qwen3OmniMoeCode2Wav.forward.
 *
 *   x[t] = mean over groups of code_embedding[group * codebook + code]      12.5 rows a second
 *   pre_transformer: sliding window attention, final norm
 *   upsamplers: transposed convolution k = s, ConvNeXt                      x 2 each
 *   decoder.0: convolution k = 7 to decoder_dim channels
 *   blocks: snake, transposed convolution k = 2s to half the channels       x 8, 5, 4, 3
 *           and three residual units x += conv1(snake(conv7(snake(x)))), dilations 1, 3, 9
 *   the end: snake, convolution k = 7 to one channel, clamp to [-1, 1]
 *
 * Every part keeps what it needs of the past, so the sound of n frames is the first part of the
 * sound of more frames, whatever the pieces they come in. Each block looks one column ahead: n
 * frames give n * factor samples less a constant (1920 n - 555 in the release). */
#ifndef TOOLS_CODE2WAV_H
#define TOOLS_CODE2WAV_H

#include "common/nn/conv.h"
#include "common/nn/decoder.h"

enum { CODE2WAV_UNITS = 3 }; /* residual units of a block */

struct code2wav_snake {
    struct tensor alpha, beta; /* [C] */
};

struct code2wav_upsampler {
    struct nn_conv up, depthwise;
    struct tensor norm_w, norm_b;     /* [H] */
    struct tensor wide_w, wide_b;     /* [4H, H], [4H] */
    struct tensor narrow_w, narrow_b; /* [H, 4H], [H] */
    struct tensor gamma;              /* [H] */
};

struct code2wav_unit {
    struct code2wav_snake snake1, snake2;
    struct nn_conv conv1; /* k = 7, dilated */
    struct nn_conv conv2; /* k = 1 */
};

struct code2wav_block {
    struct code2wav_snake snake;
    struct nn_conv up;
    struct code2wav_unit units[CODE2WAV_UNITS];
};

struct code2wav {
    struct run *run;
    const struct config_code2wav *config;
    size_t max_frames;     /* of one code2wav_push */
    struct tensor *tables; /* [n_groups], each [codebook, H] */
    struct nn_decoder transformer;
    struct nn_cache cache;
    struct tensor position; /* i32 [1]: frames since code2wav_reset */
    size_t n_frames;        /* the same, the host's copy */
    struct tensor codes;    /* i32 [max_frames, n_groups]: what is pushed */
    struct tensor sound;    /* f32 [max_frames * factor]: what comes of it */
    bool steady;            /* all convolutions have a past, so n frames give n * factor samples */
    struct run_recording *steps; /* [max_frames + 1] by n: a steady push */
    struct code2wav_upsampler upsamplers[8];
    struct nn_conv entry; /* decoder.0 */
    struct code2wav_block blocks[8];
    struct code2wav_snake snake;
    struct nn_conv exit;
};

/* Finds and checks all weights under "code2wav."; run, c and w must outlive v. */
int code2wav_load(struct code2wav *v, struct run *run, const struct config_code2wav *c,
                  struct weights *w, size_t max_frames, struct err *e);

/* Has what a GPU needs for code2wav_push() made ready; else it is made when first needed. After
 * code2wav_load(). */
void code2wav_rehearse(struct code2wav *v);

/* Forgets all frames. */
void code2wav_reset(struct code2wav *v);

/* The sound of the next n frames, 1 <= n <= max_frames, f32 [N]: N = n * factor, less a
 * constant in sum over the first calls. It lives until the next call. codes: n rows of
 * n_groups codes, each below codebook (host memory). */
struct tensor code2wav_push(struct code2wav *v, const int32_t *codes, size_t n);

#endif
