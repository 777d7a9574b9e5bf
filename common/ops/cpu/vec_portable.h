/* vec: a few floats at once, here four in the compiler's own vectors. The same names mean the same
 * in vec_avx2.h, vec_avx512.h and vec_neon.h; isa.c includes exactly one of them. */
#ifndef OPS_CPU_VEC_PORTABLE_H
#define OPS_CPU_VEC_PORTABLE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(16)));
typedef int32_t vec_int __attribute__((vector_size(16)));

/* Lanes of a vector; registers that hold vectors. */
enum { VEC = 4, VEC_REGISTERS = 16 };

static inline vec vec_set(float f) {
    return (vec){f, f, f, f};
}

static inline vec vec_load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* VEC bf16 numbers, widened. */
static inline vec vec_load_bf16(const uint16_t *p) {
    uint32_t u[VEC] = {(uint32_t)p[0] << 16, (uint32_t)p[1] << 16, (uint32_t)p[2] << 16,
                       (uint32_t)p[3] << 16};
    vec v;
    memcpy(&v, u, sizeof v);
    return v;
}

static inline void vec_store(float *p, vec v) {
    memcpy(p, &v, sizeof v);
}

static inline vec vec_add(vec a, vec b) {
    return a + b;
}

static inline vec vec_sub(vec a, vec b) {
    return a - b;
}

static inline vec vec_mul(vec a, vec b) {
    return a * b;
}

static inline vec vec_div(vec a, vec b) {
    return a / b;
}

/* a * b + c */
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}

/* c - a * b */
static inline vec vec_fnma(vec a, vec b, vec c) {
    return c - a * b;
}

/* b if either is NaN. */
static inline vec vec_max(vec a, vec b) {
    vec_int larger = a > b;
    return (vec)((larger & (vec_int)a) | (~larger & (vec_int)b));
}

static inline vec vec_min(vec a, vec b) {
    vec_int less = a < b;
    return (vec)((less & (vec_int)a) | (~less & (vec_int)b));
}

static inline vec vec_abs(vec v) {
    return (vec)((vec_int)v & 0x7fffffff);
}

/* |magnitude| with the sign of `sign`. */
static inline vec vec_copysign(vec magnitude, vec sign) {
    return (vec)(((vec_int)magnitude & 0x7fffffff) | ((vec_int)sign & (int32_t)0x80000000));
}

/* To the nearest integer, for |v| < 2^22. */
static inline vec vec_round(vec v) {
    vec magic = vec_set(0x1.8p23F);
    return v + magic - magic;
}

/* v * 2^n for integral n, -126 <= n <= 127. */
static inline vec vec_scale2(vec v, vec n) {
    return v * (vec)(__builtin_convertvector(n + 127.0F, vec_int) << 23);
}

static inline float vec_sum(vec v) {
    return (v[0] + v[2]) + (v[1] + v[3]);
}

/* p[i] = the sum of v[i]. */
static inline void vec_sum4(float p[4], const vec v[4]) {
    for (int i = 0; i < 4; i++)
        p[i] = vec_sum(v[i]);
}

static inline float vec_largest(vec v) {
    float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}

/* Row i, lane j becomes row j, lane i. */
static inline void vec_transpose(vec v[VEC]) {
    vec t[VEC];
    for (int i = 0; i < VEC; i++)
        t[i] = (vec){v[0][i], v[1][i], v[2][i], v[3][i]};
    for (int i = 0; i < VEC; i++)
        v[i] = t[i];
}

#endif
