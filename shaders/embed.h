/* embed: dst[t] = table[ids[t]], or +=; a negative id stands for a row of zeros. */
#ifndef SHADERS_EMBED_H
#define SHADERS_EMBED_H

#include "shaders/lib/types.h"

/* Constants: 0: the table's type, see quant.h; 1: true: add. */
struct embed_args {
    uint64_t dst;   /* f32 [rows, width] */
    uint64_t table; /* [vocab, width] */
    uint64_t ids;   /* i32 [rows] */
    uint32_t rows, width, vocab;
};

#endif
