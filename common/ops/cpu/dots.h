/* Blocks of scalar products along rows of weights; included by isa.c after a vec_<isa>.h.
 *
 * For few rows of x. Floor: the weights are read once, 2 or 4 bytes for 2 FLOP a row of x, so one
 * row runs at the speed of the memory and about six rows at that of the multiply-adds. A tile of
 * four rows of w and up to six rows of x is summed in registers; nothing is packed. */
#ifndef OPS_CPU_DOTS_H
#define OPS_CPU_DOTS_H

#include "common/base/bf16.h"
#include "common/ops/cpu/kernels.h"

enum {
    /* Size of a tile at most; its sums take three quarters of the registers. */
    DOTS_OUTS = 4,
    DOTS_ROWS = VEC_REGISTERS == 32 ? 6 : 3,
    /* Bytes of weights that a tile asks for in advance. */
    DOTS_AHEAD = 32768,
};

static inline vec dots_load(const struct cpu_dots *d, size_t i, bool bf16) {
    return bf16 ? vec_load_bf16((const uint16_t *)d->w + i) : vec_load((const float *)d->w + i);
}

static inline float dots_weight(const struct cpu_dots *d, size_t i, bool bf16) {
    return bf16 ? bf16_to_f32(((const uint16_t *)d->w)[i]) : ((const float *)d->w)[i];
}

/* Writes the sums of row t and `outs` rows of w, with what [k, width) adds to them: less than a
 * vector or two. */
static inline __attribute__((always_inline)) void dots_store(const struct cpu_dots *d, size_t t,
                                                             size_t n, const vec *sum,
                                                             const size_t outs, size_t k,
                                                             bool bf16) {
    float y[DOTS_OUTS], *p = d->y + t * d->y_stride + n;
    vec sums[DOTS_OUTS]; /* always four, so that a sum does not depend on its neighbours */
    for (size_t j = 0; j < DOTS_OUTS; j++)
        sums[j] = sum[j % outs];
    vec_sum4(y, sums);
    for (; k < d->width; k++)
        for (size_t j = 0; j < outs; j++)
            y[j] += d->x[t * d->x_stride + k] * dots_weight(d, (n + j) * d->w_stride + k, bf16);
    for (size_t j = 0; j < outs; j++)
        p[j] = d->add ? p[j] + y[j] : y[j];
}

/* Row t of x times row n of w. One row after the other is one stream, which the processor's own
 * prefetching follows best. Two chains of additions hide their latency. */
static inline void dots_row(const struct cpu_dots *d, size_t t, size_t n, bool bf16) {
    vec even = vec_set(0), odd = vec_set(0);
    const float *x = d->x + t * d->x_stride;
    size_t w = n * d->w_stride, k = 0;
    for (; k + 2 * VEC <= d->width; k += 2 * VEC) {
        even = vec_fma(dots_load(d, w + k, bf16), vec_load(x + k), even);
        odd = vec_fma(dots_load(d, w + k + VEC, bf16), vec_load(x + k + VEC), odd);
    }
    even = vec_add(even, odd);
    dots_store(d, t, n, &even, 1, k, bf16);
}

/* Rows [t, t + rows) of x times rows [n, n + outs) of w; rows and outs are constants, outs 1 or
 * DOTS_OUTS. Several streams at once outrun the processor's prefetching, so weights are asked for
 * (into L2) long before their use. Measured on Zen 4 with weights in memory: 12 GB/s without, 29
 * with, of 29, for two rows. */
static inline __attribute__((always_inline)) void dots_tile(const struct cpu_dots *d, size_t t,
                                                            size_t n, const size_t rows,
                                                            const size_t outs, bool bf16) {
    vec sum[6][DOTS_OUTS], column[6];
    const float *x = d->x + t * d->x_stride;
    size_t w = n * d->w_stride, k = 0, size = bf16 ? 2 : 4, stride = d->w_stride * size;
    size_t ahead = (DOTS_AHEAD + stride - 1) / stride * stride;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < outs; j++)
            sum[i][j] = vec_set(0);
    for (; k + VEC <= d->width; k += VEC) {
        for (size_t i = 0; i < rows; i++)
            column[i] = vec_load(x + i * d->x_stride + k);
        for (size_t j = 0; j < outs; j++) {
            size_t at = w + j * d->w_stride + k;
            vec weights = dots_load(d, at, bf16);
            __builtin_prefetch((const char *)d->w + at * size + ahead, 0, 1);
            for (size_t i = 0; i < rows; i++)
                sum[i][j] = vec_fma(weights, column[i], sum[i][j]);
        }
    }
    for (size_t i = 0; i < rows; i++)
        dots_store(d, t + i, n, sum[i], outs, k, bf16);
}

/* All rows of x, in tiles of about equal height, times `outs` rows of w. */
static inline __attribute__((always_inline)) void dots_column(const struct cpu_dots *d, size_t n,
                                                              const size_t outs, bool bf16) {
    size_t tiles = (d->rows + DOTS_ROWS - 1) / DOTS_ROWS;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t t = d->rows * tile / tiles, rows = d->rows * (tile + 1) / tiles - t;
        switch (rows) {
        case 1:
            for (size_t j = 0; j < outs; j++)
                dots_row(d, t, n + j, bf16);
            break;
        case 2:
            dots_tile(d, t, n, 2, outs, bf16);
            break;
        case 3:
            dots_tile(d, t, n, 3, outs, bf16);
            break;
        case 4: /* from here on only with 32 registers */
            dots_tile(d, t, n, 4, outs, bf16);
            break;
        case 5:
            dots_tile(d, t, n, 5, outs, bf16);
            break;
        default:
            dots_tile(d, t, n, 6, outs, bf16);
        }
    }
}

static inline __attribute__((always_inline)) void dots(const struct cpu_dots *d, bool bf16) {
    size_t n = 0;
    for (; n + DOTS_OUTS <= d->outs; n += DOTS_OUTS)
        dots_column(d, n, DOTS_OUTS, bf16);
    for (; n < d->outs; n++)
        dots_column(d, n, 1, bf16);
}

static void dots_f32(const struct cpu_dots *d) {
    dots(d, false);
}

static void dots_bf16(const struct cpu_dots *d) {
    dots(d, true);
}

#endif
