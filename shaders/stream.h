/* stream: a product with one or two vectors, as a step of resident.comp. */
#ifndef SHADERS_STREAM_H
#define SHADERS_STREAM_H

#include "shaders/lib/types.h"

/* flags */
#define STREAM_ADD   1 /* dst += w x; otherwise dst = act(w x), */
#define STREAM_PAIRS 2 /* or dst = silu(w[0] x) * (w[1] x) */
#define STREAM_APART 4 /* there are several matrices, not one behind the other */

/* With norm: of rms_norm(x). */
struct stream_args {
    uint64_t w[4];   /* f32|bf16 [outs, width]: up to four matrices that follow one another */
    uint64_t dst[4]; /* f32 [rows, outs] */
    uint64_t x;      /* f32 [rows, width] */
    uint64_t norm;   /* f32|bf16 [width] or 0 */
    uint32_t outs[4];
    uint32_t rows, width, act, flags;
    float eps;
    uint32_t tasks, each, rest; /* outs in all: `each` a team, and one more for the first `rest` */
};
#define STREAM_WORDS 32

#endif
