#include "common/weights/quant.h"

#include "common/weights/quant_blocks.h"
#include "common/weights/quant_fit.h"

#include <assert.h>
#include <math.h>

bool quant_known(enum tensor_dtype dtype) {
    return dtype == TENSOR_F32 || dtype == TENSOR_BF16 || dtype == TENSOR_F16 ||
           tensor_is_quantised(dtype);
}

/* ---- to f32 ---- */

static void widen_bf16(float *y, const uint16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_to_f32(x[i]);
}

static void widen_f16(float *y, const uint16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_half_to_f32(x[i]);
}

/* Block i, whose first number goes to y. */
static void widen_block(float *y, const void *src, enum tensor_dtype dtype, size_t i) {
    switch (dtype) {
    case TENSOR_Q8_0:
        quant_widen_q8_0(y, (const struct quant_q8_0 *)src + i);
        break;
    case TENSOR_Q4_0:
        quant_widen_q4_0(y, (const struct quant_q4_0 *)src + i);
        break;
    case TENSOR_Q4_K:
        quant_widen_q4_k(y, (const struct quant_q4_k *)src + i);
        break;
    case TENSOR_Q5_K:
        quant_widen_q5_k(y, (const struct quant_q5_k *)src + i);
        break;
    default:
        assert(dtype == TENSOR_Q6_K);
        quant_widen_q6_k(y, (const struct quant_q6_k *)src + i);
    }
}

void quant_widen(float *dst, const void *src, enum tensor_dtype dtype, size_t n) {
    size_t block = tensor_dtype_block(dtype);
    assert(quant_known(dtype) && n % block == 0);
    if (dtype == TENSOR_F32)
        memcpy(dst, src, n * sizeof *dst);
    else if (dtype == TENSOR_BF16)
        widen_bf16(dst, src, n);
    else if (dtype == TENSOR_F16)
        widen_f16(dst, src, n);
    else
        for (size_t i = 0; i < n / block; i++)
            widen_block(dst + i * block, src, dtype, i);
}

/* ---- from f32 ---- */

static void narrow_bf16(uint16_t *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_from_f32(x[i]);
}

static void narrow_f16(uint16_t *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bf16_half_from_f32(x[i]);
}

/* To the nearest integer, halves away from zero: roundf() without a call, |v| < 2^31. */
static inline int32_t round_away(float v) {
    int32_t whole = (int32_t)v;
    float rest = v - (float)whole;
    return whole + (rest >= 0.5F) - (rest <= -0.5F);
}

static void narrow_q8_0(struct quant_q8_0 *b, const float *x) {
    float most = 0;
    for (size_t i = 0; i < 32; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    float d = most / 127, inverse = d != 0 ? 1 / d : 0;
    b->d = bf16_half_from_f32(d);
    for (size_t i = 0; i < 32; i++)
        b->q[i] = (int8_t)round_away(x[i] * inverse);
}

/* The number farthest from zero becomes -8 d. In double, as gguf-py has it: ggml's own sum in float
 * depends on whether the compiler fuses it. */
static void narrow_q4_0(struct quant_q4_0 *b, const float *x) {
    float most = 0;
    for (size_t i = 0; i < 32; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    float d = most / -8, inverse = d != 0 ? 1 / d : 0;
    uint8_t q[32];
    for (size_t i = 0; i < 32; i++) {
        float v = (float)((double)x[i] * (double)inverse + 8.5);
        q[i] = v >= 15 ? 15 : (uint8_t)v;
    }
    b->d = bf16_half_from_f32(d);
    for (size_t i = 0; i < 16; i++)
        b->q[i] = (uint8_t)(q[i] | q[16 + i] << 4);
}

static void narrow_block(void *dst, const float *x, enum tensor_dtype dtype, size_t i) {
    switch (dtype) {
    case TENSOR_Q8_0:
        narrow_q8_0((struct quant_q8_0 *)dst + i, x);
        break;
    case TENSOR_Q4_0:
        narrow_q4_0((struct quant_q4_0 *)dst + i, x);
        break;
    case TENSOR_Q4_K:
        quant_fit_q4_k((struct quant_q4_k *)dst + i, x);
        break;
    case TENSOR_Q5_K:
        quant_fit_q5_k((struct quant_q5_k *)dst + i, x);
        break;
    default:
        assert(dtype == TENSOR_Q6_K);
        quant_fit_q6_k((struct quant_q6_k *)dst + i, x);
    }
}

void quant_narrow(void *dst, const float *src, enum tensor_dtype dtype, size_t n) {
    size_t block = tensor_dtype_block(dtype);
    assert(quant_known(dtype) && n % block == 0);
    if (dtype == TENSOR_F32)
        memcpy(dst, src, n * sizeof *src);
    else if (dtype == TENSOR_BF16)
        narrow_bf16(dst, src, n);
    else if (dtype == TENSOR_F16)
        narrow_f16(dst, src, n);
    else
        for (size_t i = 0; i < n / block; i++)
            narrow_block(dst, src + i * block, dtype, i);
}
