/* row: what the CPU kernels of simple ops share. Private to this room. */
#ifndef OPS_ROW_H
#define OPS_ROW_H

#include "common/base/arena.h"
#include "common/base/bf16.h"
#include "common/ops/run.h"
#include "common/weights/quant.h"

#include <assert.h>

/* Threads that sleep are woken one after the other, each in the time of ROW_WAKE multiply-adds of a
 * long product. Other work in that unit, about. */
enum {
    ROW_WAKE = 1 << 15,
    ROW_NUMBERS = 4, /* so many numbers are one, if read in a row, changed a little and written */
    ROW_SHORT = 2,   /* a multiply-add, or a number copied, is so many where loops are short */
    ROW_LOGIT = 16,  /* a logit that is compared for each of the choices, and its exponential */
};

/* Is so much work, in multiply-adds, more than waking the threads for it? */
static inline bool row_pays(const struct run *run, size_t work) {
    return work / ROW_WAKE >= (size_t)run->threads;
}

/* Number i of a weight tensor, f32 or bf16 as stored. */
static inline float row_weight(const struct tensor *w, size_t i) {
    if (w->dtype == TENSOR_BF16)
        return bf16_to_f32(((const uint16_t *)w->data)[i]);
    return tensor_f32(w)[i];
}

/* All of w as f32: w itself if it is, else a copy in `scratch`. */
static inline const float *row_widen(struct arena *scratch, const struct tensor *w) {
    if (w->dtype == TENSOR_F32)
        return tensor_f32(w);
    size_t n = tensor_count(w);
    float *wide = arena_alloc(scratch, n * sizeof *wide);
    for (size_t i = 0; i < n; i++)
        wide[i] = row_weight(w, i);
    return wide;
}

/* Row `row` of a table of any type that weights have, as f32. */
static inline void row_numbers(float *y, const struct tensor *w, size_t row) {
    struct tensor one = tensor_rows(w, row, 1);
    quant_widen(y, one.data, w->dtype, tensor_row(w));
}

/* A matrix that the CPU's kernels make f32 on their way: f16, or quantised. */
static inline bool row_is_packed(const struct tensor *w) {
    return w->dtype == TENSOR_F16 || tensor_is_quantised(w->dtype);
}

/* A matrix of weights: as row_is_weight(), or packed. */
static inline bool row_is_matrix(const struct tensor *w) {
    return w->dtype == TENSOR_F32 || w->dtype == TENSOR_BF16 || row_is_packed(w);
}

static inline bool row_is_weight(const struct tensor *w) {
    return w->dtype == TENSOR_F32 || w->dtype == TENSOR_BF16;
}

/* a and b hold as many f32 each. */
static inline bool row_match(const struct tensor *a, const struct tensor *b) {
    return a->dtype == TENSOR_F32 && b->dtype == TENSOR_F32 && tensor_count(a) == tensor_count(b);
}

/* dst holds as many numbers as x, f32 or on a GPU bf16. */
static inline bool row_made_from(const struct tensor *dst, const struct tensor *x) {
    return x->dtype == TENSOR_F32 && row_is_weight(dst) && tensor_count(dst) == tensor_count(x);
}

#endif
