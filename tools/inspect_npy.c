/* inspect_npy: tensors as .npy files, which numpy and many others read. */
#include "common/base/arena.h"
#include "common/base/bf16.h"
#include "common/weights/quant.h"
#include "common/weights/weights.h"
#include "common/wire/io.h"
#include "tools/inspect_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *descr(enum tensor_dtype dtype) {
    static const char *names[] = {[TENSOR_F32] = "<f4", [TENSOR_BF16] = "<f4", [TENSOR_F16] = "<f2",
                                  [TENSOR_I32] = "<i4", [TENSOR_U16] = "<u2",  [TENSOR_U8] = "|u1"};
    return names[dtype];
}

/* The header is a Python dictionary, padded with blanks so that the data begins at a multiple of
 * 64; its length stands in bytes 8 and 9. */
static size_t make_header(char header[320], const struct tensor *t) {
    enum { PREFIX = 10, ALIGN = 64 };
    static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    int n = PREFIX;
    memcpy(header, magic, sizeof magic);
    n += sprintf(header + n, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr(t->dtype));
    for (size_t i = 0; i < t->rank; i++)
        n += sprintf(header + n, "%zu,%s", t->shape[i], i + 1 < t->rank ? " " : "");
    n += sprintf(header + n, "), }");
    while ((n + 1) % ALIGN)
        header[n++] = ' ';
    header[n++] = '\n';
    header[8] = (char)((n - PREFIX) & 0xff);
    header[9] = (char)((n - PREFIX) >> 8);
    return (size_t)n;
}

static int write_widened(const struct tensor *t, struct err *e) {
    enum { PART = 4096 };
    float part[PART];
    size_t n = tensor_count(t);
    for (size_t at = 0; at < n && !e->code; at += PART) {
        size_t m = n - at < PART ? n - at : PART;
        for (size_t i = 0; i < m; i++)
            part[i] = (float)inspect_value(t->dtype, t->data, at + i);
        io_write(STDOUT_FILENO, part, m * sizeof *part, e);
    }
    return e->code;
}

int inspect_write_npy(const struct tensor *t, struct err *e) {
    char header[320];
    size_t n = make_header(header, t);
    if (io_write(STDOUT_FILENO, header, n, e))
        return e->code;
    if (t->dtype == TENSOR_BF16)
        return write_widened(t, e);
    return io_write(STDOUT_FILENO, t->data, tensor_bytes(t), e);
}

int inspect_extract(const char *path, const char *name, int64_t turn, struct err *e) {
    struct inspect_rows r;
    struct err broken = {.code = 0};
    inspect_rows_read(&r, path, name, turn, true, &broken);
    const struct inspect_item *item = inspect_rows_find(&r, INSPECT_TENSOR, -1, name);
    if (item)
        inspect_write_npy(&item->rows, e);
    else if (!broken.code)
        err_set(e, ERR_DATA, "%.200s: no tensor '%s'%s", path, name,
                turn < 0 ? "" : " in that turn");
    inspect_rows_free(&r);
    if (!e->code)
        *e = broken;
    return e->code;
}

/* Quantised weights are written as the numbers they stand for. */
static void write_blocks(const struct tensor *t, struct err *e) {
    size_t n = tensor_count(t);
    struct tensor numbers = *t;
    numbers.dtype = TENSOR_F32;
    numbers.data = arena_xrealloc(NULL, n, sizeof(float));
    quant_widen(numbers.data, t->data, t->dtype, n);
    inspect_write_npy(&numbers, e);
    free(numbers.data);
}

int inspect_extract_weights(const char *dir, const char *name, struct err *e) {
    struct weights *w;
    struct tensor t;
    if (weights_open(&w, dir, e))
        return e->code;
    const char *found;
    for (size_t i = 0; (found = weights_name(w, i, &t)) && strcmp(found, name) != 0; i++)
        ;
    if (!found)
        err_set(e, ERR_DATA, "%.200s: no tensor '%s'", dir, name);
    else if (!t.data)
        err_set(e, ERR_DATA, "%.200s: tensor '%s' has a dtype that .npy cannot hold", dir, name);
    else if (tensor_is_quantised(t.dtype))
        write_blocks(&t, e);
    else
        inspect_write_npy(&t, e);
    weights_close(w);
    return e->code;
}
