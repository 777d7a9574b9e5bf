/* Blocks of quantised weights as ggml stores them (ggml-common.h, ggml-quants.c of llama.cpp), and
 * the numbers they stand for. All little-endian, aligned to 2 bytes; d, dmin are binary16.
 *
 * Every product below is exact in f32 (11 bits of d, at most 8 of a scale, 6 of a weight), so each
 * number is rounded at most once and is the same bits on every machine, fused or not. */
#ifndef WEIGHTS_QUANT_BLOCKS_H
#define WEIGHTS_QUANT_BLOCKS_H

#include "common/base/bf16.h"

#include <stddef.h>
#include <stdint.h>

enum {
    QUANT_SMALL = 32,  /* weights of a block of q8_0, q4_0 */
    QUANT_LARGE = 256, /* weights of a block of q4_K, q5_K, q6_K */
};

/* w[i] = d q[i] */
struct quant_q8_0 {
    uint16_t d;
    int8_t q[32];
};

/* w[i] = d (low four bits of q[i] - 8), w[16 + i] = d (high four bits of q[i] - 8), i < 16 */
struct quant_q4_0 {
    uint16_t d;
    uint8_t q[16];
};

/* w[32 j + i] = d scale_j q - dmin min_j, j < 8, i < 32. q is the low (j even) or high four bits of
 * q[32 (j / 2) + i]; scale_j and min_j are six bits each, see quant_scale(). */
struct quant_q4_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t q[128];
};

/* As q4_k, with 16 more for q if bit j of high[i] is set. */
struct quant_q5_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t high[32];
    uint8_t q[128];
};

/* w[32 j + i] = d scales[2 j + i / 16] (q - 32). With h = j / 4, p = j % 4, the low four bits of q
 * are the low (p < 2) or high ones of low[64 h + 32 (p % 2) + i], the upper two are bits 2 p and
 * 2 p + 1 of high[32 h + i]. */
struct quant_q6_k {
    uint8_t low[128];
    uint8_t high[64];
    int8_t scales[16];
    uint16_t d;
};

_Static_assert(sizeof(struct quant_q8_0) == 34 && sizeof(struct quant_q4_0) == 18 &&
                   sizeof(struct quant_q4_k) == 144 && sizeof(struct quant_q5_k) == 176 &&
                   sizeof(struct quant_q6_k) == 210,
               "blocks lie in files as they are");

/* scale_j and min_j of q4_k and q5_k. The first four lie in the low six bits of bytes j and 4 + j;
 * of the last four the low four bits lie in byte 4 + j (scale low, min high), the upper two in the
 * top of the bytes of j - 4. */
static inline uint8_t quant_scale(const uint8_t *s, size_t j) {
    return j < 4 ? s[j] & 63 : (uint8_t)((s[j + 4] & 15) | s[j - 4] >> 6 << 4);
}

static inline uint8_t quant_min(const uint8_t *s, size_t j) {
    return j < 4 ? s[j + 4] & 63 : (uint8_t)(s[j + 4] >> 4 | s[j] >> 6 << 4);
}

static inline void quant_widen_q8_0(float *y, const struct quant_q8_0 *b) {
    float d = bf16_half_to_f32(b->d);
    for (size_t i = 0; i < 32; i++)
        y[i] = d * (float)b->q[i];
}

static inline void quant_widen_q4_0(float *y, const struct quant_q4_0 *b) {
    float d = bf16_half_to_f32(b->d);
    for (size_t i = 0; i < 16; i++) {
        y[i] = d * (float)((b->q[i] & 15) - 8);
        y[16 + i] = d * (float)((b->q[i] >> 4) - 8);
    }
}

static inline void quant_widen_q4_k(float *y, const struct quant_q4_k *b) {
    float d = bf16_half_to_f32(b->d), dmin = bf16_half_to_f32(b->dmin);
    for (size_t j = 0; j < 8; j++) {
        float scale = d * quant_scale(b->scales, j), min = dmin * quant_min(b->scales, j);
        for (size_t i = 0; i < 32; i++)
            y[32 * j + i] = scale * (float)(b->q[j / 2 * 32 + i] >> j % 2 * 4 & 15) - min;
    }
}

static inline void quant_widen_q5_k(float *y, const struct quant_q5_k *b) {
    float d = bf16_half_to_f32(b->d), dmin = bf16_half_to_f32(b->dmin);
    for (size_t j = 0; j < 8; j++) {
        float scale = d * quant_scale(b->scales, j), min = dmin * quant_min(b->scales, j);
        for (size_t i = 0; i < 32; i++) {
            int q = (b->q[j / 2 * 32 + i] >> j % 2 * 4 & 15) | (b->high[i] >> j & 1) << 4;
            y[32 * j + i] = scale * (float)q - min;
        }
    }
}

static inline void quant_widen_q6_k(float *y, const struct quant_q6_k *b) {
    float d = bf16_half_to_f32(b->d);
    for (size_t j = 0; j < 8; j++) {
        const uint8_t *low = b->low + j / 4 * 64 + j % 2 * 32, *high = b->high + j / 4 * 32;
        float scale[2] = {d * b->scales[2 * j], d * b->scales[2 * j + 1]};
        for (size_t i = 0; i < 32; i++) {
            int q = (low[i] >> j % 4 / 2 * 4 & 15) | (high[i] >> j % 4 * 2 & 3) << 4;
            y[32 * j + i] = (i < 16 ? scale[0] : scale[1]) * (float)(q - 32);
        }
    }
}

#endif
