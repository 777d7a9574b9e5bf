/* dequantise: matrices [outs, width] of weights of any type but f32 (shaders/quant.h) become bf16.
 */
#ifndef SHADERS_DEQUANTISE_H
#define SHADERS_DEQUANTISE_H

#include "shaders/lib/types.h"

/* Constants: 0: the type of the weights. Workgroups along y: one a matrix. */
struct dequantise_args {
    uint64_t dst;         /* bf16 [matrices, outs, width] */
    uint64_t w;           /* the first matrix */
    uint64_t apart;       /* bytes from one to the next */
    uint64_t wanted;      /* u32 [matrices]: those of 0 are left out; or no address: all are made */
    uint32_t outs, width; /* width: a multiple of eight */
};

#endif
