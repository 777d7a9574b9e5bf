/* embed_add: dst[t] += table[ids[t]]; a negative id adds nothing. */
#ifndef SHADERS_EMBED_ADD_H
#define SHADERS_EMBED_ADD_H

#include "shaders/lib/types.h"

/* Constants: 0: the table's type, see quant.h. */
struct embed_add_args {
    uint64_t dst;   /* f32 [rows, width] */
    uint64_t table; /* [vocab, width] */
    uint64_t ids;   /* i32 [rows] */
    uint32_t rows, width, vocab;
};

#endif
