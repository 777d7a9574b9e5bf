/* copy: dst[i] = src[i], bf16 to bf16 or f32 to either. */
#ifndef SHADERS_COPY_H
#define SHADERS_COPY_H

#include "shaders/lib/types.h"

/* Constants: 0: dst is bf16; 1: src is bf16. */
struct copy_args {
    uint64_t dst, src; /* [n] */
    uint32_t n;
};

#endif
