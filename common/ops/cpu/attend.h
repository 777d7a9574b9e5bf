/* Attention of a block of query rows over a range of keys; included by isa.c after gemm.h.
 *
 * Floor: each key and value is read once for all queries of its kv head (4 bytes a pair of numbers
 * in bf16) and meets 4 FLOP a query: one query row in 8 heads is 8 FLOP a byte, so decoding runs at
 * the speed of the memory. The softmax is taken as the keys come, ATTEND_KEYS at a time (Milakov
 * and Gimelshein, "Online normalizer calculation for softmax", 2018): the sums so far are rescaled
 * when a larger score appears. Scores are a product of few rows (dots.h), their products with the
 * values are tiles of gemm.h. */
#ifndef OPS_CPU_ATTEND_H
#define OPS_CPU_ATTEND_H

#include "common/ops/cpu/kernels.h"

#include <math.h>
#include <string.h>

enum { ATTEND_KEYS = 128 }; /* at most GEMM_WIDTH */

struct attend_scratch {
    float panel[ATTEND_KEYS * GEMM_OUTS];
    float values[CPU_ATTEND_QUERIES * GEMM_OUTS];
    float scores[(CPU_ATTEND_QUERIES + GEMM_ROWS) * GEMM_STRIDE];
    float q[]; /* [queries, head_dim], scaled */
};

static size_t attend_scratch(size_t head_dim) {
    return sizeof(struct attend_scratch) + CPU_ATTEND_QUERIES * head_dim * sizeof(float);
}

/* The queries of one kv head, row by row, times head_dim^-0.5. */
static void attend_queries(const struct cpu_attend *a, float *q, size_t head, size_t t,
                           size_t rows) {
    size_t group = a->heads / a->kv_heads;
    float scale = 1 / sqrtf((float)a->head_dim);
    for (size_t i = 0; i < rows; i++) {
        const float *x = a->q + ((t + i) * a->heads + head * group) * a->head_dim;
        for (size_t d = 0; d < group * a->head_dim; d++)
            *q++ = scale * x[d];
    }
}

/* One query's n scores become exp(score - largest so far), 0 outside [lo, hi). sums (largest, sum,
 * values) is brought up to date except for the values these keys add. */
static void attend_softmax(float *scores, size_t n, size_t lo, size_t hi, float *sums,
                           size_t head_dim) {
    for (size_t s = 0; s < lo; s++)
        scores[s] = -INFINITY;
    for (size_t s = hi; s < n; s++)
        scores[s] = -INFINITY;
    vec top = vec_set(sums[0]), total = vec_set(0);
    for (size_t s = 0; s < n; s += VEC)
        top = vec_max(top, vec_load(scores + s));
    float largest = vec_largest(top), keep = expf(sums[0] - largest);
    for (size_t s = 0; s < n; s += VEC)
        vec_store(scores + s, math_exp(vec_sub(vec_load(scores + s), vec_set(largest))));
    memset(scores, 0, lo * sizeof *scores);
    memset(scores + hi, 0, (n - hi) * sizeof *scores);
    for (size_t s = 0; s < n; s += VEC)
        total = vec_add(total, vec_load(scores + s));
    sums[0] = largest;
    sums[1] = sums[1] * keep + vec_sum(total);
    for (size_t d = 0; keep != 1 && d < head_dim; d++)
        sums[2 + d] *= keep;
}

/* panel[s, j] = v[s, d + j], s < n, j < GEMM_OUTS; zero for j >= outs. */
static void attend_panel(float *panel, const struct cpu_attend *a, size_t i, size_t n,
                         size_t outs) {
    size_t stride = a->kv_heads * a->head_dim;
    for (size_t s = 0; s < n; s++, i += stride, panel += GEMM_OUTS) {
        size_t j = 0;
        for (; j + VEC <= outs; j += VEC)
            vec_store(panel + j, a->bf16 ? vec_load_bf16((const uint16_t *)a->v + i + j)
                                         : vec_load((const float *)a->v + i + j));
        for (; j < GEMM_OUTS; j++)
            panel[j] = j >= outs ? 0
                       : a->bf16 ? bf16_to_f32(((const uint16_t *)a->v)[i + j])
                                 : ((const float *)a->v)[i + j];
    }
}

/* Adds scores [queries, n] times values of keys [key, key + n) to the sums. */
static void attend_values(const struct cpu_attend *a, struct attend_scratch *s, size_t head,
                          size_t key, size_t n, size_t queries, float *sums) {
    for (size_t d = 0; d < a->head_dim; d += GEMM_OUTS) {
        size_t outs = a->head_dim - d < GEMM_OUTS ? a->head_dim - d : GEMM_OUTS;
        attend_panel(s->panel, a, (key * a->kv_heads + head) * a->head_dim + d, n, outs);
        gemm_panel(s->values, GEMM_OUTS, s->scores, s->panel, n, queries, false, false);
        for (size_t i = 0; i < queries; i++) {
            float *sum = sums + i * (a->head_dim + 2) + 2 + d;
            for (size_t j = 0; j < outs; j++)
                sum[j] += s->values[i * GEMM_OUTS + j];
        }
    }
}

static void attend_scores(const struct cpu_attend *a, struct attend_scratch *s, size_t head,
                          size_t key, size_t n, size_t queries) {
    struct cpu_dots dots = {.x = s->q,
                            .y = s->scores,
                            .x_stride = a->head_dim,
                            .w_stride = a->kv_heads * a->head_dim,
                            .y_stride = GEMM_STRIDE,
                            .rows = queries,
                            .outs = n,
                            .width = a->head_dim};
    size_t first = (key * a->kv_heads + head) * a->head_dim;
    dots.w = (const char *)a->k + first * (a->bf16 ? 2 : 4);
    if (a->bf16)
        dots_bf16(&dots);
    else
        dots_f32(&dots);
}

static void attend(const struct cpu_attend *a, size_t head, size_t t, size_t rows, size_t lo,
                   size_t hi, float *sums, void *scratch) {
    struct attend_scratch *s = scratch;
    size_t group = a->heads / a->kv_heads, queries = rows * group, size = a->head_dim + 2;
    memset(sums, 0, queries * size * sizeof *sums);
    for (size_t i = 0; i < queries; i++)
        sums[i * size] = CPU_ATTEND_NONE;
    for (size_t i = queries; i < GEMM_LEAST; i++)
        memset(s->scores + i * GEMM_STRIDE, 0, ATTEND_KEYS * sizeof *s->scores);
    attend_queries(a, s->q, head, t, rows);
    for (size_t key = lo; key < hi; key += ATTEND_KEYS) {
        size_t n = hi - key < ATTEND_KEYS ? hi - key : ATTEND_KEYS;
        attend_scores(a, s, head, key, n, queries);
        for (size_t i = 0; i < queries; i++) {
            struct cpu_attend_keys seen = cpu_attend_seen(a, t + i / group);
            size_t from = seen.lo > key ? seen.lo - key : 0, to = seen.hi > key ? seen.hi - key : 0;
            attend_softmax(s->scores + i * GEMM_STRIDE, (n + VEC - 1) / VEC * VEC,
                           from < n ? from : n, to < n ? to : n, sums + i * size, a->head_dim);
        }
        attend_values(a, s, head, key, n, queries, sums);
    }
}

#endif
