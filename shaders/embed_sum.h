/* embed_sum: dst[t] = scale * sum over g of tables[g][codes[t, g]], EMBED_SUM_TABLES at a time. */
#ifndef SHADERS_EMBED_SUM_H
#define SHADERS_EMBED_SUM_H

#include "shaders/lib/types.h"

#define EMBED_SUM_TABLES 8 /* what fits into push constants */

/* Constants: 0: the tables' type, see quant.h; 1: go on with the sum in dst. */
struct embed_sum_args {
    uint64_t table[EMBED_SUM_TABLES]; /* [vocab, width], vocab being each one's own */
    uint64_t codes;                   /* i32 [rows, row_codes], from the first table's column on */
    uint64_t dst;                     /* f32 [rows, width] */
    uint32_t n_tables, rows, width, row_codes;
    uint32_t vocab; /* if they are quantised: the same of all tables of this call */
    float scale;    /* applied after the last table of this call */
};

#endif
