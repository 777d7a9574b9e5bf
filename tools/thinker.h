/* thinker: the text half of the model. It knows the conversation, keeps keys and values of what has
 * run through the layers, and draws tokens. Qwen3OmniMoeThinkerForConditionalGeneration.
 *
 * A turn:  thinker_hear, thinker_start,  thinker_prefill ... until all rows are in,
 *          then  thinker_draw, thinker_take, thinker_step, thinker_take, ..., thinker_forget.
 * On a GPU a step may be asked for before the token it starts from has been taken.
 * Only thinker_prefill, _draw and _step need more of the model than the embedding table. */
#ifndef TOOLS_THINKER_H
#define TOOLS_THINKER_H

#include "common/nn/decoder.h"
#include "tools/thinker_history.h"

/* Rows of a prefill step at most. Steps end at multiples of it, so that what is computed together
 * does not depend on how a conversation is cut into turns. */
enum { THINKER_CHUNK = 2048 };

/* Tokens that may be on their way from the device. */
enum { THINKER_AHEAD = 2 };
struct thinker_letter {
    struct run_letter letter;
    float *drawn; /* [D + 1], see struct thinker */
};

struct thinker {
    const struct config *config;
    struct run *run;
    struct weights *weights;
    size_t context;      /* rows that keys and values have room for */
    struct tensor table; /* embed_tokens [V, D] */

    /* May be longer than what is in the cache. The <|im_end|> of the last answer is not in it. */
    struct thinker_history history;

    bool awake; /* the layers are there; what follows is set */
    struct nn_decoder decoder;
    struct nn_cache cache;
    struct tensor head;    /* lm_head [V, D] */
    struct tensor last;    /* f32 [1, D] the last row that ran, after the final norm */
    struct tensor drawn;   /* f32 [D + 1]: what the host reads of a draw, */
    struct tensor x;       /* [1, D] the embedding of the token, */
    struct tensor token;   /* i32 [1] and the token */
    struct tensor sampler; /* struct op_sampler */
    struct tensor seen;    /* i32 [V] ids of prompt and answer, for the repetition penalty */
    struct run_recording step;
    struct thinker_letter asked[THINKER_AHEAD];
    size_t n_asked; /* tokens that were asked for and not taken, the oldest first */
};

/* Finds the embedding table; all else comes with thinker_wake. context: 1 to max_position. */
int thinker_open(struct thinker *t, struct run *run, const struct config *c, struct weights *w,
                 size_t context, struct err *e);
/* Finds the layers and makes room for keys and values, unless that has been done. */
int thinker_wake(struct thinker *t, struct err *e);
void thinker_close(struct thinker *t);

/* What the talker is told once: rows tts_bos, tts_eos, tts_pad of the table. [3, D] */
void thinker_tts_rows(struct thinker *t, float *rows);

/* The conversation goes on (again; the last answer ends) or a new one begins, with this prompt;
 * media: rows [n_media, D] for its media ids. 65, and nothing changed: an id out of range, another
 * number of media rows than of media ids, nothing at all, no room in the context. *first: index of
 * the prompt in history. */
int thinker_hear(struct thinker *t, bool again, const int32_t *ids, size_t n, const float *media,
                 size_t n_media, size_t *first, struct err *e);

/* Layer-0 inputs of rows [first, last) of the history, at most THINKER_CHUNK. [last - first, D] */
void thinker_embed(struct thinker *t, size_t first, size_t last, float *rows);

/* Rows that are in the cache. */
size_t thinker_filled(const struct thinker *t);
/* Runs rows [filled, last) of the history, at most THINKER_CHUNK, through the layers. */
void thinker_prefill(struct thinker *t, size_t last);

/* Runs x [T, D] through all layers, behind what is in the cache; `last` is then the last row's.
 * hidden [T, D], if wanted, gets what leaves the layer that the talker listens to
 * (hidden_states[accept_hidden_layer]). */
void thinker_forward(struct thinker *t, struct nn_cache *cache, const struct tensor *x,
                     const struct tensor *hidden);
/* What comes after `last`. f32 [1, V] */
void thinker_logits(struct thinker *t, const struct tensor *logits);

/* A turn's sampler. */
void thinker_start(struct thinker *t, const struct op_sampler *s);
/* How many tokens may be asked for and not yet taken. */
size_t thinker_ahead(const struct thinker *t);
/* Asks for a token after the prompt's last row. */
void thinker_draw(struct thinker *t);
/* Runs the token asked for last through the layers, where there must be room for its row, and asks
 * for the next. */
void thinker_step(struct thinker *t);
/* The token asked for first; embed [D]: its embedding. It is no part of the history yet. */
int32_t thinker_take(struct thinker *t, float *embed);
/* Puts the token taken last, which is no stop token, into the history. */
void thinker_keep(struct thinker *t, int32_t token);
/* What has not been taken is not wanted any more. */
void thinker_forget(struct thinker *t);

#endif
