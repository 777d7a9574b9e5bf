/* Scalar products; included by isa.c after a vec_<isa>.h. */
#ifndef OPS_CPU_DOT_H
#define OPS_CPU_DOT_H

#include "common/base/bf16.h"

static float dot_f32(const float *x, const float *w, size_t n) {
    vec sum0 = vec_set(0), sum1 = vec_set(0);
    size_t i = 0;
    for (; i + 2 * VEC <= n; i += 2 * VEC) {
        sum0 = vec_fma(vec_load(x + i), vec_load(w + i), sum0);
        sum1 = vec_fma(vec_load(x + i + VEC), vec_load(w + i + VEC), sum1);
    }
    float sum = vec_sum(sum0) + vec_sum(sum1);
    for (; i < n; i++)
        sum += x[i] * w[i];
    return sum;
}

static float dot_bf16(const float *x, const uint16_t *w, size_t n) {
    vec sum0 = vec_set(0), sum1 = vec_set(0);
    size_t i = 0;
    for (; i + 2 * VEC <= n; i += 2 * VEC) {
        sum0 = vec_fma(vec_load(x + i), vec_load_bf16(w + i), sum0);
        sum1 = vec_fma(vec_load(x + i + VEC), vec_load_bf16(w + i + VEC), sum1);
    }
    float sum = vec_sum(sum0) + vec_sum(sum1);
    for (; i < n; i++)
        sum += x[i] * bf16_to_f32(w[i]);
    return sum;
}

#endif
