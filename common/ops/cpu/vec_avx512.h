/* vec: sixteen floats of AVX-512 (F, BW, VL, DQ); see vec_portable.h. */
#ifndef OPS_CPU_VEC_AVX512_H
#define OPS_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512 vec;

enum { VEC = 16 };

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

static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

static inline float vec_sum(vec v) {
    return _mm512_reduce_add_ps(v);
}

#endif
