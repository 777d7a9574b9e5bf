/* Products of many rows with quantised weights; included by isa.c after gemm.h and quant.h. A
 * panel's weights are made f32, or pairs of bf16, before they are packed; for so many rows that is
 * a small part. */
#ifndef OPS_CPU_GEMM_QUANT_H
#define OPS_CPU_GEMM_QUANT_H

#include "common/ops/cpu/kernels.h"
#include "common/weights/quant_blocks.h"

struct gemm_quant_scratch {
    struct gemm_scratch gemm;
    float wide[GEMM_OUTS * GEMM_WIDTH]; /* rows of weights as words */
    float row[2 * GEMM_WIDTH];
};

_Static_assert(GEMM_WIDTH % QUANT_LARGE == 0, "a panel is whole blocks");

/* Columns [k, k + width) of rows [n, n + outs) of w as words, GEMM_WIDTH apart. */
static inline void gemm_widen(struct gemm_quant_scratch *s, const struct cpu_gemm *g, size_t n,
                              size_t outs, size_t k, size_t width, bool pairs) {
    size_t block = tensor_dtype_block(g->dtype), size = tensor_dtype_size(g->dtype);
    const char *w = (const char *)g->w + (n * g->width + k) / block * size;
    for (size_t j = 0; j < outs; j++) {
        float *words = s->wide + j * GEMM_WIDTH;
        widen(pairs ? s->row : words, w + j * (g->width / block) * size, g->dtype, width);
        if (pairs)
            gemm_row(words, s->row, width, true);
    }
}

/* Adds columns [k, k + width) to outputs [n, n + outs) of the block of x. */
static inline __attribute__((always_inline)) void
gemm_quant_columns(const struct cpu_gemm *g, struct gemm_quant_scratch *s, size_t t, size_t rows,
                   size_t n, size_t outs, size_t k, size_t width, bool pairs) {
    size_t words = pairs ? width / 2 : width;
    bool add = g->add || k > 0;
    for (size_t i = 0; i < rows; i++)
        gemm_row(s->gemm.x + i * GEMM_STRIDE, g->x + (t + i) * g->width + k, width, pairs);
    for (size_t i = rows; i < GEMM_LEAST; i++)
        memset(s->gemm.x + i * GEMM_STRIDE, 0, words * sizeof *s->gemm.x);
    for (size_t j = 0; j < outs; j += GEMM_OUTS) {
        size_t some = outs - j < GEMM_OUTS ? outs - j : GEMM_OUTS;
        float *y = g->y + t * g->outs + n + j;
        gemm_widen(s, g, n + j, some, k, width, pairs);
        gemm_pack(s->gemm.panel, s->wide, GEMM_WIDTH, some, words, GEMM_F32);
        if (some == GEMM_OUTS)
            gemm_panel(y, g->outs, s->gemm.x, s->gemm.panel, words, rows, add, pairs);
        else
            gemm_part(&s->gemm, y, g->outs, words, rows, some, add, pairs);
    }
}

static inline __attribute__((always_inline)) void gemm_quantised(const struct cpu_gemm *g, size_t t,
                                                                 size_t rows, size_t n, size_t outs,
                                                                 void *scratch, bool pairs) {
    size_t step = pairs ? 2 * GEMM_WIDTH : GEMM_WIDTH;
    for (size_t k = 0; k < g->width; k += step)
        gemm_quant_columns(g, scratch, t, rows, n, outs, k,
                           g->width - k < step ? g->width - k : step, pairs);
    for (size_t i = 0; g->bias && i < rows; i++)
        finish(g->y + (t + i) * g->outs + n, g->bias + n, outs, g->act);
}

static void gemm_quant(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                       void *scratch) {
    gemm_quantised(g, t, rows, n, outs, scratch, false);
}

#ifdef VEC_PAIRS
static void gemm_quant_pairs(const struct cpu_gemm *g, size_t t, size_t rows, size_t n, size_t outs,
                             void *scratch) {
    gemm_quantised(g, t, rows, n, outs, scratch, true);
}
#endif

#endif
