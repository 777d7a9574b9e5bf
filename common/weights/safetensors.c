#include "common/weights/safetensors.h"

#include "common/weights/json_read.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_HEADER = 100 << 20, /* bytes; the format's own limit */
    LENGTH_BYTES = 8
};

/* What a file may hold. Only those with `ours` can be used; the others are listed and skipped. */
static const struct st_dtype {
    const char *name;
    size_t bits;
    bool ours;
    enum tensor_dtype dtype;
} dtypes[] = {
    {"F32", 32, true, TENSOR_F32}, {"BF16", 16, true, TENSOR_BF16}, {"F16", 16, true, TENSOR_F16},
    {"I32", 32, true, TENSOR_I32}, {"U16", 16, true, TENSOR_U16},   {"U8", 8, true, TENSOR_U8},
    {"BOOL", 8, .ours = false},    {"I8", 8, .ours = false},        {"I16", 16, .ours = false},
    {"U32", 32, .ours = false},    {"I64", 64, .ours = false},      {"U64", 64, .ours = false},
    {"F64", 64, .ours = false},    {"C64", 64, .ours = false},      {"F8_E4M3", 8, .ours = false},
    {"F8_E5M2", 8, .ours = false}, {"F8_E8M0", 8, .ours = false},   {"F6_E2M3", 6, .ours = false},
    {"F6_E3M2", 6, .ours = false}, {"F4", 4, .ours = false},
};

/* One header being read. */
struct header {
    const char *file;
    const char *data; /* first byte after the header */
    size_t data_size;
    struct arena *arena;
    struct err *err;
};

static const struct st_dtype *find_dtype(const char *name) {
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0)
            return &dtypes[i];
    return NULL;
}

static int bad(const struct header *h, const char *name, const char *what) {
    return err_set(h->err, ERR_DATA, "%s: tensor '%.200s' %s", h->file, name, what);
}

/* A JSON value that is an integer of 0 or more. */
static bool read_natural(const json_t *v, size_t *n) {
    json_int_t i = json_integer_value(v);
    *n = (size_t)i;
    return json_is_integer(v) && i >= 0;
}

/* *count comes in as 1. */
static int read_shape(const struct header *h, const char *name, const json_t *shape,
                      struct tensor *t, size_t *count) {
    if (!json_is_array(shape))
        return bad(h, name, "has no shape");
    if (json_array_size(shape) > TENSOR_MAX_RANK)
        return bad(h, name, "has more than 8 dimensions");
    t->rank = json_array_size(shape);
    for (size_t i = 0; i < t->rank; i++) {
        if (!read_natural(json_array_get(shape, i), &t->shape[i]))
            return bad(h, name, "has a shape that is not made of natural numbers");
        if (__builtin_mul_overflow(*count, t->shape[i], count))
            return bad(h, name, "has a shape too large to count");
    }
    return 0;
}

/* The offsets must say what dtype and shape say. */
static int read_range(const struct header *h, const char *name, const json_t *offsets, size_t count,
                      size_t bits, struct st_tensor *t) {
    size_t begin, end, total;
    if (json_array_size(offsets) != 2 || !read_natural(json_array_get(offsets, 0), &begin) ||
        !read_natural(json_array_get(offsets, 1), &end))
        return bad(h, name, "has no data_offsets [begin, end]");
    if (begin > end || end > h->data_size)
        return bad(h, name, "has data_offsets outside the file");
    if (__builtin_mul_overflow(count, bits, &total) || total % 8 || total / 8 != end - begin)
        return bad(h, name, "has data_offsets that do not agree with its dtype and shape");
    t->view.data = (void *)(h->data + begin);
    t->bytes = end - begin;
    return 0;
}

static int read_tensor(const struct header *h, const char *name, const json_t *v,
                       struct st_tensor *t) {
    const char *dtype_name = json_string_value(json_object_get(v, "dtype"));
    const struct st_dtype *dtype = find_dtype(dtype_name);
    size_t count = 1;
    if (!json_is_object(v))
        return bad(h, name, "is not a JSON object");
    if (!dtype)
        return bad(h, name, "has an unknown dtype");
    *t = (struct st_tensor){.name = arena_strdup(h->arena, name),
                            .dtype = dtype->name,
                            .file = h->file,
                            .view.dtype = dtype->ours ? dtype->dtype : TENSOR_U8};
    return read_shape(h, name, json_object_get(v, "shape"), &t->view, &count) ||
           read_range(h, name, json_object_get(v, "data_offsets"), count, dtype->bits, t);
}

static int by_position(const void *a, const void *b) {
    const struct st_tensor *x = a, *y = b;
    const char *p = x->view.data, *q = y->view.data;
    if (p != q)
        return p < q ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes); /* empty ones first */
}

/* The data must be covered from end to end, each byte once. */
static int check_cover(const struct header *h, const struct st_file *f) {
    const char *at = h->data;
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct st_tensor *t = &f->tensors[i];
        if ((const char *)t->view.data != at)
            return bad(h, t->name,
                       (const char *)t->view.data < at ? "overlaps the tensor before it"
                                                       : "leaves a gap after the tensor before it");
        at += t->bytes;
    }
    if (at != h->data + h->data_size)
        return err_set(h->err, ERR_DATA, "%s: %zu bytes after the last tensor", h->file,
                       (size_t)(h->data + h->data_size - at));
    return 0;
}

static int read_tensors(const struct header *h, json_t *json, struct st_file *f) {
    f->tensors = arena_zalloc(h->arena, json_object_size(json) * sizeof *f->tensors);
    const char *name;
    json_t *v;
    json_object_foreach(json, name, v) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (read_tensor(h, name, v, &f->tensors[f->n_tensors]))
            return h->err->code;
        f->n_tensors++;
    }
    qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_position);
    if (check_cover(h, f))
        return h->err->code;
    for (size_t i = 0; i < f->n_tensors; i++)
        if (!find_dtype(f->tensors[i].dtype)->ours)
            f->tensors[i].view.data = NULL;
    return 0;
}

int st_parse(struct st_file *f, const void *bytes, size_t size, const char *file, struct arena *a,
             struct err *e) {
    const unsigned char *p = bytes;
    uint64_t length = 0;
    *f = (struct st_file){.name = arena_strdup(a, file)};
    if (size < LENGTH_BYTES)
        return err_set(e, ERR_DATA, "%s: %zu bytes are no safetensors file", file, size);
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)p[i] << 8 * i;
    if (length > MAX_HEADER || length > size - LENGTH_BYTES)
        return err_set(e, ERR_DATA, "%s: a header of %llu bytes in a file of %zu", file,
                       (unsigned long long)length, size);
    json_t *json = json_read_object((const char *)p + LENGTH_BYTES, length, file, e);
    if (json) {
        struct header h = {.file = f->name,
                           .data = (const char *)p + LENGTH_BYTES + length,
                           .data_size = size - LENGTH_BYTES - length,
                           .arena = a,
                           .err = e};
        read_tensors(&h, json, f);
    }
    json_decref(json);
    return e->code;
}

bool st_has_shape(const struct st_tensor *t, const size_t *shape, size_t rank) {
    const struct tensor *v = &t->view;
    size_t i = 0, k = 0;
    if (rank > 0 && shape[rank - 1] % tensor_dtype_block(v->dtype))
        return false; /* a row must be whole blocks, also where sizes of 1 were left out */
    while (i < v->rank || k < rank) {
        if (t->loose && i < v->rank && v->shape[i] == 1)
            i++;
        else if (t->loose && k < rank && shape[k] == 1)
            k++;
        else if (i == v->rank || k == rank || v->shape[i++] != shape[k++])
            return false;
    }
    return true;
}

int st_open(struct st_file *f, const char *path, struct arena *a, struct err *e) {
    *f = (struct st_file){0};
    struct map *map = map_open(path, e);
    if (map && st_parse(f, map->bytes, map->size, map->name, a, e) == 0)
        f->map = map;
    else
        map_close(map);
    return e->code;
}

void st_close(struct st_file *f) {
    map_close(f->map);
    *f = (struct st_file){0};
}
