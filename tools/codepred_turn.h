/* codepred_turn: omni-codepred's side of the stream: talker_hidden and code0 of a frame in, codes
 * and codec_sum out. As a filter behind `omni-talker --emit-hidden` its codes go out in place of
 * the passing ones. */
#ifndef TOOLS_CODEPRED_TURN_H
#define TOOLS_CODEPRED_TURN_H

#include "tools/codepred.h"
#include "tools/speech_options.h"
#include "tools/stage.h"

struct codepred_turn {
    struct stage *stage;
    struct run *run;
    const struct config_talker *config;
    struct codepred model;
    struct run_recording frame;
    struct sampling said; /* by flags */
    uint64_t seed;
    struct tensor hidden, codes, sum; /* f32 [1, Dt], i32 [1, G], f32 [1, Dt] */
    bool in_turn;
    bool has_hidden;             /* of the frame whose code 0 comes next */
    size_t n_frames, all_frames; /* in this turn, in all */
    double working;              /* seconds */
};

/* Loads the model and makes the session's tensors in run; said and seed are the caller's to set. */
int codepred_turn_create(struct codepred_turn *t, struct stage *stage, struct run *run,
                         const struct config *c, struct weights *w, struct err *e);
/* Handles one frame of the input, whatever it is, and sends what follows from it. A turn that fails
 * is lost; 76 is returned for a broken protocol. */
int codepred_turn_take(struct codepred_turn *t, const struct frame *f, struct err *e);

#endif
