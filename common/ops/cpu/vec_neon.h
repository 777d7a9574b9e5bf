/* vec: four floats of NEON (64-bit ARM); see vec_portable.h. */
#ifndef OPS_CPU_VEC_NEON_H
#define OPS_CPU_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

typedef float32x4_t vec;

enum { VEC = 4, VEC_REGISTERS = 32 };

static inline vec vec_set(float f) {
    return vdupq_n_f32(f);
}

static inline vec vec_load(const float *p) {
    return vld1q_f32(p);
}

static inline vec vec_load_bf16(const uint16_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

static inline void vec_store(float *p, vec v) {
    vst1q_f32(p, v);
}

static inline vec vec_add(vec a, vec b) {
    return vaddq_f32(a, b);
}

static inline vec vec_sub(vec a, vec b) {
    return vsubq_f32(a, b);
}

static inline vec vec_mul(vec a, vec b) {
    return vmulq_f32(a, b);
}

static inline vec vec_div(vec a, vec b) {
    return vdivq_f32(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}

static inline vec vec_fnma(vec a, vec b, vec c) {
    return vfmsq_f32(c, a, b);
}

static inline vec vec_max(vec a, vec b) {
    return vmaxq_f32(a, b);
}

static inline vec vec_min(vec a, vec b) {
    return vminq_f32(a, b);
}

static inline vec vec_abs(vec v) {
    return vabsq_f32(v);
}

static inline vec vec_copysign(vec magnitude, vec sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000), sign, magnitude);
}

static inline vec vec_round(vec v) {
    return vrndnq_f32(v);
}

static inline vec vec_scale2(vec v, vec n) {
    int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(v, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

static inline float vec_sum(vec v) {
    return vaddvq_f32(v);
}

static inline void vec_sum4(float p[4], const vec v[4]) {
    vst1q_f32(p, vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3])));
}

static inline float vec_largest(vec v) {
    return vmaxvq_f32(v);
}

static inline void vec_transpose(vec v[VEC]) {
    float32x4x2_t a = vzipq_f32(v[0], v[2]), b = vzipq_f32(v[1], v[3]);
    float32x4x2_t even = vzipq_f32(a.val[0], b.val[0]), odd = vzipq_f32(a.val[1], b.val[1]);
    v[0] = even.val[0];
    v[1] = even.val[1];
    v[2] = odd.val[0];
    v[3] = odd.val[1];
}

#endif
