/* codepred: the code predictor. From the talker's hidden state and code 0 of a frame it draws the
 * other G-1 codes one after another, and sums the embeddings of all G: what the talker reads in its
 * next step. Formulas: Qwen3OmniMoeTalkerCodePredictorModelForConditionalGeneration.
 *
 * Weights and caches live in the run; there is nothing to destroy but the run itself. */
#ifndef TOOLS_CODEPRED_H
#define TOOLS_CODEPRED_H

#include "common/nn/decoder.h"

struct codepred {
    const struct config_talker *config;
    struct nn_decoder decoder;
    struct nn_cache cache; /* G rows, written anew each frame */
    struct tensor *embed;  /* [G]: embed[g] [C_g, Dt] of codebook g; 0 is the talker's table */
    struct tensor *heads;  /* [G-1]: heads[j] [C, Dt] draws code j + 1 */
    struct tensor rows;    /* i32 [G] = 0, 1, ..: where in the cache a step writes */
    struct tensor rope;    /* f32 [G, hd], positions 0 .. G-1 */
    struct tensor sampler;
    struct op_layers *passes; /* NULL: there is no kernel for all but the first draw */
};

/* Finds the weights and makes the session's tensors in run. c and w must outlive p. */
int codepred_create(struct codepred *p, struct run *run, const struct config *c, struct weights *w,
                    struct err *e);
/* How the frames of a turn are drawn from here on; sets the step counter too. */
void codepred_sampler(struct codepred *p, struct run *run, struct op_sampler sampler);
/* One frame. hidden f32 [1, Dt], the talker's normed state; codes i32 [1, G], of which code 0 is
 * there and the others are written; sum f32 [1, Dt] is written. A fixed sequence of ops. */
void codepred_frame(struct codepred *p, struct run *run, const struct tensor *hidden,
                    const struct tensor *codes, const struct tensor *sum);

#endif
