/* Products of many rows; included by isa.c after math.h and finish.h.
 *
 * Floor: 2 FLOP for each row of x and weight; for 64 rows and more the weights' bytes no longer
 * matter. The plan is that of Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication" (2008): a block of x lies in the L2 cache, a panel of weights (widened and
 * turned so that outputs are neighbours) in L1, a tile of sums in registers. A step in k of a tile
 * is GEMM_ROWS numbers of x, each multiplied with GEMM_VECS vectors of weights. The convolution's
 * taps are more k with x moved down: no im2col. */
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
    GEMM_WIDTH = 256, /* numbers of x a step: a panel is 8 to 32 KiB */
    /* Floats between rows of x in a block. Not a power of two: the rows of a tile would fall into
     * the same few sets of the L1 cache, as they do in x itself. */
    GEMM_STRIDE = GEMM_WIDTH + 16,
    GEMM_BLOCK = 192 / GEMM_ROWS * GEMM_ROWS, /* rows of x in a block: 200 KiB */
};

/* Where a task's memory goes. */
struct gemm_scratch {
    float panel[GEMM_WIDTH * GEMM_OUTS];
    float tile[GEMM_BLOCK * GEMM_OUTS];
    float x[GEMM_BLOCK * GEMM_STRIDE];
};

/* y[i, n] (+)= sum_{k < width} x[i, k] panel[k, n] for i < stored <= rows, n < GEMM_OUTS. rows is a
 * constant; the rows behind `stored` are computed in vain. */
static inline __attribute__((always_inline)) void gemm_tile(float *y, size_t y_stride,
                                                            const float *x, const float *panel,
                                                            size_t width, const size_t rows,
                                                            size_t stored, bool add) {
    vec sum[GEMM_ROWS][GEMM_VECS], weights[GEMM_VECS];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < GEMM_VECS; j++)
            sum[i][j] = vec_set(0);
    for (size_t k = 0; k < width; k++) {
        for (size_t j = 0; j < GEMM_VECS; j++)
            weights[j] = vec_load(panel + k * GEMM_OUTS + j * VEC);
        for (size_t i = 0; i < rows; i++) {
            vec xi = vec_set(x[i * GEMM_STRIDE + k]);
            for (size_t j = 0; j < GEMM_VECS; j++)
                sum[i][j] = vec_fma(weights[j], xi, sum[i][j]);
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
static void gemm_rows(float *y, size_t y_stride, const float *x, const float *panel, size_t width,
                      size_t rows, bool add) {
    switch (GEMM_ROWS - rows) {
    case 0:
        gemm_tile(y, y_stride, x, panel, width, GEMM_ROWS, rows, add);
        break;
    case 1:
        gemm_tile(y, y_stride, x, panel, width, GEMM_ROWS - 1, rows, add);
        break;
    case 2:
        gemm_tile(y, y_stride, x, panel, width, GEMM_ROWS - 2, rows, add);
        break;
    case 3:
        gemm_tile(y, y_stride, x, panel, width, GEMM_ROWS - 3, rows, add);
        break;
    default:
        gemm_tile(y, y_stride, x, panel, width, GEMM_LEAST, rows, add);
    }
}

/* Any number of rows times a panel, in tiles of about equal height. x has GEMM_LEAST rows at least;
 * their numbers are read, whatever they are. */
static void gemm_panel(float *y, size_t y_stride, const float *x, const float *panel, size_t width,
                       size_t rows, bool add) {
    size_t tiles = (rows + GEMM_ROWS - 1) / GEMM_ROWS;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t t = rows * tile / tiles, height = rows * (tile + 1) / tiles - t;
        gemm_rows(y + t * y_stride, y_stride, x + t * GEMM_STRIDE, panel, width, height, add);
    }
}

/* The same where the panel's last columns are not wanted. */
static void gemm_part(struct gemm_scratch *s, float *y, size_t y_stride, size_t width, size_t rows,
                      size_t outs, bool add) {
    gemm_panel(s->tile, GEMM_OUTS, s->x, s->panel, width, rows, false);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < outs; j++) {
            float *p = y + i * y_stride + j;
            *p = s->tile[i * GEMM_OUTS + j] + (add ? *p : 0);
        }
    }
}

/* panel[k, n] = w[n, k], k < width, n < GEMM_OUTS; zero for n >= outs. */
static inline __attribute__((always_inline)) void
gemm_pack(float *panel, const void *w, size_t stride, size_t outs, size_t width, bool bf16) {
    const uint16_t *half = w;
    const float *full = w;
    for (size_t n = 0; n < GEMM_OUTS; n += VEC) {
        size_t k = 0;
        for (; n + VEC <= outs && k + VEC <= width; k += VEC) {
            vec v[VEC];
            for (size_t j = 0; j < VEC; j++) {
                size_t i = (n + j) * stride + k;
                v[j] = bf16 ? vec_load_bf16(half + i) : vec_load(full + i);
            }
            vec_transpose(v);
            for (size_t j = 0; j < VEC; j++)
                vec_store(panel + (k + j) * GEMM_OUTS + n, v[j]);
        }
        for (; k < width; k++)
            for (size_t j = n; j < n + VEC; j++)
                panel[k * GEMM_OUTS + j] = j >= outs ? 0
                                           : bf16    ? bf16_to_f32(half[j * stride + k])
                                                     : full[j * stride + k];
    }
}

/* Adds columns [k, k + width) of tap `tap` to outputs [n, n + outs) of the block of x. */
static inline __attribute__((always_inline)) void
gemm_columns(const struct cpu_gemm *g, struct gemm_scratch *s, size_t t, size_t rows, size_t n,
             size_t outs, size_t tap, size_t k, size_t width, bool bf16) {
    const float *x = g->x + (t + tap * g->dilation) * g->width + k;
    for (size_t i = 0; i < rows; i++)
        memcpy(s->x + i * GEMM_STRIDE, x + i * g->width, width * sizeof *x);
    for (size_t i = rows; i < GEMM_LEAST; i++)
        memset(s->x + i * GEMM_STRIDE, 0, width * sizeof *x);
    size_t stride = g->taps * g->width;
    for (size_t j = 0; j < outs; j += GEMM_OUTS) {
        size_t some = outs - j < GEMM_OUTS ? outs - j : GEMM_OUTS;
        size_t first = (n + j) * stride + tap * g->width + k;
        gemm_pack(s->panel, (const char *)g->w + first * (bf16 ? 2 : 4), stride, some, width, bf16);
        float *y = g->y + t * g->outs + n + j;
        bool add = g->add || tap > 0 || k > 0;
        if (some == GEMM_OUTS)
            gemm_panel(y, g->outs, s->x, s->panel, width, rows, add);
        else
            gemm_part(s, y, g->outs, width, rows, some, add);
    }
}

static inline __attribute__((always_inline)) void gemm(const struct cpu_gemm *g, size_t t,
                                                       size_t rows, size_t n, size_t outs,
                                                       void *scratch, bool bf16) {
    struct gemm_scratch *s = scratch;
    for (size_t k = 0; k < g->width; k += GEMM_WIDTH)
        for (size_t tap = 0; tap < g->taps; tap++)
            gemm_columns(g, s, t, rows, n, outs, tap, k,
                         g->width - k < GEMM_WIDTH ? g->width - k : GEMM_WIDTH, bf16);
    for (size_t i = 0; g->bias && i < rows; i++)
        finish(g->y + (t + i) * g->outs + n, g->bias + n, outs, g->act);
}

static void gemm_f32(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                     void *scratch) {
    gemm(g, t, rows, n, outs, scratch, false);
}

static void gemm_bf16(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                      void *scratch) {
    gemm(g, t, rows, n, outs, scratch, true);
}

#endif
