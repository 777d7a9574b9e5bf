#include "common/nn/conv.h"

#include "common/nn/weight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- load ---- */

/* prefix + suffix in host memory, to be laid out anew. */
static int get(struct weights *w, struct tensor *t, const char *prefix, const char *suffix,
               const size_t shape[4], struct err *e) {
    char name[256];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return weights_get(w, t, e, name, shape);
}

/* prefix + suffix as it is stored. */
static int get_stored(struct run *run, struct weights *w, struct tensor *t, const char *prefix,
                      const char *suffix, const size_t shape[4], struct err *e) {
    char name[256];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return nn_weight(run, w, t, e, name, shape);
}

/* to[i] = from[j] for elements of 2 or 4 bytes. */
static void put(void *to, size_t i, const void *from, size_t j, size_t size) {
    if (size == sizeof(uint16_t))
        ((uint16_t *)to)[i] = ((const uint16_t *)from)[j];
    else
        ((uint32_t *)to)[i] = ((const uint32_t *)from)[j];
}

/* [out, in, taps] to [out, taps, in]. */
static void lay(void *to, const struct tensor *t) {
    size_t outs = t->shape[0], ins = t->shape[1], taps = t->shape[2], j = 0;
    size_t size = tensor_dtype_size(t->dtype);
    for (size_t n = 0; n < outs; n++)
        for (size_t c = 0; c < ins; c++)
            for (size_t i = 0; i < taps; i++)
                put(to, (n * taps + i) * ins + c, t->data, j++, size);
}

/* [in, out, taps * stride] to [stride, out, taps, in]: element k = r + (taps - 1 - i) * stride of
 * the kernel is what column i gives to the r-th column of the result. */
static void lay_transposed(void *to, const struct tensor *t, size_t stride) {
    size_t ins = t->shape[0], outs = t->shape[1], kernel = t->shape[2], j = 0;
    size_t taps = kernel / stride, size = tensor_dtype_size(t->dtype);
    for (size_t c = 0; c < ins; c++) {
        for (size_t n = 0; n < outs; n++) {
            for (size_t k = 0; k < kernel; k++) {
                size_t r = k % stride, i = taps - 1 - k / stride;
                put(to, ((r * outs + n) * taps + i) * ins + c, t->data, j++, size);
            }
        }
    }
}

/* A transposed convolution adds the same bias to each of its `stride` columns. */
static struct tensor repeat_bias(struct run *run, const struct tensor *b, size_t times) {
    struct tensor all = run_new_1d(run, RUN_MODEL, b->dtype, times * b->shape[0]);
    void *host = arena_xrealloc(NULL, tensor_bytes(&all), 1);
    for (size_t i = 0; i < all.shape[0]; i++)
        put(host, i, b->data, i % b->shape[0], tensor_dtype_size(b->dtype));
    run_write(run, &all, host);
    free(host);
    return all;
}

static void make_past(struct nn_conv *c, struct run *run, size_t rows, size_t width) {
    if (rows)
        c->past = run_new_2d(run, RUN_SESSION, TENSOR_F32, rows, width);
    nn_conv_reset(c, run);
}

int nn_conv_load(struct nn_conv *c, struct run *run, struct weights *w, const char *prefix,
                 size_t in, size_t out, size_t taps, size_t dilation, struct err *e) {
    struct tensor stored;
    *c = (struct nn_conv){.stride = 1, .dilation = dilation};
    if (get(w, &stored, prefix, "weight", (size_t[4]){out, in, taps}, e) ||
        get_stored(run, w, &c->b, prefix, "bias", (size_t[4]){out}, e))
        return e->code;
    if (taps == 1) {
        run_upload(run, &stored);
        c->w = tensor_reshape_3d(&stored, out, 1, in);
    } else {
        void *host = arena_xrealloc(NULL, tensor_bytes(&stored), 1);
        lay(host, &stored);
        c->w = run_new_3d(run, RUN_MODEL, stored.dtype, out, taps, in);
        run_write(run, &c->w, host);
        free(host);
    }
    make_past(c, run, (taps - 1) * dilation, in);
    return 0;
}

int nn_conv_load_transposed(struct nn_conv *c, struct run *run, struct weights *w,
                            const char *prefix, size_t in, size_t out, size_t taps, size_t stride,
                            struct err *e) {
    struct tensor stored, bias;
    *c = (struct nn_conv){.transposed = true, .stride = stride, .dilation = 1};
    if (get(w, &stored, prefix, "weight", (size_t[4]){in, out, taps * stride}, e) ||
        get(w, &bias, prefix, "bias", (size_t[4]){out}, e))
        return e->code;
    void *host = arena_xrealloc(NULL, tensor_bytes(&stored), 1);
    lay_transposed(host, &stored, stride);
    c->w = run_new_3d(run, RUN_MODEL, stored.dtype, stride * out, taps, in);
    run_write(run, &c->w, host);
    free(host);
    c->b = repeat_bias(run, &bias, stride);
    make_past(c, run, taps - 1, in);
    return 0;
}

int nn_conv_load_depthwise(struct nn_conv *c, struct run *run, struct weights *w,
                           const char *prefix, size_t width, size_t taps, struct err *e) {
    struct tensor stored;
    *c = (struct nn_conv){.stride = 1, .dilation = 1};
    if (get_stored(run, w, &stored, prefix, "weight", (size_t[4]){width, 1, taps}, e) ||
        get_stored(run, w, &c->b, prefix, "bias", (size_t[4]){width}, e))
        return e->code;
    c->w = tensor_reshape_2d(&stored, width, taps);
    make_past(c, run, taps - 1, width);
    return 0;
}

/* ---- forward ---- */

void nn_conv_reset(struct nn_conv *c, struct run *run) {
    c->n_past = c->past.rank && !c->transposed ? c->past.shape[0] : 0;
    if (c->n_past)
        run_zero(run, &c->past);
}

/* What n rows of input become, `stride` columns each. */
static size_t result_rows(const struct nn_conv *c, size_t n) {
    size_t reach = (c->w.shape[1] - 1) * c->dilation;
    return n > reach ? n - reach : 0;
}

struct tensor nn_conv_input(struct nn_conv *c, struct run *run, size_t n, struct tensor *fresh) {
    bool depthwise = c->w.rank == 2;
    size_t width = depthwise ? c->w.shape[0] : c->w.shape[2], rows = result_rows(c, c->n_past + n);
    enum tensor_dtype dtype = depthwise ? TENSOR_F32 : op_matrix_dtype(run, rows, &c->w);
    struct tensor x = run_new_2d(run, RUN_STEP, dtype, c->n_past + n, width);
    if (c->n_past) {
        struct tensor from = tensor_rows(&c->past, 0, c->n_past);
        struct tensor to = tensor_rows(&x, 0, c->n_past);
        op_copy(run, &to, &from);
    }
    *fresh = tensor_rows(&x, c->n_past, n);
    return x;
}

/* The last columns are the next call's past. */
static void keep_end(struct nn_conv *c, struct run *run, const struct tensor *x) {
    if (!c->past.rank)
        return;
    size_t n = c->past.shape[0] < x->shape[0] ? c->past.shape[0] : x->shape[0];
    struct tensor end = tensor_rows(x, x->shape[0] - n, n);
    struct tensor to = tensor_rows(&c->past, 0, n);
    op_copy(run, &to, &end);
    c->n_past = n;
}

size_t nn_conv_columns(const struct nn_conv *c, const struct tensor *input) {
    return result_rows(c, input->shape[0]) * c->stride;
}

void nn_conv_into(struct nn_conv *c, struct run *run, const struct tensor *input,
                  const struct tensor *y, const struct op_snake *snake) {
    bool depthwise = c->w.rank == 2;
    size_t rows = result_rows(c, input->shape[0]);
    assert(!snake || !depthwise);
    if (rows && depthwise)
        op_dwconv(run, y, input, &c->w, &c->b);
    else if (rows && snake)
        op_conv_snake(run, y, input, &c->w, &c->b, c->dilation, false, snake);
    else if (rows)
        op_conv(run, y, input, &c->w, &c->b, c->dilation);
    keep_end(c, run, input);
}

struct tensor nn_conv_run(struct nn_conv *c, struct run *run, const struct tensor *input) {
    struct tensor y =
        run_new_2d(run, RUN_STEP, TENSOR_F32, nn_conv_columns(c, input), c->w.shape[0] / c->stride);
    nn_conv_into(c, run, input, &y, NULL);
    return y;
}
