/* cpu kernels: the inner loops of the heavy ops, one table of them for each instruction set.
 *
 * common/ops/cpu/isa.c is compiled once for each instruction set the target architecture may have
 * (isa.mk); it includes the kernels, written once over the vectors of vec_<isa>.h. run_init()
 * takes the best table this machine can run; OMNI_ISA=portable|avx2|avx512|neon forces another. */
#ifndef OPS_CPU_KERNELS_H
#define OPS_CPU_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct cpu_kernels {
    const char *name; /* portable, avx2, avx512, neon */
    /* sum of x[i] w[i], i < n */
    float (*dot_f32)(const float *x, const float *w, size_t n);
    float (*dot_bf16)(const float *x, const uint16_t *w, size_t n);
};

/* The tables this machine can run, portable first, the best last; NULL behind the last. */
const struct cpu_kernels *cpu_kernels_nth(size_t i);
const struct cpu_kernels *cpu_kernels_best(void);
/* NULL if there is none of this name, or this machine cannot run it. */
const struct cpu_kernels *cpu_kernels_find(const char *name);

#endif
