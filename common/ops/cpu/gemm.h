/* Products of many rows; included by isa.c after math.h and finish.h.
 *
 * Floor: 2 FLOP for each row of x and weight; for 64 rows and more the weights' bytes no longer
 * matter. The plan is that of Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication" (2008): a block of x lies in the L2 cache, a panel of weights (widened and
 * turned so that outputs are neighbours) in L1, a tile of sums in registers. A step in k of a tile
 * is GEMM_ROWS numbers of x, each multiplied with GEMM_VECS vectors of weights. The convolution's
 * taps are more k with x moved down: no im2col.
 *
 * Where the machine multiplies pairs of bf16 (VEC_PAIRS) x may be rounded to them: a word of x and
 * of the panel is then not a float but two neighbours in k, and a step takes two k. Measured on
 * Zen 4: twice the speed. */
#ifndef OPS_CPU_GEMM_H
#define OPS_CPU_GEMM_H

#include "common/base/bf16.h"
#include "common/ops/cpu/kernels.h"

#include <string.h>

enum {
    /* A tile: with 32 registers 14 x 2 (16 lanes) or 6 x 4 (4 lanes) sums, with 16 registers 6 x 2;
     * the rest hold a step's weights and the number they are multiplied with. */
    GEMM_ROWS = VEC_REGISTERS == 32 && VEC == 16 ? 14 : 6,
    GEMM_VECS = VEC_REGISTERS == 32 && VEC == 4 ? 4 : 2,
    GEMM_LEAST = GEMM_ROWS - 4, /* lower tiles are computed at this height */
    GEMM_OUTS = GEMM_VECS * VEC,
    GEMM_WIDTH = 256, /* words of x a step: a panel is 8 to 32 KiB */
    /* Words between rows of x in a block. Not a power of two: the rows of a tile would fall into
     * the same few sets of the L1 cache, as they do in x itself. */
    GEMM_STRIDE = GEMM_WIDTH + 16,
    GEMM_BLOCK = 192 / GEMM_ROWS * GEMM_ROWS, /* rows of x in a block: 200 KiB */
};

/* What weights and words are. */
enum gemm_kind {
    GEMM_F32,   /* f32; a word is a float */
    GEMM_BF16,  /* bf16; a word is a float */
    GEMM_PAIRS, /* bf16; a word is a pair of bf16 */
};

/* Where a task's memory goes. */
struct gemm_scratch {
    float panel[GEMM_WIDTH * GEMM_OUTS];
    float tile[GEMM_BLOCK * GEMM_OUTS];
    float x[GEMM_BLOCK * GEMM_STRIDE];
};

/* sum + weights * x; with pairs both products of a lane. */
static inline vec gemm_step(vec weights, vec x, vec sum, bool pairs) {
#ifdef VEC_PAIRS
    if (pairs)
        return vec_dot(weights, x, sum);
#endif
    (void)pairs;
    return vec_fma(weights, x, sum);
}

/* y[i, n] (+)= sum_{k < words} x[i, k] panel[k, n] for i < stored <= rows, n < GEMM_OUTS. rows is a
 * constant; the rows behind `stored` are computed in vain. */
static inline __attribute__((always_inline)) void gemm_tile(float *y, size_t y_stride,
                                                            const float *x, const float *panel,
                                                            size_t words, const size_t rows,
                                                            size_t stored, bool add, bool pairs) {
    vec sum[GEMM_ROWS][GEMM_VECS], weights[GEMM_VECS];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < GEMM_VECS; j++)
            sum[i][j] = vec_set(0);
    for (size_t k = 0; k < words; k++) {
        for (size_t j = 0; j < GEMM_VECS; j++)
            weights[j] = vec_load(panel + k * GEMM_OUTS + j * VEC);
        for (size_t i = 0; i < rows; i++) {
            vec xi = vec_set(x[i * GEMM_STRIDE + k]);
            for (size_t j = 0; j < GEMM_VECS; j++)
                sum[i][j] = gemm_step(weights[j], xi, sum[i][j], pairs);
        }
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < GEMM_VECS && i < stored; j++) {
            float *p = y + i * y_stride + j * VEC;
            vec_store(p, add ? vec_add(vec_load(p), sum[i][j]) : sum[i][j]);
        }
    }
}

/* A tile of any height up to GEMM_ROWS. */
static inline __attribute__((always_inline)) void gemm_rows(float *y, size_t y_stride,
                                                            const float *x, const float *panel,
                                                            size_t words, size_t rows, bool add,
                                                            bool pairs) {
    switch (GEMM_ROWS - rows) {
    case 0:
        gemm_tile(y, y_stride, x, panel, words, GEMM_ROWS, rows, add, pairs);
        break;
    case 1:
        gemm_tile(y, y_stride, x, panel, words, GEMM_ROWS - 1, rows, add, pairs);
        break;
    case 2:
        gemm_tile(y, y_stride, x, panel, words, GEMM_ROWS - 2, rows, add, pairs);
        break;
    case 3:
        gemm_tile(y, y_stride, x, panel, words, GEMM_ROWS - 3, rows, add, pairs);
        break;
    default:
        gemm_tile(y, y_stride, x, panel, words, GEMM_LEAST, rows, add, pairs);
    }
}

/* Any number of rows times a panel, in tiles of about equal height. x has GEMM_LEAST rows at least;
 * their words are read, whatever they are. */
static inline __attribute__((always_inline)) void gemm_tiles(float *y, size_t y_stride,
                                                             const float *x, const float *panel,
                                                             size_t words, size_t rows, bool add,
                                                             bool pairs) {
    size_t tiles = (rows + GEMM_ROWS - 1) / GEMM_ROWS;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t t = rows * tile / tiles, height = rows * (tile + 1) / tiles - t;
        gemm_rows(y + t * y_stride, y_stride, x + t * GEMM_STRIDE, panel, words, height, add,
                  pairs);
    }
}

static void gemm_panel(float *y, size_t y_stride, const float *x, const float *panel, size_t words,
                       size_t rows, bool add, bool pairs) {
    if (pairs)
        gemm_tiles(y, y_stride, x, panel, words, rows, add, true);
    else
        gemm_tiles(y, y_stride, x, panel, words, rows, add, false);
}

/* The same where the panel's last columns are not wanted. */
static void gemm_part(struct gemm_scratch *s, float *y, size_t y_stride, size_t words, size_t rows,
                      size_t outs, bool add, bool pairs) {
    gemm_panel(s->tile, GEMM_OUTS, s->x, s->panel, words, rows, false, pairs);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < outs; j++) {
            float *p = y + i * y_stride + j;
            *p = s->tile[i * GEMM_OUTS + j] + (add ? *p : 0);
        }
    }
}

/* VEC words of weights, the first of them word k behind element i. */
static inline vec gemm_weights(const void *w, size_t i, size_t k, enum gemm_kind kind) {
    if (kind == GEMM_F32)
        return vec_load((const float *)w + i + k);
    if (kind == GEMM_BF16)
        return vec_load_bf16((const uint16_t *)w + i + k);
    return vec_load((const void *)((const uint16_t *)w + i + 2 * k));
}

/* One word; a pair that is cut by the end of the width has a zero. */
static inline float gemm_weight(const void *w, size_t i, size_t k, size_t width,
                                enum gemm_kind kind) {
    const uint16_t *half = (const uint16_t *)w + i;
    if (kind == GEMM_F32)
        return ((const float *)w)[i + k];
    if (kind == GEMM_BF16)
        return bf16_to_f32(half[k]);
    uint16_t pair[2] = {half[2 * k], 2 * k + 1 < width ? half[2 * k + 1] : 0};
    float word;
    memcpy(&word, pair, sizeof word);
    return word;
}

static inline size_t gemm_words(size_t width, enum gemm_kind kind) {
    return kind == GEMM_PAIRS ? (width + 1) / 2 : width;
}

/* panel[k, n] = w[n, k], k < words, n < GEMM_OUTS; zero for n >= outs. */
static inline __attribute__((always_inline)) void gemm_pack(float *panel, const void *w,
                                                            size_t stride, size_t outs,
                                                            size_t width, enum gemm_kind kind) {
    size_t words = gemm_words(width, kind), whole = kind == GEMM_PAIRS ? width / 2 : width;
    for (size_t n = 0; n < GEMM_OUTS; n += VEC) {
        size_t k = 0;
        for (; n + VEC <= outs && k + VEC <= whole; k += VEC) {
            vec v[VEC];
            for (size_t j = 0; j < VEC; j++)
                v[j] = gemm_weights(w, (n + j) * stride, k, kind);
            vec_transpose(v);
            for (size_t j = 0; j < VEC; j++)
                vec_store(panel + (k + j) * GEMM_OUTS + n, v[j]);
        }
        for (; k < words; k++)
            for (size_t j = n; j < n + VEC; j++)
                panel[k * GEMM_OUTS + j] =
                    j < outs ? gemm_weight(w, j * stride, k, width, kind) : 0;
    }
}

/* `width` numbers of a row of x as words. */
static inline void gemm_row(float *words, const float *x, size_t width, bool pairs) {
#ifdef VEC_PAIRS
    size_t k = 0;
    for (; pairs && k + 2 * VEC <= width; k += 2 * VEC)
        vec_store(words + k / 2, vec_pairs(x + k));
    if (pairs) {
        float last[2 * VEC] = {0};
        memcpy(last, x + k, (width - k) * sizeof *x);
        vec_store(last, vec_pairs(last));
        memcpy(words + k / 2, last, gemm_words(width - k, GEMM_PAIRS) * sizeof *words);
        return;
    }
#endif
    (void)pairs;
    memcpy(words, x, width * sizeof *x);
}

/* Adds columns [k, k + width) of tap `tap` to outputs [n, n + outs) of the block of x. */
static inline __attribute__((always_inline)) void
gemm_columns(const struct cpu_gemm *g, struct gemm_scratch *s, size_t t, size_t rows, size_t n,
             size_t outs, size_t tap, size_t k, size_t width, enum gemm_kind kind) {
    const float *x = g->x + (t + tap * g->dilation) * g->width + k;
    size_t words = gemm_words(width, kind), stride = g->taps * g->width;
    for (size_t i = 0; i < rows; i++)
        gemm_row(s->x + i * GEMM_STRIDE, x + i * g->width, width, kind == GEMM_PAIRS);
    for (size_t i = rows; i < GEMM_LEAST; i++)
        memset(s->x + i * GEMM_STRIDE, 0, words * sizeof *s->x);
    for (size_t j = 0; j < outs; j += GEMM_OUTS) {
        size_t some = outs - j < GEMM_OUTS ? outs - j : GEMM_OUTS;
        size_t first = (n + j) * stride + tap * g->width + k;
        gemm_pack(s->panel, (const char *)g->w + first * (kind == GEMM_F32 ? 4 : 2), stride, some,
                  width, kind);
        float *y = g->y + t * g->outs + n + j;
        bool add = g->add || tap > 0 || k > 0;
        if (some == GEMM_OUTS)
            gemm_panel(y, g->outs, s->x, s->panel, words, rows, add, kind == GEMM_PAIRS);
        else
            gemm_part(s, y, g->outs, words, rows, some, add, kind == GEMM_PAIRS);
    }
}

static inline __attribute__((always_inline)) void gemm(const struct cpu_gemm *g, size_t t,
                                                       size_t rows, size_t n, size_t outs,
                                                       void *scratch, enum gemm_kind kind) {
    struct gemm_scratch *s = scratch;
    size_t step = kind == GEMM_PAIRS ? 2 * GEMM_WIDTH : GEMM_WIDTH;
    for (size_t k = 0; k < g->width; k += step)
        for (size_t tap = 0; tap < g->taps; tap++)
            gemm_columns(g, s, t, rows, n, outs, tap, k, g->width - k < step ? g->width - k : step,
                         kind);
    for (size_t i = 0; g->bias && i < rows; i++)
        finish(g->y + (t + i) * g->outs + n, g->bias + n, outs, g->act);
}

static void gemm_f32(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                     void *scratch) {
    gemm(g, t, rows, n, outs, scratch, GEMM_F32);
}

static void gemm_bf16(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                      void *scratch) {
    gemm(g, t, rows, n, outs, scratch, GEMM_BF16);
}

#ifdef VEC_PAIRS
static void gemm_pairs(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                       void *scratch) {
    gemm(g, t, rows, n, outs, scratch, GEMM_PAIRS);
}
#endif

#endif
