/* vec: four floats of NEON (64-bit ARM); see vec_portable.h. */
#ifndef OPS_CPU_VEC_NEON_H
#define OPS_CPU_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

typedef float32x4_t vec;

enum { VEC = 4 };

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

static inline vec vec_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}

static inline float vec_sum(vec v) {
    return vaddvq_f32(v);
}

#endif
