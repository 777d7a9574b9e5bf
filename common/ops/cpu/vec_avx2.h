/* vec: eight floats of AVX2 with FMA; see vec_portable.h. */
#ifndef OPS_CPU_VEC_AVX2_H
#define OPS_CPU_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256 vec;

enum { VEC = 8 };

static inline vec vec_set(float f) {
    return _mm256_set1_ps(f);
}

static inline vec vec_load(const float *p) {
    return _mm256_loadu_ps(p);
}

static inline vec vec_load_bf16(const uint16_t *p) {
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline void vec_store(float *p, vec v) {
    _mm256_storeu_ps(p, v);
}

static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}

static inline float vec_sum(vec v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

#endif
