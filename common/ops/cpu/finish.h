/* What follows a product: bias and activation; included by isa.c after math.h. */
#ifndef OPS_CPU_FINISH_H
#define OPS_CPU_FINISH_H

#include "common/ops/cpu/kernels.h"

#include <string.h>

static inline vec finish_vec(vec v, enum op_act act) {
    if (act == OP_SILU)
        return vec_div(v, vec_add(vec_set(1), math_exp(vec_sub(vec_set(0), v))));
    if (act == OP_GELU)
        return vec_mul(vec_mul(vec_set(0.5F), v),
                       vec_add(vec_set(1), math_erf(vec_mul(v, vec_set(0.70710678F)))));
    return v;
}

/* The last vector is filled up with zeros, so that every number meets the same operations. */
static inline __attribute__((always_inline)) void finish_act(float *y, const float *bias, size_t n,
                                                             enum op_act act) {
    size_t i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store(y + i, finish_vec(vec_add(vec_load(y + i), vec_load(bias + i)), act));
    if (i < n) {
        float last[2][VEC] = {0};
        memcpy(last[0], y + i, (n - i) * sizeof *y);
        memcpy(last[1], bias + i, (n - i) * sizeof *y);
        vec_store(last[0], finish_vec(vec_add(vec_load(last[0]), vec_load(last[1])), act));
        memcpy(y + i, last[0], (n - i) * sizeof *y);
    }
}

static void finish(float *y, const float *bias, size_t n, enum op_act act) {
    switch (act) {
    case OP_NONE:
        finish_act(y, bias, n, OP_NONE);
        break;
    case OP_GELU:
        finish_act(y, bias, n, OP_GELU);
        break;
    case OP_SILU:
        finish_act(y, bias, n, OP_SILU);
        break;
    }
}

#endif
