/* encode_audio: Qwen3-Omni's audio encoder (AuT), log-mel rows in, thinker rows out.
 * Formulas: Qwen3OmniMoeAudioEncoder.forward. Clips are encoded alone, a few attention windows at a
 * time, so memory does not grow with the clip. */
#ifndef TOOLS_ENCODE_AUDIO_H
#define TOOLS_ENCODE_AUDIO_H

#include "common/ops/ops.h"
#include "common/weights/config.h"
#include "common/weights/weights.h"

struct encoder_linear {
    struct tensor w, b; /* [N, K], [N]; b.rank 0: no bias */
};

struct encoder_norm {
    struct tensor w, b; /* [d] */
};

struct encoder_layer {
    struct encoder_norm attention_norm, mlp_norm;
    struct encoder_linear q, k, v, out, fc1, fc2;
};

struct encoder {
    struct run *run;
    const struct config_audio *config;
    struct encoder_linear conv[3];  /* [C', 9 * C] over patches (time, mel, channel) */
    struct encoder_linear conv_out; /* [d, mels/8 * C'] */
    struct tensor positions;        /* f32 [tokens a chunk, d] */
    struct tensor places;           /* i32 [rows a batch]: row of positions that each row gets */
    struct tensor mel;              /* f32 [encoder_batch() * n_mels, 1]: what is encoded, */
    struct tensor rows;             /* f32 [rows a batch, output_dim] and what comes of it */
    struct run_recording batch;     /* a whole encoder_batch() */
    struct encoder_layer *layers;
    struct encoder_norm ln_post;
    struct encoder_linear proj1, proj2;
};

/* Finds and checks all weights under "thinker.audio_tower.". run, c and w must outlive enc. */
int encoder_create(struct encoder *enc, struct run *run, const struct config_audio *c,
                   struct weights *w, struct err *e);

/* Rows a clip of n_frames mel frames becomes. */
size_t encoder_rows(const struct config_audio *c, size_t n_frames);

/* Mel frames to give to encoder_run at a time: some whole attention windows. */
size_t encoder_batch(const struct config_audio *c);

/* Has what a GPU needs for encoder_run() made ready; else it is made when first needed. */
void encoder_rehearse(struct encoder *enc);

/* Encodes mel f32 [n, n_mels] (host memory), the next n frames of a clip of n_frames; n is
 * encoder_batch() except at the clip's end. Writes encoder_rows(n) rows of output_dim to dst
 * (host). */
void encoder_run(struct encoder *enc, const float *mel, size_t n, size_t n_frames, float *dst);

#endif
