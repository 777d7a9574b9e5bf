/* cpu kernels: the inner loops of the heavy ops, one table of them for each instruction set.
 *
 * common/ops/cpu/isa.c is compiled once for each instruction set the target architecture may have
 * (isa.mk); it includes the kernels (dots.h, gemm.h, ...), written once over the vectors of
 * vec_<isa>.h. run_init() takes the best table this machine can run; the environment variable
 * OMNI_ISA=portable|avx2|avx512|vnni|avx512bf16|neon|dotprod forces another. */
#ifndef OPS_CPU_KERNELS_H
#define OPS_CPU_KERNELS_H

#include "common/ops/ops.h"

/* y[t, n] = sum_{k < width} x[t, k] w[n, k]. Strides are elements between rows. */
struct cpu_dots {
    const float *x;
    const void *w; /* f32 or bf16 */
    float *y;
    size_t x_stride, w_stride, y_stride;
    size_t rows, outs, width;
    bool add; /* y += instead */
};

/* y[t, n] (+)= act(bias[n] + sum_{i < taps} sum_{c < width} w[n, i, c] x[t + i * dilation, c]), all
 * dense. bias NULL: nothing follows the sum. */
struct cpu_gemm {
    const float *x;
    const void *w; /* f32 or bf16, or of this type (f16, quantised), with one tap */
    enum tensor_dtype dtype;
    float *y;
    const float *bias;
    size_t outs, taps, width, dilation;
    enum op_act act;
    bool add; /* only without act */
};

/* A row of x as int8, each 32 numbers with their own scale: x[k] ~ scale[k / 32] q[k], |q| <= 127.
 * The arrays behind q are filled up with zeros to whole groups of eight. */
struct cpu_q8 {
    int8_t *q;
    float *scale, *sum; /* sum[j]: scale times the sum of 32 q, */
    float *half_sum;    /* of 16 */
};

/* Bytes of a row, a multiple of 32; where its parts are. width is a multiple of 32. */
static inline size_t cpu_q8_bytes(size_t width) {
    return width + (width / 32 + 7) / 8 * 8 * 4 * sizeof(float);
}

static inline struct cpu_q8 cpu_q8(void *row, size_t width) {
    size_t blocks = (width / 32 + 7) / 8 * 8;
    float *scale = (float *)(void *)((char *)row + width);
    return (struct cpu_q8){row, scale, scale + blocks, scale + 2 * blocks};
}

/* y[t, n] (+)= sum_{k < width} x[t, k] w[n, k] with quantised w and x. */
struct cpu_quant {
    const void *x; /* rows as quantise() makes them, cpu_q8_bytes(width) apart */
    const void *w; /* dense rows */
    enum tensor_dtype dtype;
    float *y;
    size_t y_stride; /* floats */
    size_t rows, outs, width;
    bool add;
};

/* softmax(q k^T head_dim^-0.5) v; query row t sees the keys cpu_attend_seen(a, t). */
struct cpu_attend {
    const float *q;    /* [rows, heads, head_dim] */
    const void *k, *v; /* [keys, kv_heads, head_dim] */
    bool bf16;         /* k and v are; else f32 */
    size_t heads, kv_heads, head_dim;
    size_t block; /* > 0: row t sees keys of its own block of this many, n_keys in all, */
    size_t n_keys;
    size_t at, window; /* else (at + t - window, at + t], with window 0 from 0 */
};

struct cpu_attend_keys {
    size_t lo, hi; /* keys lo <= s < hi */
};

static inline struct cpu_attend_keys cpu_attend_seen(const struct cpu_attend *a, size_t t) {
    struct cpu_attend_keys keys = {.hi = a->at + t + 1};
    if (a->block) {
        keys.lo = t / a->block * a->block;
        keys.hi = keys.lo + a->block < a->n_keys ? keys.lo + a->block : a->n_keys;
    } else if (a->window && keys.hi > a->window) {
        keys.lo = keys.hi - a->window;
    }
    return keys;
}

/* What attend gives for each query: the largest score, the sum of exp(score - largest), and the
 * values' sum with these weights. Without keys the largest is CPU_ATTEND_NONE. */
#define CPU_ATTEND_NONE (-1e30F)
enum { CPU_ATTEND_QUERIES = 48 }; /* rows * heads / kv_heads at most */

struct cpu_kernels {
    const char *name; /* portable, avx2, .. */

    /* For few rows (dots.h). */
    void (*dots_f32)(const struct cpu_dots *d);
    void (*dots_bf16)(const struct cpu_dots *d);

    /* The same with quantised weights (quant.h): numbers [first, first + n) of a row of x of
     * `width` to int8, all multiples of 32; the products; n weights, whole blocks, or f16, as
     * f32. */
    void (*quantise)(void *row, const float *x, size_t width, size_t first, size_t n);
    void (*dots_quant)(const struct cpu_quant *d);
    void (*widen)(float *y, const void *w, enum tensor_dtype dtype, size_t n);

    /* For many (gemm.h): rows [t, t + rows), outputs [n, n + outs). */
    void (*gemm_f32)(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                     void *scratch);
    void (*gemm_bf16)(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                      void *scratch);
    /* The same as gemm_bf16 with x rounded to bf16; NULL where that is no faster. */
    void (*gemm_pairs)(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                       void *scratch);
    /* With quantised weights, or f16; the second, with quantised ones, rounds both to bf16. */
    void (*gemm_quant)(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                       void *scratch);
    void (*gemm_quant_pairs)(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                             void *scratch);
    size_t gemm_scratch; /* bytes, 64-byte aligned */
    size_t gemm_outs;    /* n is a multiple of this */
    size_t gemm_rows;    /* rows at most */

    /* y[i] = act(y[i] + bias[i]), i < n (finish.h). */
    void (*finish)(float *y, const float *bias, size_t n, enum op_act act);

    /* One row of n numbers; y may be x or gate (rows.h). */
    void (*rms_norm)(float *y, const float *x, const float *w, float eps, size_t n);
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, float eps,
                       size_t n);
    void (*silu_mul)(float *y, const float *gate, const float *up, size_t n);
    /* y += scale x */
    void (*add_scaled)(float *y, const float *x, float scale, size_t n);
    /* y = x + magnitude sin(frequency x)^2 */
    void (*snake)(float *y, const float *x, const float *frequency, const float *magnitude,
                  size_t n);

    /* Query rows [t, t + rows) in the heads of kv head `head` over those of keys [lo, hi) they see
     * (attend.h). sums: [rows, heads / kv_heads, 2 + head_dim]. */
    void (*attend)(const struct cpu_attend *a, size_t head, size_t t, size_t rows, size_t lo,
                   size_t hi, float *sums, void *scratch);
    size_t (*attend_scratch)(size_t head_dim); /* bytes, 64-byte aligned */

    /* For `make bench` (ceiling.h). */
    double (*ceiling_fma)(size_t n, float *sink);
    void (*ceiling_read)(const float *p, size_t n, float *sink);
};

/* The tables this machine can run, portable first, the best last; NULL behind the last. */
const struct cpu_kernels *cpu_kernels_nth(size_t i);
const struct cpu_kernels *cpu_kernels_best(void);
/* NULL if there is none of this name, or this machine cannot run it. */
const struct cpu_kernels *cpu_kernels_find(const char *name);

#endif
