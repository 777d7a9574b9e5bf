#include "common/ops/product.h"

#include "common/ops/cpu/kernels.h"
#include "common/ops/row.h"

#include <math.h>

static float dot(const struct run *run, const float *x, const struct tensor *w, size_t first,
                 size_t n) {
    if (w->dtype == TENSOR_BF16)
        return run->cpu->dot_bf16(x, (const uint16_t *)w->data + first, n);
    return run->cpu->dot_f32(x, tensor_f32(w) + first, n);
}

static float activate(enum op_act act, float v) {
    switch (act) {
    case OP_GELU:
        return 0.5F * v * (1 + erff(v * (float)M_SQRT1_2));
    case OP_SILU:
        return v / (1 + expf(-v));
    case OP_NONE:
        break;
    }
    return v;
}

static void one(const struct run *run, const struct product *p, size_t t, size_t n) {
    float sum = p->b ? row_weight(p->b, n) : 0;
    for (size_t i = 0; i < p->taps; i++)
        sum += dot(run, p->x + (t + i * p->dilation) * p->width, p->w, (n * p->taps + i) * p->width,
                   p->width);
    float *y = p->dst + t * p->outs + n;
    *y = activate(p->act, sum) + (p->add ? *y : 0);
}

void product_run(struct run *run, const struct product *p) {
    assert(row_is_weight(p->w) && (!p->b || row_is_weight(p->b)));
    size_t work = p->rows * p->outs * p->taps * p->width;
#pragma omp parallel for collapse(2) if (work >= ROW_PARALLEL)
    for (size_t n = 0; n < p->outs; n++)
        for (size_t t = 0; t < p->rows; t++)
            one(run, p, t, n);
}
