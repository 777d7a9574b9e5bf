/* thinker_beams: the likeliest answer, looked for with several at once (beam search): of all that
 * go on with one more token the likeliest few live on, until one that has ended is likelier than
 * all of them. Greedy choice is one beam. Scores are sums of log softmax, which only fall. */
#ifndef TOOLS_THINKER_BEAMS_H
#define TOOLS_THINKER_BEAMS_H

#include "tools/thinker.h"

enum { THINKER_BEAMS_MOST = 16 };

/* An answer or its beginning. */
struct thinker_guess {
    double score;
    size_t n, slot; /* tokens; whose keys and values it has */
    int32_t *tokens;
};

/* Keys and values of the prompt and of a guess; slot 0 has the thinker's own. */
struct thinker_slot {
    struct nn_cache own, *cache;
    struct run_recording step;
};

/* A way on from a guess. */
struct thinker_way {
    double score;
    size_t from;
    int32_t token;
};

struct thinker_beams {
    struct thinker *thinker;
    size_t n; /* beams; 0 before thinker_beams_open */
    struct thinker_slot slots[THINKER_BEAMS_MOST];
    struct tensor token, logits; /* i32 [1]; f32 [1, V] */
    float *read;                 /* [V], the logits */
    /* Of a search: */
    size_t start, limit, n_ids; /* rows of the prompt; tokens at most; ids that there are */
    struct thinker_guess live[THINKER_BEAMS_MOST], next[THINKER_BEAMS_MOST], best;
    size_t n_live;
    bool ended; /* best is an answer; else none has ended yet */
    struct thinker_way ways[THINKER_BEAMS_MOST * (THINKER_BEAMS_MOST + 1)];
    size_t n_ways;
};

/* Makes room for so many beams, of a thinker that is awake. */
void thinker_beams_open(struct thinker_beams *b, struct thinker *t, size_t n);
void thinker_beams_close(struct thinker_beams *b);

/* After the prompt has run: a search for an answer of at most `limit` tokens, ids below n_ids. */
void thinker_beams_start(struct thinker_beams *b, size_t limit, size_t n_ids);
/* One token more; false: the search is over. */
bool thinker_beams_step(struct thinker_beams *b);
/* Ends a search. The likeliest answer, without <|im_end|>; *ended: it had one, else the limit has
 * cut it short, even if less likely ones had. Good until the next search; the thinker's keys and
 * values are the prompt's again. */
const struct thinker_guess *thinker_beams_best(struct thinker_beams *b, bool *ended);

#endif
