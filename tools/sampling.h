/* sampling: temperature, top-k, top-p, repetition penalty and limit, from where they may be said:
 * the turn frame wins over the flag, the flag over generation_config.json, that over the default.
 */
#ifndef TOOLS_SAMPLING_H
#define TOOLS_SAMPLING_H

#include "common/ops/ops.h"
#include "common/weights/config.h"
#include "common/wire/frame.h"

#include <popt.h>

/* NAN or -1: not said. */
struct sampling {
    double temp;   /* 0: greedy */
    int64_t top_k; /* 0: off */
    double top_p;  /* 1: off */
    double rep;    /* repetition penalty; 1: off */
    int64_t limit; /* tokens or frames of a turn at most */
};

/* The flags as written. Zeroed: none given. */
struct sampling_flags {
    char *temp, *top_k, *top_p, *rep, *limit;
};

enum { SAMPLING_OPTIONS = 6 }; /* entries of the table, with its end */

/* Fills a popt table that leaves the flags in f: --temp, --top-k, --top-p, and where the text for
 * -h is not NULL also --rep and -n. */
void sampling_options(struct poptOption table[SAMPLING_OPTIONS], struct sampling_flags *f,
                      const char *rep_help, const char *limit_help);
/* Puts what the flags say over s and frees them; a bad value dies 64. */
void sampling_flags(struct sampling *s, struct sampling_flags *f);

/* Puts what generation_config.json says over s. */
void sampling_config(struct sampling *s, const struct config_sampling *c);

/* Puts what the map `stage` of a turn frame says over s; 65 for a bad value, with s as it was. */
int sampling_turn(struct sampling *s, const struct frame *turn, const char *stage, struct err *e);

/* *seed = the turn frame's, if it says one; 65 if that is no whole number from 0. */
int sampling_seed(uint64_t *seed, const struct frame *turn, struct err *e);

/* A turn's sampler at step 0; ids from suppress_from on are never drawn. */
struct op_sampler sampling_start(const struct sampling *s, uint64_t seed, enum op_stage stage,
                                 int64_t turn, size_t suppress_from);

#endif
