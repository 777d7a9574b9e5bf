/* tokenize_turn: the turns of omni-tokenize, from text or from the stream of omni-encode-audio. */
#ifndef TOOLS_TOKENIZE_TURN_H
#define TOOLS_TOKENIZE_TURN_H

#include "tools/stage.h"
#include "tools/tokenize.h"

struct tokenize_turns {
    struct stage *stage;
    struct tokenize *prompts;
    size_t width;                   /* D, width of audio_embeds; 0: not known */
    bool again;                     /* --continue: later turns go on with the conversation */
    const char *voice;              /* for the turn frames; NULL: not said */
    const uint64_t *seed;           /* the same */
    struct tokenize_text user;      /* of the turns of a stream */
    struct tokenize_text assistant; /* of every turn that does not bring its own */
    struct frame **held;            /* [n_held] frames of the turn that is being read */
    struct frame **clips;           /* [n_clips] audio_embeds of earlier messages */
    size_t n_held, held_room, n_clips;
};

/* A turn that says `user` (data NULL: nothing) with this beginning of an answer. */
void tokenize_turn_text(struct tokenize_turns *t, struct tokenize_text user,
                        struct tokenize_text assistant);
/* A line of JSON messages; a turn if an answer is due. */
void tokenize_turn_json(struct tokenize_turns *t, struct tokenize_text line);
/* A frame of the input stream; takes it over. */
void tokenize_turn_frame(struct tokenize_turns *t, struct frame *f);
/* The input is over. */
void tokenize_turns_end(struct tokenize_turns *t);

#endif
