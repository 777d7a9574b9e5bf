/* The kernels for one instruction set. Compiled several times; ISA_TABLE names the table. */
#if defined __AVX512F__
#include "common/ops/cpu/vec_avx512.h"
#define ISA_NAME "avx512"
#elif defined __AVX2__
#include "common/ops/cpu/vec_avx2.h"
#define ISA_NAME "avx2"
#elif defined ISA_NEON
#include "common/ops/cpu/vec_neon.h"
#define ISA_NAME "neon"
#else
#include "common/ops/cpu/vec_portable.h"
#define ISA_NAME "portable"
#endif

#include "common/ops/cpu/kernels.h"

#include "common/ops/cpu/dot.h"

extern const struct cpu_kernels ISA_TABLE;
const struct cpu_kernels ISA_TABLE = {
    .name = ISA_NAME,
    .dot_f32 = dot_f32,
    .dot_bf16 = dot_bf16,
};
