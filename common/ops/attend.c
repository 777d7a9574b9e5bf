#include "common/ops/attend.h"

#include "common/ops/cpu/kernels.h"
#include "common/ops/row.h"

#include <math.h>

static float dot(const struct run *run, const float *x, const struct tensor *w, size_t first,
                 size_t n) {
    float y;
    struct cpu_dots d = {.x = x, .y = &y, .rows = 1, .outs = 1, .width = n};
    d.w = (const char *)w->data + first * tensor_dtype_size(w->dtype);
    (w->dtype == TENSOR_BF16 ? run->cpu->dots_bf16 : run->cpu->dots_f32)(&d);
    return y;
}

/* Softmax in one pass: the sums so far are rescaled when a larger score comes. */
void attend(const struct run *run, float *dst, const float *q, const struct tensor *k,
            const struct tensor *v, size_t lo, size_t hi, size_t offset, size_t head_dim) {
    size_t width = tensor_row(k);
    float scale = 1 / sqrtf((float)head_dim), max = -INFINITY, sum = 0;
    for (size_t d = 0; d < head_dim; d++)
        dst[d] = 0;
    for (size_t s = lo; s < hi; s++) {
        float score = scale * dot(run, q, k, s * width + offset, head_dim);
        float larger = fmaxf(max, score), keep = expf(max - larger), p = expf(score - larger);
        max = larger;
        sum = sum * keep + p;
        for (size_t d = 0; d < head_dim; d++)
            dst[d] = dst[d] * keep + p * row_weight(v, s * width + offset + d);
    }
    for (size_t d = 0; d < head_dim; d++)
        dst[d] /= sum;
}
