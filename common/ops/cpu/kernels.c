#include "common/ops/cpu/kernels.h"

#include <stdbool.h>
#include <string.h>

extern const struct cpu_kernels cpu_portable;

#if defined __x86_64__
extern const struct cpu_kernels cpu_avx2, cpu_avx512, cpu_vnni, cpu_avx512bf16;

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

static bool has_vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512bf16(void) {
    return has_vnni() && __builtin_cpu_supports("avx512bf16");
}

const struct cpu_kernels *cpu_kernels_nth(size_t i) {
    const struct cpu_kernels *all[] = {
        &cpu_portable, has_avx2() ? &cpu_avx2 : NULL, has_avx512() ? &cpu_avx512 : NULL,
        has_vnni() ? &cpu_vnni : NULL, has_avx512bf16() ? &cpu_avx512bf16 : NULL};
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}
#elif defined __aarch64__
#include <sys/auxv.h>

extern const struct cpu_kernels cpu_neon, cpu_dotprod;

/* On 64-bit ARM NEON is always there, its dot product from 8.2 on in most. */
static bool has_dotprod(void) {
    const unsigned long asimddp = 1UL << 20; /* of Linux's AT_HWCAP */
    return getauxval(AT_HWCAP) & asimddp;
}

const struct cpu_kernels *cpu_kernels_nth(size_t i) {
    const struct cpu_kernels *all[] = {&cpu_portable, &cpu_neon,
                                       has_dotprod() ? &cpu_dotprod : NULL};
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}
#else
const struct cpu_kernels *cpu_kernels_nth(size_t i) {
    return i == 0 ? &cpu_portable : NULL;
}
#endif

const struct cpu_kernels *cpu_kernels_best(void) {
    size_t n = 1;
    while (cpu_kernels_nth(n))
        n++;
    return cpu_kernels_nth(n - 1);
}

const struct cpu_kernels *cpu_kernels_find(const char *name) {
    for (size_t i = 0; cpu_kernels_nth(i); i++)
        if (strcmp(cpu_kernels_nth(i)->name, name) == 0)
            return cpu_kernels_nth(i);
    return NULL;
}
