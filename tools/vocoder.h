/* vocoder: the frames of a turn, as they arrive, to sound. It cuts them into blocks by frame index
 * (1, 1, 2, 4, 8, then `chunk` at most), so that how they arrived does not show in the numbers. */
#ifndef TOOLS_VOCODER_H
#define TOOLS_VOCODER_H

#include "tools/code2wav.h"

struct vocoder {
    struct code2wav *net;
    size_t chunk;    /* frames of a block at most */
    bool compat;     /* as the reference: pieces of 300 frames after 25 of context, see below */
    int32_t *frames; /* [chunk, n_groups]: the block that fills */
    size_t n_waiting;
    float *samples;   /* [chunk * factor]: their sound */
    int32_t *context; /* the last frames of this turn; compat only */
    size_t n_context;
    size_t n_piece;             /* frames of this piece, without its context */
    size_t skip;                /* samples still to be dropped: those of the context */
    size_t n_frames, n_samples; /* of the turn: taken in, given out */
    void (*out)(void *ctx, const float *samples, size_t n);
    void *ctx;
};

/* Qwen3OmniMoeCode2Wav.chunked_decode, as generate() calls it. Each piece lacks the
 * samples at its end that need another frame. */
enum { VOCODER_PIECE = 300, VOCODER_CONTEXT = 25 };

/* net must have been loaded for blocks of `chunk` frames. Memory comes from its session arena. */
void vocoder_init(struct vocoder *v, struct code2wav *net, size_t chunk, bool compat);

/* A new turn; what the last one left is forgotten. */
void vocoder_reset(struct vocoder *v);
/* Takes a frame [n_groups] and gives out the block that it completes, if any. 65 for a code that
 * the codebook does not have. */
int vocoder_push(struct vocoder *v, const int32_t *codes, struct err *e);
/* The last frames of the turn. */
void vocoder_flush(struct vocoder *v);

#endif
