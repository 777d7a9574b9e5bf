/* speech: one turn after another, from the thinker's frames to frames of codes.
 *
 * User rows are prefilled as they come. The answer starts when its first text row is known, and
 * each further row lets the talker make one more step, so that sound leaves while the thinker
 * still thinks. When the thinker is done, tts_eos follows, then tts_pad until the talker ends.
 * User rows stay in the cache for the conversation's next turn; answers do not. */
#ifndef TOOLS_SPEECH_H
#define TOOLS_SPEECH_H

#include "tools/predictor.h"
#include "tools/prompt.h"
#include "tools/rowqueue.h"

enum speech_state {
    SPEECH_IDLE,     /* between turns */
    SPEECH_WAITING,  /* for the prompt, its rows and the first text row */
    SPEECH_SPEAKING, /* frames go out as text rows come */
    SPEECH_SPOKEN    /* the talker has ended; the rest of the turn is let through */
};

enum { SPEECH_AHEAD = 2 };

/* A frame on its way from the device. */
struct speech_frame {
    int32_t *codes; /* [G] */
    struct run_letter letter;
};

struct speech {
    struct stage *stage;
    struct run *run;
    const struct config *config;
    struct talker talker;
    struct predictor predictor;
    struct run_recording step;  /* of begin_frame() */
    struct speech_options said; /* by flags and files */
    bool compat, emit_hidden;
    bool has_specials; /* tts_embed has come */

    /* the turn */
    enum speech_state state;
    struct speech_options options;
    struct prompt prompt; /* n_rows 0: not come yet */
    int32_t *rows;        /* [n_rows]: what prompt rows the next tensor holds */
    size_t n_rows;
    size_t history;         /* user rows of earlier turns, first in the cache */
    bool deaf;              /* the user's rows do not fit */
    struct rowqueue answer; /* word embeddings: header, prefilled text, generated text */
    size_t n_generated;
    bool text_ended, eos_said; /* no more text will come; tts_eos has been said */
    const char *reason;        /* of our done, once SPOKEN */
    size_t n_frames;           /* sent */
    struct speech_frame begun[SPEECH_AHEAD];
    size_t n_begun;                       /* and not sent, the oldest first */
    double started, first_frame, working; /* clock at the turn, at frame 0; seconds in frames */

    /* for the summary */
    size_t all_turns, all_frames;
    double all_working;
};

/* Has what a GPU needs for turns of any kind made ready; else it is made when first needed. Before
 * the first turn. */
int speech_rehearse(struct speech *s, struct err *e);

/* Handles one frame of the stage's input, whatever it is, and sends what follows from it. A turn
 * that fails is lost; only what ends the process is returned (76: the co-process is gone). */
int speech_take(struct speech *s, const struct frame *f, struct err *e);
void speech_free(struct speech *s);

#endif
