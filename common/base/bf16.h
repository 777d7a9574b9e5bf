/* bf16: the upper half of a float32; and binary16. */
#ifndef BASE_BF16_H
#define BASE_BF16_H

#include <stdint.h>
#include <string.h>

static inline float bf16_to_f32(uint16_t h) {
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Round to nearest, ties to even; NaN stays NaN. */
static inline uint16_t bf16_from_f32(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* IEEE binary16, for checkpoints stored as F16. */
static inline float bf16_half_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = h & 0x7fff;
    float f;
    if (mag < 0x0400) { /* zero and subnormal: mag * 2^-24 */
        f = (float)mag * 0x1p-24f;
    } else {
        uint32_t u = mag >= 0x7c00 ? 0x7f800000 | (mag & 0x3ff) << 13 : (mag + 0x1c000) << 13;
        memcpy(&f, &u, sizeof f);
    }
    return sign ? -f : f;
}

/* Round to nearest, ties to even; NaN stays NaN, from 65520 on infinity. */
static inline uint16_t bf16_half_from_f32(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    uint32_t sign = u >> 16 & 0x8000, mag = u & 0x7fffffff;
    if (mag > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (mag >= 0x477ff000)
        return (uint16_t)(sign | 0x7c00);
    if (mag < 0x38800000) { /* below 2^-14: a multiple of 2^-24, which the sum rounds to */
        float least = (f < 0 ? -f : f) * 0x1p24f + 0x1p23f;
        memcpy(&u, &least, sizeof u);
        return (uint16_t)(sign | (u & 0x7ff));
    }
    return (uint16_t)(sign | (mag - 0x38000000 + 0xfff + (mag >> 13 & 1)) >> 13);
}

#endif
