/* vec: sixteen floats of AVX-512 (F, BW, VL, DQ, and BF16 where the flags say so); see
 * vec_portable.h. */
#ifndef OPS_CPU_VEC_AVX512_H
#define OPS_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512 vec;

enum { VEC = 16, VEC_REGISTERS = 32 };

static inline vec vec_set(float f) {
    return _mm512_set1_ps(f);
}

static inline vec vec_load(const float *p) {
    return _mm512_loadu_ps(p);
}

static inline vec vec_load_bf16(const uint16_t *p) {
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void vec_store(float *p, vec v) {
    _mm512_storeu_ps(p, v);
}

static inline vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c) {
    return _mm512_fnmadd_ps(a, b, c);
}

#ifdef __AVX512BF16__
/* Pairs of bf16 can be multiplied: a vector is VEC of them. */
#define VEC_PAIRS

/* 2 VEC floats, rounded. */
static inline vec vec_pairs(const float *p) {
    return (vec)_mm512_cvtne2ps_pbh(vec_load(p + VEC), vec_load(p));
}

/* sum + first a * first b + second a * second b */
static inline vec vec_dot(vec a, vec b, vec sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#endif

static inline vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}

static inline vec vec_abs(vec v) {
    return _mm512_abs_ps(v);
}

static inline vec vec_copysign(vec magnitude, vec sign) {
    return _mm512_or_ps(vec_abs(magnitude), _mm512_and_ps(vec_set(-0.0F), sign));
}

static inline vec vec_round(vec v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_scale2(vec v, vec n) {
    return _mm512_scalef_ps(v, n);
}

static inline float vec_sum(vec v) {
    return _mm512_reduce_add_ps(v);
}

static inline void vec_sum4(float p[4], const vec v[4]) {
    vec a = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    vec b = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    vec s = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    __m256 t = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1)));
}

static inline float vec_largest(vec v) {
    return _mm512_reduce_max_ps(v);
}

/* First 4x4 blocks inside the 128-bit quarters, then the quarters. */
static inline void vec_transpose(vec v[VEC]) {
    vec pairs[VEC], quads[VEC];
    for (int i = 0; i < VEC; i += 2) {
        pairs[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < VEC; i += 4) {
        quads[i] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm512_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm512_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        vec even0 = _mm512_shuffle_f32x4(quads[i], quads[4 + i], 0x88);
        vec even1 = _mm512_shuffle_f32x4(quads[8 + i], quads[12 + i], 0x88);
        vec odd0 = _mm512_shuffle_f32x4(quads[i], quads[4 + i], 0xdd);
        vec odd1 = _mm512_shuffle_f32x4(quads[8 + i], quads[12 + i], 0xdd);
        v[i] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        v[4 + i] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        v[8 + i] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        v[12 + i] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}

#endif
