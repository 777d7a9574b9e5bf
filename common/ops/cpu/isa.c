/* The kernels for one instruction set. Compiled several times; ISA_TABLE names the table. */
#if defined __AVX512BF16__
#include "common/ops/cpu/vec_avx512.h"
#define ISA_NAME "avx512bf16"
#elif defined __AVX512F__
#include "common/ops/cpu/vec_avx512.h"
#if defined __AVX512VNNI__
#define ISA_NAME "vnni"
#else
#define ISA_NAME "avx512"
#endif
#elif defined __AVX2__
#include "common/ops/cpu/vec_avx2.h"
#define ISA_NAME "avx2"
#elif defined ISA_NEON
#include "common/ops/cpu/vec_neon.h"
#if defined __ARM_FEATURE_DOTPROD
#define ISA_NAME "dotprod"
#else
#define ISA_NAME "neon"
#endif
#else
#include "common/ops/cpu/vec_portable.h"
#define ISA_NAME "portable"
#endif

#include "common/ops/cpu/kernels.h"

#include "common/ops/cpu/bytes.h"
#include "common/ops/cpu/ceiling.h"
#include "common/ops/cpu/dots.h"
#include "common/ops/cpu/math.h"

#include "common/ops/cpu/finish.h"
#include "common/ops/cpu/gemm.h"
#include "common/ops/cpu/quant.h"

#include "common/ops/cpu/gemm_quant.h"
#include "common/ops/cpu/rows.h"

#include "common/ops/cpu/attend.h"

extern const struct cpu_kernels ISA_TABLE;
const struct cpu_kernels ISA_TABLE = {
    .name = ISA_NAME,
    .dots_f32 = dots_f32,
    .dots_bf16 = dots_bf16,
    .quantise = quantise,
    .dots_quant = dots_quant,
    .widen = widen,
    .gemm_f32 = gemm_f32,
    .gemm_bf16 = gemm_bf16,
#ifdef VEC_PAIRS
    .gemm_pairs = gemm_pairs,
    .gemm_quant_pairs = gemm_quant_pairs,
#endif
    .gemm_quant = gemm_quant,
    .gemm_scratch = sizeof(struct gemm_quant_scratch),
    .gemm_outs = GEMM_OUTS,
    .gemm_rows = GEMM_BLOCK,
    .finish = finish,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .silu_mul = silu_mul,
    .snake = snake,
    .add_scaled = add_scaled,
    .attend = attend,
    .attend_scratch = attend_scratch,
    .ceiling_fma = ceiling_fma,
    .ceiling_read = ceiling_read,
};
