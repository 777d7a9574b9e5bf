/* code2wav_stage: what omni-code2wav does with the frames of its input. */
#ifndef TOOLS_CODE2WAV_STAGE_H
#define TOOLS_CODE2WAV_STAGE_H

#include "tools/sink.h"
#include "tools/stage.h"
#include "tools/vocoder.h"

struct code2wav_stage {
    struct stage stage; /* has an output stream with --trace only */
    struct run run;
    struct config config;
    struct weights *weights;
    struct code2wav net;
    struct vocoder vocoder;
    struct sink sink;
    bool silent;    /* no sink: the sound goes into the stream only */
    bool show_text; /* passing text goes to stderr */
    bool in_text;   /* some did in this turn */
    bool open;      /* a turn has begun and is neither done nor lost */
    double busy;    /* seconds that this turn's frames took */
};

/* Reads config and weights of the model directory `dir`; dies when it cannot. */
void code2wav_stage_load(struct code2wav_stage *t, const char *dir, size_t chunk, bool compat);
void code2wav_stage_free(struct code2wav_stage *t);
/* Handles one frame of the input. */
void code2wav_stage_take(struct code2wav_stage *t, const struct frame *f);

#endif
