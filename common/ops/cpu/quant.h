/* Scalar products with quantised weights; included by isa.c after bytes.h.
 *
 * For few rows of x, which are made int8 first, each 32 numbers with their own scale (struct
 * cpu_q8). Floor: the weights are read once, 4.5 to 8.5 bits each, so one row should run at the
 * speed of the memory: at 6 bytes a cycle and core about 20 instructions for 32 weights of q8_0,
 * 10 of q4_K. Weights stay integers until eight sums of four products are widened and multiplied
 * with weights' scale times x's. What all weights of a block have added to them (-8, -32, -min) is
 * a product of its own with the sums of x, a vector of eight for 256 weights. */
#ifndef OPS_CPU_QUANT_H
#define OPS_CPU_QUANT_H

#include "common/ops/cpu/kernels.h"
#include "common/weights/quant_blocks.h"

#include <math.h>

enum {
    QUANT_GROUP = 8, /* blocks of 32 that are done together */
    QUANT_ROWS = 4,  /* rows of x in a tile at most */
    /* Sums of a row that take turns: one after the other they would wait for the multiply-add. */
    QUANT_CHAINS = 4,
};

/* ---- rows of x ---- */

/* 32 numbers: the largest becomes 127 or -127. */
static inline void quantise_block(const struct cpu_q8 *to, size_t block, const float *x) {
    const sums magic = sums_set(0x1.8p23F); /* added and taken away it rounds to nearest */
    sums most = sums_set(0), part[4];
    for (size_t i = 0; i < 4; i++) {
        part[i] = sums_load(x + 8 * i);
        most = sums_larger(most, sums_size(part[i]));
    }
    float largest = sums_largest(most), inverse = largest > 0 ? 127 / largest : 0;
    for (size_t i = 0; i < 4; i++) {
        part[i] = part[i] * sums_set(inverse) + magic - magic;
        counts whole = __builtin_convertvector(part[i], counts);
        bytes8 narrow = __builtin_convertvector(whole, bytes8);
        memcpy(to->q + 32 * block + 8 * i, &narrow, sizeof narrow);
    }
    float scale = largest / 127, low = scale * sums_all(part[0] + part[1]);
    float high = scale * sums_all(part[2] + part[3]);
    to->scale[block] = scale;
    to->half_sum[2 * block] = low;
    to->half_sum[2 * block + 1] = high;
    to->sum[block] = low + high;
}

/* Numbers [first, first + n) of a row, whole blocks. */
static void quantise(void *row, const float *x, size_t width, size_t first, size_t n) {
    struct cpu_q8 to = cpu_q8(row, width);
    for (size_t i = first; i < first + n; i += 32)
        quantise_block(&to, i / 32, x + i);
    for (size_t j = width / 32; first + n == width && j % QUANT_GROUP; j++)
        to.scale[j] = to.sum[j] = to.half_sum[2 * j] = to.half_sum[2 * j + 1] = 0;
}

/* ---- rows of w ---- */

/* The scales of a group of eight blocks, and what is subtracted from each weight: in units of
 * blocks of 32, or of 16 where `fine` says so. */
struct quant_scales {
    sums scale[2], minus[2];
};

static inline __attribute__((always_inline)) struct quant_scales
quant_scales_k(const uint8_t *s, uint16_t d, uint16_t dmin) {
    uint32_t a, b, c;
    memcpy(&a, s, 4);
    memcpy(&b, s + 4, 4);
    memcpy(&c, s + 8, 4);
    uint64_t scale = (a & 0x3f3f3f3f) | (uint64_t)((c & 0x0f0f0f0f) | (a >> 6 & 0x03030303) << 4)
                                            << 32;
    uint64_t min = (b & 0x3f3f3f3f) | (uint64_t)((c >> 4 & 0x0f0f0f0f) | (b >> 6 & 0x03030303) << 4)
                                          << 32;
    return (struct quant_scales){
        .scale = {sums_bytes(scale) * sums_set(half_wide(d))},
        .minus = {sums_bytes(min) * sums_set(half_wide(dmin))},
    };
}

/* Of blocks [0, n) of 32 at w; n is less than QUANT_GROUP only at the end of
 * rows of q8_0 and q4_0. */
static inline __attribute__((always_inline)) struct quant_scales
quant_scales(const void *w, const enum tensor_dtype dtype, size_t n) {
    struct quant_scales s = {0};
    if (dtype == TENSOR_Q8_0 || dtype == TENSOR_Q4_0) {
        const char *p = w;
        size_t size = dtype == TENSOR_Q8_0 ? sizeof(struct quant_q8_0) : sizeof(struct quant_q4_0);
        halves d = {0};
        for (size_t i = 0; i < n; i++) {
            uint16_t half;
            memcpy(&half, p + i * size, sizeof half);
            d[i] = half;
        }
        s.scale[0] = sums_halves(d);
        s.minus[0] = s.scale[0] * sums_set(8);
    } else if (dtype == TENSOR_Q4_K) {
        const struct quant_q4_k *b = w;
        s = quant_scales_k(b->scales, b->d, b->dmin);
    } else if (dtype == TENSOR_Q5_K) {
        const struct quant_q5_k *b = w;
        s = quant_scales_k(b->scales, b->d, b->dmin);
    } else {
        const struct quant_q6_k *b = w;
        sums d = sums_set(half_wide(b->d));
        uint64_t eight[2];
        memcpy(eight, b->scales, sizeof eight);
        for (int i = 0; i < 2; i++) {
            s.scale[i] = sums_signed(eight[i]) * d;
            s.minus[i] = s.scale[i] * sums_set(32);
        }
    }
    return s;
}

/* The integers of block j of a group. */
static inline __attribute__((always_inline)) bytes quant_integers(const void *w, size_t j,
                                                                  const enum tensor_dtype dtype) {
    if (dtype == TENSOR_Q8_0)
        return bytes_load(((const struct quant_q8_0 *)w + j)->q);
    if (dtype == TENSOR_Q4_0) {
        bytes16 both;
        memcpy(&both, ((const struct quant_q4_0 *)w + j)->q, sizeof both);
        return bytes_pair(both & 15, both >> 4);
    }
    const int odd = j % 2 * 4, p = j % 4 * 2;
    if (dtype == TENSOR_Q4_K)
        return bytes_field(bytes_load(((const struct quant_q4_k *)w)->q + j / 2 * 32), odd, 15);
    if (dtype == TENSOR_Q5_K) {
        const struct quant_q5_k *b = w;
        bytes low = bytes_field(bytes_load(b->q + j / 2 * 32), odd, 15);
        return low | bytes_field(bytes_load(b->high), (int)j - 4, 16);
    }
    const struct quant_q6_k *b = w;
    bytes low = bytes_field(bytes_load(b->low + j / 4 * 64 + j % 2 * 32), p / 4 * 4, 15);
    return low | bytes_field(bytes_load(b->high + j / 4 * 32), p - 4, 48);
}

/* ---- products ---- */

/* Adds the products of blocks [0, n) of a group at w with columns [k, ..) of rows of x; rows and
 * dtype are constants. */
static inline __attribute__((always_inline)) void quant_group(sums sum[][QUANT_CHAINS],
                                                              const void *w, const struct cpu_q8 *x,
                                                              size_t k, size_t n, const size_t rows,
                                                              const enum tensor_dtype dtype) {
    const bool fine = dtype == TENSOR_Q6_K;
    const size_t chains = rows == 1 ? QUANT_CHAINS : rows == 2 && !fine ? QUANT_CHAINS / 2 : 1;
    struct quant_scales s = quant_scales(w, dtype, n);
    float scale[QUANT_ROWS][16] = {0};
    for (size_t t = 0; t < rows; t++) {
        sums own = sums_load(x[t].scale + k / 32);
        if (fine) {
            sums_store(scale[t], s.scale[0] * sums_twice(own, 0));
            sums_store(scale[t] + 8, s.scale[1] * sums_twice(own, 4));
            sum[t][0] -= s.minus[0] * sums_load(x[t].half_sum + k / 16);
            sum[t][chains / 2] -= s.minus[1] * sums_load(x[t].half_sum + k / 16 + 8);
        } else {
            sums_store(scale[t], s.scale[0] * own);
            if (dtype != TENSOR_Q8_0)
                sum[t][0] -= s.minus[0] * sums_load(x[t].sum + k / 32);
        }
    }
    for (size_t j = 0; j < n; j++) {
        bytes integers = quant_integers(w, j, dtype);
        for (size_t t = 0; t < rows; t++) {
            bytes column = bytes_load(x[t].q + k + 32 * j);
            counts dot = dtype == TENSOR_Q8_0 ? bytes_dot_signed(integers, column)
                                              : bytes_dot(integers, column);
            float a = scale[t][fine ? 2 * j : j], b = fine ? scale[t][2 * j + 1] : a;
            sum[t][j % chains] += sums_of(dot) * (sums){a, a, a, a, b, b, b, b};
        }
    }
}

static inline __attribute__((always_inline)) size_t quant_size(const enum tensor_dtype dtype) {
    return dtype == TENSOR_Q8_0   ? sizeof(struct quant_q8_0)
           : dtype == TENSOR_Q4_0 ? sizeof(struct quant_q4_0)
           : dtype == TENSOR_Q4_K ? sizeof(struct quant_q4_k)
           : dtype == TENSOR_Q5_K ? sizeof(struct quant_q5_k)
                                  : sizeof(struct quant_q6_k);
}

/* Rows [t, t + rows) of x times row n of w. */
static inline __attribute__((always_inline)) void quant_tile(const struct cpu_quant *d, size_t t,
                                                             size_t n, const size_t rows,
                                                             const enum tensor_dtype dtype) {
    const size_t block = dtype == TENSOR_Q8_0 || dtype == TENSOR_Q4_0 ? QUANT_SMALL : QUANT_LARGE;
    const size_t size = quant_size(dtype);
    const char *w = (const char *)d->w + n * (d->width / block) * size;
    struct cpu_q8 x[QUANT_ROWS];
    sums sum[QUANT_ROWS][QUANT_CHAINS];
    size_t k = 0;
    for (size_t i = 0; i < rows; i++) {
        x[i] = cpu_q8((char *)d->x + (t + i) * cpu_q8_bytes(d->width), d->width);
        for (size_t j = 0; j < QUANT_CHAINS; j++)
            sum[i][j] = sums_set(0);
    }
    for (; k + 32 * QUANT_GROUP <= d->width; k += 32 * QUANT_GROUP)
        quant_group(sum, w + k / block * size, x, k, QUANT_GROUP, rows, dtype);
    if (block == QUANT_SMALL && k < d->width)
        quant_group(sum, w + k / block * size, x, k, (d->width - k) / 32, rows, dtype);
    for (size_t i = 0; i < rows; i++) {
        float *y = d->y + (t + i) * d->y_stride + n;
        *y = sums_all((sum[i][0] + sum[i][1]) + (sum[i][2] + sum[i][3])) + (d->add ? *y : 0);
    }
}

/* All rows of x, in tiles of about equal height, times each row of w. */
static inline __attribute__((always_inline)) void quant_dots(const struct cpu_quant *d,
                                                             const enum tensor_dtype dtype) {
    size_t tiles = (d->rows + QUANT_ROWS - 1) / QUANT_ROWS;
    for (size_t n = 0; n < d->outs; n++) {
        for (size_t tile = 0; tile < tiles; tile++) {
            size_t t = d->rows * tile / tiles, rows = d->rows * (tile + 1) / tiles - t;
            if (rows == 1)
                quant_tile(d, t, n, 1, dtype);
            else if (rows == 2)
                quant_tile(d, t, n, 2, dtype);
            else if (rows == 3)
                quant_tile(d, t, n, 3, dtype);
            else
                quant_tile(d, t, n, 4, dtype);
        }
    }
}

static void dots_q8_0(const struct cpu_quant *d) {
    quant_dots(d, TENSOR_Q8_0);
}

static void dots_q4_0(const struct cpu_quant *d) {
    quant_dots(d, TENSOR_Q4_0);
}

static void dots_q4_k(const struct cpu_quant *d) {
    quant_dots(d, TENSOR_Q4_K);
}

static void dots_q5_k(const struct cpu_quant *d) {
    quant_dots(d, TENSOR_Q5_K);
}

static void dots_q6_k(const struct cpu_quant *d) {
    quant_dots(d, TENSOR_Q6_K);
}

static void dots_quant(const struct cpu_quant *d) {
    void (*const by_type[TENSOR_DTYPES])(const struct cpu_quant *) = {
        [TENSOR_Q8_0] = dots_q8_0, [TENSOR_Q4_0] = dots_q4_0, [TENSOR_Q4_K] = dots_q4_k,
        [TENSOR_Q5_K] = dots_q5_k, [TENSOR_Q6_K] = dots_q6_k,
    };
    by_type[d->dtype](d);
}

/* ---- weights as f32 ---- */

/* n numbers, whole blocks. */
static void widen(float *y, const void *w, enum tensor_dtype dtype, size_t n) {
    const uint16_t *f16 = w;
    const struct quant_q8_0 *q8_0 = w;
    const struct quant_q4_0 *q4_0 = w;
    const struct quant_q4_k *q4_k = w;
    const struct quant_q5_k *q5_k = w;
    const struct quant_q6_k *q6_k = w;
    size_t eights = dtype == TENSOR_F16 ? n / 8 : 0;
    for (size_t i = 0; i < eights; i++) {
        halves eight;
        memcpy(&eight, f16 + 8 * i, sizeof eight);
        sums_store(y + 8 * i, sums_halves(eight));
    }
    for (size_t i = 8 * eights; dtype == TENSOR_F16 && i < n; i++)
        y[i] = half_wide(f16[i]);
    for (size_t i = 0; dtype == TENSOR_Q8_0 && i < n / QUANT_SMALL; i++)
        quant_widen_q8_0(y + i * QUANT_SMALL, q8_0 + i);
    for (size_t i = 0; dtype == TENSOR_Q4_0 && i < n / QUANT_SMALL; i++)
        quant_widen_q4_0(y + i * QUANT_SMALL, q4_0 + i);
    for (size_t i = 0; dtype == TENSOR_Q4_K && i < n / QUANT_LARGE; i++)
        quant_widen_q4_k(y + i * QUANT_LARGE, q4_k + i);
    for (size_t i = 0; dtype == TENSOR_Q5_K && i < n / QUANT_LARGE; i++)
        quant_widen_q5_k(y + i * QUANT_LARGE, q5_k + i);
    for (size_t i = 0; dtype == TENSOR_Q6_K && i < n / QUANT_LARGE; i++)
        quant_widen_q6_k(y + i * QUANT_LARGE, q6_k + i);
}

#endif
