/* Few rows times quantised weights on the CPU, or weights in half precision. */
#include "common/ops/cpu/kernels.h"
#include "common/ops/product.h"

#include <assert.h>

enum {
    WIDE_OUTS = 4, /* rows of weights that are made f32 at once, */
    WIDE = 1024,   /* and columns of them: 16 KiB */
};

bool product_rounds(const struct run *run, const struct tensor *w) {
    return !run->gpu && !run->precise && tensor_is_quantised(w->dtype);
}

size_t product_rounded_bytes(size_t width) {
    return cpu_q8_bytes(width);
}

void product_round(const struct run *run, char *row, const float *x, size_t width, size_t first,
                   size_t n) {
    run->cpu->quantise(row, x, width, first, n);
}

/* In a precise run, or of half precision, WIDE_OUTS outputs or less. */
static void widened(const struct run *run, const struct product *p, size_t t, size_t rows, size_t n,
                    size_t outs) {
    enum tensor_dtype dtype = p->w->dtype;
    size_t block = tensor_dtype_block(dtype), size = tensor_dtype_size(dtype);
    const char *w = (const char *)p->w->data + n * (p->width / block) * size;
    float wide[WIDE_OUTS * WIDE];
    for (size_t k = 0; k < p->width; k += WIDE) {
        size_t some = p->width - k < WIDE ? p->width - k : WIDE;
        for (size_t j = 0; j < outs; j++)
            run->cpu->widen(wide + j * WIDE, w + (j * p->width + k) / block * size, dtype, some);
        struct cpu_dots d = {.x = tensor_f32(p->x) + t * p->width + k,
                             .w = wide,
                             .y = tensor_f32(p->dst) + t * p->outs + n,
                             .x_stride = p->width,
                             .w_stride = WIDE,
                             .y_stride = p->outs,
                             .rows = rows,
                             .outs = outs,
                             .width = some,
                             .add = p->add || k > 0};
        run->cpu->dots_f32(&d);
    }
}

void product_few_quant(const struct run *run, const struct product *p, size_t t, size_t rows,
                       size_t n, size_t outs) {
    enum tensor_dtype dtype = p->w->dtype;
    size_t row = p->width / tensor_dtype_block(dtype) * tensor_dtype_size(dtype);
    assert(p->taps == 1 && p->width % tensor_dtype_block(dtype) == 0);
    for (size_t j = 0; !p->rounded && j < outs; j += WIDE_OUTS)
        widened(run, p, t, rows, n + j, outs - j < WIDE_OUTS ? outs - j : WIDE_OUTS);
    if (!p->rounded)
        return;
    struct cpu_quant q = {.x = p->rounded + t * cpu_q8_bytes(p->width),
                          .w = (const char *)p->w->data + n * row,
                          .dtype = dtype,
                          .y = tensor_f32(p->dst) + t * p->outs + n,
                          .y_stride = p->outs,
                          .rows = rows,
                          .outs = outs,
                          .width = p->width,
                          .add = p->add};
    run->cpu->dots_quant(&q);
}
