/* im2col: dst[(n, y, x), (dy, dx, c)] = src[n, 2y + dy - 1, 2x + dx - 1, c], zero outside; a thread
 * a number, or four of them next to each other. */
#ifndef SHADERS_IM2COL_H
#define SHADERS_IM2COL_H

#include "shaders/lib/types.h"

/* Constants: 0: so many numbers; channels and row are a multiple of it; 1: src is bf16; 2: dst is.
 */
struct im2col_args {
    uint64_t dst; /* f32|bf16 [images, out_height, out_width, row] */
    uint64_t src; /* f32|bf16 [images, height, width, channels] */
    uint32_t images, height, width, channels;
    uint32_t out_height, out_width;
    uint32_t row; /* 3 * 3 * channels, or more, which are zeros */
};

#endif
