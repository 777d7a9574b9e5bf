/* thinker_turn: turns of the stream for omni-thinker. Gathers what belongs to a turn, and answers
 * when the upstream is done with it. */
#ifndef TOOLS_THINKER_TURN_H
#define TOOLS_THINKER_TURN_H

#include "common/text/tokenizer.h"
#include "tools/sampling.h"
#include "tools/stage.h"
#include "tools/thinker_beams.h"

struct thinker_turn {
    struct stage *stage;
    struct thinker *thinker;
    const char *model;                /* directory of the tokenizer */
    struct text_tokenizer *tokenizer; /* NULL until something is to be said */
    struct sampling defaults;
    uint64_t default_seed;
    size_t n_beams; /* that greedy turns are searched with */
    struct thinker_beams beams;
    float *buffer; /* [THINKER_CHUNK, D] rows on their way out */

    /* This turn's. */
    bool open; /* the upstream has begun it and is not done */
    bool again;
    struct sampling sampling;
    uint64_t seed;
    struct text_ids prompt;
    float *media; /* [n_media, D] */
    size_t n_media, media_room;
    struct text_decoder decoder;
    struct text_bytes text;
    struct thinker_facts {
        double start, prefilled, end; /* seconds of the monotonic clock */
        double first;                 /* when the first token was sent; 0: none was */
        size_t rows, tokens;          /* that ran before the first draw; that were sent */
    } facts;
};

void thinker_turn_init(struct thinker_turn *t, struct stage *s, struct thinker *thinker,
                       const char *model, const struct sampling *defaults, uint64_t seed,
                       size_t n_beams);
void thinker_turn_free(struct thinker_turn *t);

/* Gets ready to draw tokens, which needs the layers and the tokenizer; once is enough. */
int thinker_turn_wake(struct thinker_turn *t, struct err *e);

/* Handles one frame of the stream; what is not the thinker's is forwarded. */
void thinker_turn_frame(struct thinker_turn *t, const struct frame *f);
/* The stream has ended; dies 76 if that was inside a turn. */
void thinker_turn_end(const struct thinker_turn *t);

/* Answers the turn that has been gathered: prompt rows for the talker, tokens, note and done. */
void thinker_turn_answer(struct thinker_turn *t, const struct frame *upstream_done);

#endif
