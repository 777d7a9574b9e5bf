/* speech_options: what a turn is spoken with: voice, seed and how talker and predictor draw. The
 * turn frame wins over the flag, the flag over generation_config.json, that over the default. */
#ifndef TOOLS_SPEECH_OPTIONS_H
#define TOOLS_SPEECH_OPTIONS_H

#include "tools/sampling.h"

struct speech_options {
    struct sampling talker, codepred; /* codepred.temp NAN: 0 if the talker's is, else 1 */
    uint64_t seed;
    int32_t speaker; /* the voice's id in the talker's vocabulary */
};

/* Defaults, under what generation_config.json says. */
struct sampling speech_talker_defaults(const struct config *c);
struct sampling speech_codepred_defaults(void);

/* *speaker = id of the voice, in any case; NULL: ethan, or the first one of a model without him.
 * `code` with a list of the known ones if there is no such voice. */
int speech_voice(int32_t *speaker, const struct config_talker *c, const char *voice, int code,
                 struct err *e);

/* Puts what the turn frame says over o. 65: a bad value. */
int speech_options_turn(struct speech_options *o, const struct config_talker *c,
                        const struct frame *turn, struct err *e);
/* The predictor's part of it: s.temp NAN becomes a number. */
int speech_codepred_turn(struct sampling *s, bool talker_is_greedy, const struct frame *turn,
                         struct err *e);

/* The turn frame with the seed and the talker's options as they are in force, so that omni-codepred
 * needs to be told nothing else to draw the same codes. */
void speech_turn_head(struct frame_head *h, const struct frame *turn,
                      const struct speech_options *o);

#endif
