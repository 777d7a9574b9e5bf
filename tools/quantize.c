#include "tools/quantize.h"

#include "common/base/arena.h"
#include "common/base/bf16.h"
#include "common/weights/quant.h"
#include "common/wire/io.h"

#include <assert.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that a thread works on at a time: whole rows, about a quarter of a megabyte. */
enum { PIECE = 1 << 16, MAX_JSON = 16 << 20 };

/* ---- the checkpoint ------------------------------------------------------------------------- */

/* The file's text, NULL if it is not there. */
static char *read_text(const char *dir, const char *name, struct err *e) {
    char path[PATH_MAX], *text = NULL;
    size_t size;
    struct err missing = {.code = 0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (io_read_file(&text, &size, path, MAX_JSON, &missing) == 0)
        return text;
    if (missing.code != ERR_NOINPUT && !e->code)
        *e = missing;
    return NULL;
}

/* "chat_template" of the file, for the caller to free. */
static char *read_template(const char *dir, const char *name, struct err *e) {
    char *text = read_text(dir, name, e);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    const char *s = json_string_value(json_object_get(json, "chat_template"));
    char *copy = s ? arena_xstrdup(s) : NULL;
    json_decref(json);
    free(text);
    return copy;
}

static int open_tokenizer(struct quantize_source *s, const char *dir, struct err *e) {
    struct err missing = {.code = 0};
    if (text_open(&s->tokenizer, dir, &missing) && missing.code != ERR_NOINPUT)
        *e = missing;
    s->chat_template = read_template(dir, "chat_template.json", e);
    if (!s->chat_template)
        s->chat_template = read_template(dir, "tokenizer_config.json", e);
    return e->code;
}

int quantize_source_open(struct quantize_source *s, const char *dir, struct err *e) {
    *s = (struct quantize_source){.weights = NULL};
    s->config_json = read_text(dir, "config.json", e);
    s->generation_json = read_text(dir, "generation_config.json", e);
    if (!e->code && !s->config_json)
        err_set(e, ERR_NOINPUT, "%.300s: no config.json there: no checkpoint of Hugging Face", dir);
    if (e->code || config_load(&s->config, dir, e) || weights_open(&s->weights, dir, e))
        return e->code;
    weights_keep_half(s->weights);
    return open_tokenizer(s, dir, e);
}

void quantize_source_close(struct quantize_source *s) {
    weights_close(s->weights);
    config_free(&s->config);
    if (s->tokenizer)
        text_close(s->tokenizer);
    free(s->config_json);
    free(s->generation_json);
    free(s->chat_template);
}

/* ---- a file --------------------------------------------------------------------------------- */

int quantize_file_init(struct quantize_file *f, const struct quantize_source *s,
                       struct quantize_work *work, const char *dir, const char *name,
                       struct err *e) {
    char path[PATH_MAX];
    *f = (struct quantize_file){.source = s, .work = work};
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX)
        return err_set(e, ERR_CANTCREAT, "%.100s...: name too long", dir);
    return gguf_writer_init(&f->writer, path, e);
}

void quantize_file_free(struct quantize_file *f) {
    gguf_writer_free(&f->writer);
    free(f->tensors);
}

static size_t count(const struct quantize_tensor *t) {
    size_t n = 1;
    for (size_t i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

/* In the file, slices are a dimension more; llama.cpp wants two more for the bias of an image. */
static struct tensor view(const struct quantize_tensor *t) {
    struct tensor v = {.dtype = t->dtype};
    if (t->rank == 1 && strncmp(t->name, "a.conv2d.", 9) == 0)
        return (struct tensor){.dtype = t->dtype, .rank = 3, .shape = {t->shape[0], 1, 1}};
    if (t->n_slices)
        v.shape[v.rank++] = t->n_slices;
    for (size_t i = 0; i < t->rank; i++)
        v.shape[v.rank++] = t->shape[i];
    return v;
}

/* The encoder's positions: sin(i w_k), then cos(i w_k), w_k = 10000^(-k / (half - 1))
 * (SinusoidsPositionEmbedding). */
static void sinusoids(float *table, size_t rows, size_t columns) {
    size_t half = columns / 2;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < half; k++) {
            double w = exp(-log(10000.0) / (double)(half - 1) * (double)k);
            table[i * columns + k] = (float)sin((double)i * w);
            table[i * columns + half + k] = (float)cos((double)i * w);
        }
    }
}

static void narrow(void *dst, const struct tensor *src, size_t at, size_t n, enum tensor_dtype to,
                   float *numbers) {
    size_t block = tensor_dtype_block(src->dtype), size = tensor_dtype_size(src->dtype);
    quant_widen(numbers, (const char *)src->data + at / block * size, src->dtype, n);
    quant_narrow(dst, numbers, to, n);
}

/* src, one slice, goes to its place; all threads take pieces of whole rows. */
static int write_slice(struct quantize_file *f, const struct tensor *src, enum tensor_dtype to,
                       size_t place, struct err *e) {
    size_t n = tensor_count(src), row = src->shape[src->rank - 1];
    assert(row > 0);
    size_t piece = row < PIECE ? PIECE / row * row : row;
    size_t block = tensor_dtype_block(to), size = tensor_dtype_size(to);
    size_t n_pieces = (n + piece - 1) / piece;
#pragma omp parallel if (n_pieces > 1)
    {
        struct err own = {.code = 0};
        float *numbers = arena_xrealloc(NULL, piece, sizeof *numbers);
        char *blocks = arena_xrealloc(NULL, piece, sizeof *numbers);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n_pieces; i++) {
            size_t at = i * piece, m = n - at < piece ? n - at : piece;
            if (own.code)
                continue;
            narrow(blocks, src, at, m, to, numbers);
            gguf_write_data(&f->writer, place + at / block * size, blocks, m / block * size, &own);
        }
        free(numbers);
        free(blocks);
#pragma omp critical
        if (own.code && !e->code)
            *e = own;
    }
    f->work->done += n / block * size;
    return e->code;
}

static int write_sinusoids(struct quantize_file *f, const struct quantize_tensor *t,
                           struct err *e) {
    struct tensor table = view(t);
    table.data = arena_xrealloc(NULL, count(t), sizeof(float));
    sinusoids(table.data, t->shape[0], t->shape[1]);
    write_slice(f, &table, t->dtype, t->place, e);
    free(table.data);
    return e->code;
}

/* Finite numbers only: a block with another has no scale. */
static int check_finite(const struct tensor *t, const char *name, struct err *e) {
    size_t n = tensor_count(t), bad = 0;
    if (t->dtype == TENSOR_BF16 || t->dtype == TENSOR_F16) {
        const uint16_t *p = t->data, exponent = t->dtype == TENSOR_BF16 ? 0x7f80 : 0x7c00;
#pragma omp parallel for reduction(+ : bad) if (n > PIECE)
        for (size_t i = 0; i < n; i++)
            bad += (p[i] & exponent) == exponent;
    } else if (t->dtype == TENSOR_F32) {
        const float *p = t->data;
#pragma omp parallel for reduction(+ : bad) if (n > PIECE)
        for (size_t i = 0; i < n; i++)
            bad += !isfinite(p[i]);
    }
    if (bad)
        return err_set(e, ERR_DATA, "tensor '%s': %zu of its numbers are not finite", name, bad);
    return 0;
}

static int write_tensor(struct quantize_file *f, const struct quantize_tensor *t, struct err *e) {
    size_t n_slices = t->n_slices ? t->n_slices : 1;
    size_t bytes = count(t) / tensor_dtype_block(t->dtype) * tensor_dtype_size(t->dtype);
    const char *star = strchr(t->checkpoint, '*');
    for (size_t i = 0; i < n_slices && !e->code; i++) {
        char name[GGUF_NAME_MAX + 24];
        struct tensor src;
        size_t head = star ? (size_t)(star - t->checkpoint) : strlen(t->checkpoint);
        snprintf(name, sizeof name, "%.*s", (int)head, t->checkpoint);
        if (star)
            snprintf(name + head, sizeof name - head, "%zu%s", i, star + 1);
        if (weights_get_stored(f->source->weights, &src, e, name, t->shape) ||
            check_finite(&src, name, e))
            return e->code;
        write_slice(f, &src, t->dtype, t->place + i * bytes, e);
        weights_forget(f->source->weights, &src);
        quantize_progress(f->work, f->writer.path);
        if (f->work->stop)
            err_set(e, ERR_INTERRUPTED, "interrupted");
    }
    return e->code;
}

void quantize_place(struct quantize_file *f) {
    for (size_t i = 0; i < f->n; i++) {
        struct tensor v = view(&f->tensors[i]);
        f->tensors[i].place = gguf_put_tensor(&f->writer, f->tensors[i].name, &v);
        f->bytes += tensor_bytes(&v);
    }
    f->work->all += f->bytes;
}

int quantize_write(struct quantize_file *f, struct err *e) {
    gguf_write_begin(&f->writer, e);
    for (size_t i = 0; i < f->n && !e->code; i++) {
        if (f->tensors[i].sinusoids)
            write_sinusoids(f, &f->tensors[i], e);
        else
            write_tensor(f, &f->tensors[i], e);
    }
    if (!e->code)
        gguf_write_end(&f->writer, e);
    quantize_progress_end(f->work);
    return e->code;
}
