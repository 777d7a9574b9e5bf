/* talker: the model that turns text rows into speech, 12.5 frames a second. It reads what the user
 * said (prefill), nine rows that start the answer, and then one row a frame: the sum of the last
 * frame's code embeddings plus the next text row. Each step ends with a hidden state and code 0 of
 * a frame; the code predictor adds the other codes. Formulas: Qwen3OmniMoeTalkerForConditional-
 * Generation and Qwen3OmniMoeForConditionalGeneration._get_talker_assistant_parts.
 *
 * Weights and caches live in the run; there is nothing to destroy but the run itself. */
#ifndef TOOLS_TALKER_H
#define TOOLS_TALKER_H

#include "common/nn/decoder.h"

/* Rows of the assistant's start: 3 header tokens, 4 pads, bos and the first text token. */
enum { TALKER_HEADER = 3, TALKER_START = 9 };
/* Rows of `tts_embed`, in the stream's order. */
enum talker_special { TALKER_BOS, TALKER_EOS, TALKER_PAD, TALKER_SPECIALS };

/* fc2(silu(fc1 x + b1)) + b2, from the thinker's width to the talker's. */
struct talker_projection {
    struct tensor fc1, b1, fc2, b2; /* [I, D], [I], [Dt, I], [Dt] */
};

struct talker {
    const struct config *config;
    struct nn_decoder decoder;
    struct nn_cache cache;
    struct tensor embed, head;            /* [V, Dt] of codes and codec specials */
    struct talker_projection text, media; /* of word embeddings, of the thinker's hidden states */
    struct tensor inbox;                  /* f32 [context, Dt]: input rows by cache position */
    struct tensor specials;               /* f32 [TALKER_SPECIALS, Dt], projected */
    struct tensor row;                    /* f32 [1, Dt]: text row of the next step */
    struct tensor start_codes;            /* i32 [TALKER_START] */
    struct tensor sampler, seen;          /* seen i32 [V]: code 0 drawn in this turn */
    struct tensor hidden;                 /* f32 [1, Dt]: normed state of the last step */
    struct tensor codes;                  /* i32 [1, G]: code 0 is the talker's */
    struct tensor codec_sum;              /* f32 [1, Dt]: of codes; written by the predictor */
};

/* Finds the weights and makes the session's tensors in run, with room for `context` rows. c and w
 * must outlive t. */
int talker_create(struct talker *t, struct run *run, const struct config *c, struct weights *w,
                  size_t context, struct err *e);
/* In a rehearsal of the run: all of the following up to the first step, which may come next. Who
 * rehearses empties the cache afterwards; nothing else is remembered. */
void talker_rehearse(struct talker *t, struct run *run);

/* The thinker's embeddings of tts_bos, tts_eos, tts_pad: f32 [3, D]. */
void talker_put_specials(struct talker *t, struct run *run, const float *embed);

/* How the frames of a turn are drawn from here on; forgets the codes drawn before. What of the
 * vocabulary is never drawn is the talker's to say. */
void talker_sampler(struct talker *t, struct run *run, struct op_sampler sampler);

/* User rows: input row `at` of the cache and n-1 more, from f32 [n, D] word embeddings or (media)
 * hidden states. at + n <= context. They wait until talker_prefill. */
void talker_put(struct talker *t, struct run *run, size_t at, const float *rows, size_t n,
                bool media);
/* Runs the rows from the cache's length up to `end`, whole blocks only unless `rest`: what is
 * computed together does not depend on when rows come. */
void talker_prefill(struct talker *t, struct run *run, size_t end, bool rest);

/* The answer's start in the given voice: f32 [3, D] of the header, [D] of the first text token.
 * Ends like talker_step. */
void talker_start(struct talker *t, struct run *run, const float *header, const float *first,
                  int32_t speaker);
/* The text row of the next step: a token's word embedding f32 [D], or a special. */
void talker_say(struct talker *t, struct run *run, const float *embed);
void talker_say_special(struct talker *t, struct run *run, enum talker_special special);
/* One step on codec_sum + text row: leaves hidden and code 0 of the next frame. A fixed sequence of
 * ops, which may be recorded; talker_replayed() after it has been replayed. */
void talker_step(struct talker *t, struct run *run);
void talker_replayed(struct talker *t);

#endif
