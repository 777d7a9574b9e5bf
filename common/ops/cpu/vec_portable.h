/* vec: four floats, in the compiler's own vectors. The same names mean the same in vec_avx2.h,
 * vec_avx512.h and vec_neon.h; exactly one of them is included by isa.c. */
#ifndef OPS_CPU_VEC_PORTABLE_H
#define OPS_CPU_VEC_PORTABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(16)));

enum { VEC = 4 };

static inline vec vec_set(float f) {
    return (vec){f, f, f, f};
}

static inline vec vec_load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

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

/* a * b + c */
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}

static inline float vec_sum(vec v) {
    return (v[0] + v[2]) + (v[1] + v[3]);
}

#endif
