/* bytes: 32 small integers at once and their scalar products, in the compiler's own vectors except
 * where an instruction set has a dot product. Included by isa.c. */
#ifndef OPS_CPU_BYTES_H
#define OPS_CPU_BYTES_H

#include "common/base/bf16.h"

#include <stdint.h>
#include <string.h>

typedef uint8_t bytes __attribute__((vector_size(32)));
typedef int32_t counts __attribute__((vector_size(32)));
typedef float sums __attribute__((vector_size(32)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t pairs __attribute__((vector_size(32)));
typedef uint16_t halves __attribute__((vector_size(16)));

static inline bytes bytes_load(const void *p) {
    bytes v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* One after the other. */
static inline bytes bytes_pair(bytes16 a, bytes16 b) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}

/* v >> right & mask of each byte; right may be negative. Shifted are pairs of bytes, as processors
 * do; what comes over from the neighbour is not in the masks that are used. */
static inline bytes bytes_field(bytes v, int right, uint8_t mask) {
    pairs p = (pairs)v;
    p = right < 0 ? p << -right : p >> right;
    return (bytes)p & mask;
}

static inline sums sums_load(const float *p) {
    sums v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void sums_store(float *p, sums v) {
    memcpy(p, &v, sizeof v);
}

static inline sums sums_set(float f) {
    return (sums){f, f, f, f, f, f, f, f};
}

static inline sums sums_size(sums v) {
    return (sums)((counts)v & 0x7fffffff);
}

static inline sums sums_larger(sums a, sums b) {
    counts larger = a > b;
    return (sums)((larger & (counts)a) | (~larger & (counts)b));
}

static inline float sums_largest(sums v) {
    float most = v[0];
    for (int i = 1; i < 8; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}

static inline float sums_all(sums v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/* Lanes i, i, i + 1, i + 1, .. */
static inline sums sums_twice(sums v, int i) {
    return (sums){v[i], v[i], v[i + 1], v[i + 1], v[i + 2], v[i + 2], v[i + 3], v[i + 3]};
}

static inline sums sums_of(counts v) {
    return __builtin_convertvector(v, sums);
}

/* Eight bytes, one after the other, as numbers: unsigned, or signed. */
#if defined __AVX2__
static inline sums sums_bytes(uint64_t eight) {
    return sums_of((counts)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)eight)));
}

static inline sums sums_signed(uint64_t eight) {
    return sums_of((counts)_mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)eight)));
}
#else
static inline sums sums_bytes(uint64_t eight) {
    sums v;
    for (int i = 0; i < 8; i++)
        v[i] = (float)(uint8_t)(eight >> 8 * i);
    return v;
}

static inline sums sums_signed(uint64_t eight) {
    sums v;
    for (int i = 0; i < 8; i++)
        v[i] = (float)(int8_t)(eight >> 8 * i);
    return v;
}
#endif

/* binary16 numbers. */
#if defined __F16C__
static inline sums sums_halves(halves h) {
    return (sums)_mm256_cvtph_ps((__m128i)h);
}

static inline float half_wide(uint16_t h) {
    return _cvtsh_ss(h);
}
#elif defined ISA_NEON
static inline sums sums_halves(halves h) {
    union {
        float32x4_t half[2];
        sums all;
    } v;
    float16x8_t wide = vreinterpretq_f16_u16((uint16x8_t)h);
    v.half[0] = vcvt_f32_f16(vget_low_f16(wide));
    v.half[1] = vcvt_high_f32_f16(wide);
    return v.all;
}

static inline float half_wide(uint16_t h) {
    __fp16 f;
    memcpy(&f, &h, sizeof f);
    return (float)f;
}
#else
static inline sums sums_halves(halves h) {
    sums v;
    for (int i = 0; i < 8; i++)
        v[i] = bf16_half_to_f32(h[i]);
    return v;
}

static inline float half_wide(uint16_t h) {
    return bf16_half_to_f32(h);
}
#endif

/* Lane i is the sum of the four products u[4 i + j] x[4 i + j]: u unsigned, at most 127 (bytes_dot)
 * or signed (bytes_dot_signed), x signed, not -128. */
#if defined __AVX512VNNI__ && defined __AVX512VL__
static inline counts bytes_dot(bytes u, bytes x) {
    return (counts)_mm256_dpbusd_epi32(_mm256_setzero_si256(), (__m256i)u, (__m256i)x);
}
#elif defined __AVX2__
static inline counts bytes_dot(bytes u, bytes x) {
    __m256i twos = _mm256_maddubs_epi16((__m256i)u, (__m256i)x);
    return (counts)_mm256_madd_epi16(twos, _mm256_set1_epi16(1));
}
#endif

#if defined __AVX2__
/* |w| times x with w's sign. */
static inline counts bytes_dot_signed(bytes w, bytes x) {
    bytes size = (bytes)_mm256_abs_epi8((__m256i)w);
    return bytes_dot(size, (bytes)_mm256_sign_epi8((__m256i)x, (__m256i)w));
}
#elif defined ISA_NEON
static inline int32x4_t bytes_quads(int8x16_t w, int8x16_t x) {
#if defined __ARM_FEATURE_DOTPROD
    return vdotq_s32(vdupq_n_s32(0), w, x);
#else
    int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x)));
    return vpaddq_s32(low, vpaddlq_s16(vmull_high_s8(w, x)));
#endif
}

static inline counts bytes_dot_signed(bytes w, bytes x) {
    union {
        bytes all;
        int8x16_t half[2];
    } a = {w}, b = {x};
    union {
        counts all;
        int32x4_t half[2];
    } dot;
    dot.half[0] = bytes_quads(a.half[0], b.half[0]);
    dot.half[1] = bytes_quads(a.half[1], b.half[1]);
    return dot.all;
}

static inline counts bytes_dot(bytes u, bytes x) {
    return bytes_dot_signed(u, x);
}
#else
static inline counts bytes_dot_signed(bytes w, bytes x) {
    int8_t a[32], b[32];
    int32_t dot[8];
    counts all;
    memcpy(a, &w, sizeof a);
    memcpy(b, &x, sizeof b);
    for (int i = 0; i < 8; i++)
        dot[i] = a[4 * i] * b[4 * i] + a[4 * i + 1] * b[4 * i + 1] + a[4 * i + 2] * b[4 * i + 2] +
                 a[4 * i + 3] * b[4 * i + 3];
    memcpy(&all, dot, sizeof all);
    return all;
}

static inline counts bytes_dot(bytes u, bytes x) {
    return bytes_dot_signed(u, x);
}
#endif

#endif
