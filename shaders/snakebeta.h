/* snakebeta: dst = x + sin(x * exp(alpha[c]))^2 / (exp(beta[c]) + 1e-9). */
#ifndef SHADERS_SNAKEBETA_H
#define SHADERS_SNAKEBETA_H

#include "shaders/lib/types.h"

#define SNAKEBETA_COLUMNS 32 /* that a workgroup has, */
#define SNAKEBETA_ROWS    16 /* and rows */

/* Constants: 0: alpha is bf16; 1: beta is bf16; 2: dst is bf16. */
struct snakebeta_args {
    uint64_t dst, x;      /* f32 [rows, width], dst f32|bf16 */
    uint64_t alpha, beta; /* f32|bf16 [width] */
    uint32_t rows, width;
};

#endif
