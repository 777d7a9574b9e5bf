/* dwconv: dst[t, c] = b[c] + sum_{i < taps} w[c, i] x[t + i, c]; a thread a number. */
#ifndef SHADERS_DWCONV_H
#define SHADERS_DWCONV_H

#include "shaders/lib/types.h"

/* Constants: 0: w is bf16; 1: b is. */
struct dwconv_args {
    uint64_t dst; /* f32 [rows, width] */
    uint64_t x;   /* f32 [rows + taps - 1, width] */
    uint64_t w;   /* f32|bf16 [width, taps] */
    uint64_t b;   /* f32|bf16 [width] */
    uint32_t rows, width, taps;
};

#endif
