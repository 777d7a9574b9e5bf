/* tokenize_input: where the text of omni-tokenize comes from. */
#ifndef TOOLS_TOKENIZE_INPUT_H
#define TOOLS_TOKENIZE_INPUT_H

#include "tools/tokenize_turn.h"

struct tokenize_input {
    struct tokenize_turns *turns; /* turns->user: the arguments; data NULL if there are none */
    bool raw;                     /* every byte counts */
    bool lines;                   /* each line is a turn */
    bool json;                    /* each line is messages */
    bool answers;                 /* the text is the beginning of answers, not the user's */
};

/* Makes all turns from standard input, a stream or text, and the arguments. Dies on errors that
 * are not a turn's. */
void tokenize_input_run(const struct tokenize_input *in);

#endif
