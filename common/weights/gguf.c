#include "common/weights/gguf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_NAME = 255,      /* bytes of a key or of a tensor's name */
    MAX_RANK = 4,        /* ggml's */
    ALIGNMENT = 32,      /* where general.alignment says nothing */
    LEAST_ALIGNMENT = 8, /* the format's; blocks of quantised weights need 2 */
    MOST_ALIGNMENT = 1 << 20,
    MIN_TENSOR_INFO = 24, /* bytes: empty name, no sizes */
    MAX_COUNT = 1 << 20   /* values or tensors; the full model has some hundreds */
};

/* The part of a file that has not been read yet. */
struct reader {
    const char *file;
    const unsigned char *start, *at, *end;
    struct arena *arena;
    struct err *err;
};

static int bad(const struct reader *r, const char *what) {
    return err_set(r->err, ERR_DATA, "%s: byte %zu: %s", r->file, (size_t)(r->at - r->start), what);
}

static size_t left(const struct reader *r) {
    return (size_t)(r->end - r->at);
}

/* Little-endian, n bytes; 0 and an error if they are not there. */
static uint64_t take(struct reader *r, size_t n) {
    uint64_t x = 0;
    if (r->err->code)
        return 0;
    if (left(r) < n) {
        bad(r, "the file ends within its head");
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        x |= (uint64_t)r->at[i] << (8 * i);
    r->at += n;
    return x;
}

static int take_string(struct reader *r, struct gguf_string *s) {
    uint64_t n = take(r, 8);
    if (!r->err->code && n > left(r))
        return bad(r, "a string is longer than the file");
    *s = (struct gguf_string){(const char *)r->at, (size_t)n};
    if (!r->err->code)
        r->at += n;
    return r->err->code;
}

/* A key or a name, copied and terminated. */
static const char *take_name(struct reader *r) {
    struct gguf_string s;
    if (take_string(r, &s))
        return NULL;
    if (s.n == 0 || s.n > MAX_NAME || memchr(s.data, 0, s.n)) {
        bad(r, "a name that is empty, too long, or holds a zero");
        return NULL;
    }
    char *copy = arena_alloc(r->arena, s.n + 1);
    memcpy(copy, s.data, s.n);
    copy[s.n] = 0;
    return copy;
}

/* ---- values --------------------------------------------------------------------------------- */

static const unsigned char type_size[GGUF_TYPES] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static int skip_elements(struct reader *r, const struct gguf_value *v) {
    struct gguf_string s;
    if (v->type == GGUF_STRING) {
        for (size_t i = 0; i < v->n && !take_string(r, &s); i++) {
        }
        return r->err->code;
    }
    if (v->n > left(r) / type_size[v->type])
        return bad(r, "an array is longer than the file");
    r->at += v->n * type_size[v->type];
    return 0;
}

static int take_value(struct reader *r, struct gguf_value *v) {
    v->key = take_name(r);
    uint64_t type = take(r, 4);
    v->array = type == GGUF_ARRAY;
    if (v->array)
        type = take(r, 4);
    v->n = v->array ? take(r, 8) : 1;
    if (r->err->code)
        return r->err->code;
    if (type >= GGUF_TYPES || type == GGUF_ARRAY)
        return bad(r, v->array ? "an array of unknown type" : "a value of unknown type");
    v->type = (enum gguf_type)type;
    v->data = r->at;
    return skip_elements(r, v);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct gguf_value *)a)->key, ((const struct gguf_value *)b)->key);
}

static int take_values(struct reader *r, struct gguf_file *f, uint64_t n) {
    if (n > left(r) || n > MAX_COUNT)
        return bad(r, "more values than the file has bytes, or a million");
    f->values = arena_alloc(r->arena, n * sizeof *f->values);
    for (; f->n_values < n; f->n_values++)
        if (take_value(r, &f->values[f->n_values]))
            return r->err->code;
    qsort(f->values, f->n_values, sizeof *f->values, by_key);
    for (size_t i = 1; i < f->n_values; i++)
        if (strcmp(f->values[i - 1].key, f->values[i].key) == 0)
            return err_set(r->err, ERR_DATA, "%s: key '%.200s' comes twice", r->file,
                           f->values[i].key);
    return 0;
}

const struct gguf_value *gguf_find(const struct gguf_file *f, const char *key) {
    struct gguf_value wanted = {.key = key};
    return f->n_values ? bsearch(&wanted, f->values, f->n_values, sizeof wanted, by_key) : NULL;
}

int64_t gguf_integer(const struct gguf_value *v, size_t i) {
    size_t n = type_size[v->type];
    uint64_t x = 0;
    assert(n > 0 && i < v->n);
    for (size_t b = 0; b < n; b++)
        x |= (uint64_t)v->data[i * n + b] << (8 * b);
    if (v->type == GGUF_I8 || v->type == GGUF_I16 || v->type == GGUF_I32) {
        unsigned unused = 64 - 8 * (unsigned)n;
        return (int64_t)(x << unused) >> unused;
    }
    return (int64_t)x;
}

static bool is_integer(enum gguf_type type) {
    return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_STRING;
}

bool gguf_natural(const struct gguf_file *f, const char *key, size_t *n) {
    const struct gguf_value *v = gguf_find(f, key);
    if (!v || v->array || !is_integer(v->type) || gguf_integer(v, 0) < 0)
        return false;
    *n = (size_t)gguf_integer(v, 0);
    return true;
}

bool gguf_number(const struct gguf_file *f, const char *key, double *x) {
    const struct gguf_value *v = gguf_find(f, key);
    float single;
    if (!v || v->array || v->type == GGUF_STRING)
        return false;
    if (v->type == GGUF_F64) {
        memcpy(x, v->data, sizeof *x);
    } else if (v->type == GGUF_F32) {
        memcpy(&single, v->data, sizeof single);
        *x = (double)single;
    } else {
        *x = (double)gguf_integer(v, 0);
    }
    return true;
}

bool gguf_next(struct gguf_walk *walk, struct gguf_string *s) {
    const struct gguf_value *v = walk->value;
    if (!v || v->type != GGUF_STRING || walk->i >= v->n)
        return false;
    const unsigned char *p = walk->i ? walk->at : v->data;
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++)
        n |= (uint64_t)p[i] << (8 * i);
    *s = (struct gguf_string){(const char *)p + 8, (size_t)n};
    walk->at = p + 8 + n;
    walk->i++;
    return true;
}

bool gguf_text(const struct gguf_file *f, const char *key, struct gguf_string *s) {
    struct gguf_walk walk = {.value = gguf_find(f, key)};
    return walk.value && !walk.value->array && gguf_next(&walk, s);
}

bool gguf_is(const struct gguf_file *f, const char *key, const char *text) {
    struct gguf_string s;
    return gguf_text(f, key, &s) && s.n == strlen(text) && memcmp(s.data, text, s.n) == 0;
}

/* ---- tensors -------------------------------------------------------------------------------- */

/* ggml's types by number. Those that are not ours cannot be used here; they are named and listed.
 */
static const struct dtype {
    const char *name;
    enum tensor_dtype dtype;
    bool ours;
} dtypes[] = {
    [0] = {"F32", TENSOR_F32, true},
    [1] = {"F16", TENSOR_F16, true},
    [2] = {"Q4_0", TENSOR_Q4_0, true},
    [3] = {.name = "Q4_1"},
    [6] = {.name = "Q5_0"},
    [7] = {.name = "Q5_1"},
    [8] = {"Q8_0", TENSOR_Q8_0, true},
    [9] = {.name = "Q8_1"},
    [10] = {.name = "Q2_K"},
    [11] = {.name = "Q3_K"},
    [12] = {"Q4_K", TENSOR_Q4_K, true},
    [13] = {"Q5_K", TENSOR_Q5_K, true},
    [14] = {"Q6_K", TENSOR_Q6_K, true},
    [15] = {.name = "Q8_K"},
    [16] = {.name = "IQ2_XXS"},
    [17] = {.name = "IQ2_XS"},
    [18] = {.name = "IQ3_XXS"},
    [19] = {.name = "IQ1_S"},
    [20] = {.name = "IQ4_NL"},
    [21] = {.name = "IQ3_S"},
    [22] = {.name = "IQ2_S"},
    [23] = {.name = "IQ4_XS"},
    [24] = {.name = "I8"},
    [25] = {.name = "I16"},
    [26] = {"I32", TENSOR_I32, true},
    [27] = {.name = "I64"},
    [28] = {.name = "F64"},
    [29] = {.name = "IQ1_M"},
    [30] = {"BF16", TENSOR_BF16, true},
    [34] = {.name = "TQ1_0"},
    [35] = {.name = "TQ2_0"},
    [39] = {.name = "MXFP4"},
    [40] = {.name = "NVFP4"},
    [41] = {.name = "Q1_0"},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

uint32_t gguf_dtype_number(enum tensor_dtype dtype) {
    uint32_t i = 0;
    while (i < DTYPES && !(dtypes[i].ours && dtypes[i].dtype == dtype))
        i++;
    return i;
}

static int take_shape(struct reader *r, struct tensor *t) {
    uint64_t rank = take(r, 4), count = 1;
    if (!r->err->code && (rank == 0 || rank > MAX_RANK))
        return bad(r, "a tensor must have 1 to 4 dimensions");
    t->rank = rank;
    for (size_t i = 0; i < t->rank && !r->err->code; i++) {
        uint64_t n = take(r, 8);
        t->shape[t->rank - 1 - i] = n;
        if (!r->err->code && (n == 0 || __builtin_mul_overflow(count, n, &count) || count >> 48))
            return bad(r, "a tensor with a size of 0, or too large to count");
    }
    return r->err->code;
}

/* t->view.data becomes the offset, as the place of offset 0 is not known yet. */
static int take_tensor(struct reader *r, struct st_tensor *t) {
    *t = (struct st_tensor){.file = r->file, .name = take_name(r)};
    if (take_shape(r, &t->view))
        return r->err->code;
    uint64_t type = take(r, 4);
    t->view.data = (void *)(uintptr_t)take(r, 8);
    if (r->err->code)
        return r->err->code;
    if (type >= DTYPES || !dtypes[type].name)
        return err_set(r->err, ERR_DATA, "%s: tensor '%.200s' is of unknown type %ju", r->file,
                       t->name, (uintmax_t)type);
    t->dtype = dtypes[type].name;
    t->view.dtype = dtypes[type].ours ? dtypes[type].dtype : TENSOR_U8;
    if (dtypes[type].ours && !tensor_bytes_checked(&t->view, &t->bytes))
        return err_set(r->err, ERR_DATA, "%s: tensor '%.200s': rows are no whole blocks of %s",
                       r->file, t->name, t->dtype);
    return 0;
}

static int by_place(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const struct st_tensor *)a)->view.data;
    uintptr_t y = (uintptr_t)((const struct st_tensor *)b)->view.data;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(struct reader *r, const struct gguf_file *f) {
    struct arena_mark mark = arena_mark(r->arena);
    const char **names = arena_alloc(r->arena, f->n_tensors * sizeof *names);
    for (size_t i = 0; i < f->n_tensors; i++)
        names[i] = f->tensors[i].name;
    qsort(names, f->n_tensors, sizeof *names, by_name);
    for (size_t i = 1; i < f->n_tensors; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return err_set(r->err, ERR_DATA, "%s: tensor '%.200s' comes twice", r->file, names[i]);
    arena_release(r->arena, mark);
    return 0;
}

/* Offsets become places: inside the file, aligned, one after the other. */
static int place(struct reader *r, struct gguf_file *f, size_t alignment) {
    size_t begin = (size_t)(r->at - r->start), size = (size_t)(r->end - r->start), end = 0;
    begin = (begin + alignment - 1) / alignment * alignment;
    qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_place);
    for (size_t i = 0; i < f->n_tensors; i++) {
        struct st_tensor *t = &f->tensors[i];
        size_t offset = (size_t)(uintptr_t)t->view.data;
        const char *wrong = NULL;
        if (offset % alignment)
            wrong = "does not begin at a multiple of the alignment";
        else if (offset < end)
            wrong = "overlaps the tensor before it";
        else if (begin > size || offset > size - begin || t->bytes > size - begin - offset)
            wrong = "ends outside the file";
        if (wrong)
            return err_set(r->err, ERR_DATA, "%s: tensor '%.200s' %s", r->file, t->name, wrong);
        end = offset + t->bytes;
        /* A type that is not ours is listed without data. */
        t->view.data = t->bytes ? (void *)(r->start + begin + offset) : NULL;
    }
    return 0;
}

static int take_tensors(struct reader *r, struct gguf_file *f, uint64_t n) {
    size_t alignment = ALIGNMENT;
    if (gguf_find(f, "general.alignment") &&
        (!gguf_natural(f, "general.alignment", &alignment) || alignment < LEAST_ALIGNMENT ||
         alignment > MOST_ALIGNMENT || (alignment & (alignment - 1))))
        return err_set(r->err, ERR_DATA, "%s: general.alignment is no power of two from 8 to 1 MiB",
                       r->file);
    if (n > left(r) / MIN_TENSOR_INFO || n > MAX_COUNT)
        return bad(r, "more tensors than the file has room for, or a million");
    f->tensors = arena_alloc(r->arena, n * sizeof *f->tensors);
    for (; f->n_tensors < n; f->n_tensors++)
        if (take_tensor(r, &f->tensors[f->n_tensors]))
            return r->err->code;
    return check_names(r, f) || place(r, f, alignment);
}

/* ---- the whole ------------------------------------------------------------------------------ */

int gguf_parse(struct gguf_file *f, const void *bytes, size_t size, const char *file,
               struct arena *a, struct err *e) {
    const unsigned char *p = bytes;
    *f = (struct gguf_file){.name = arena_strdup(a, file)};
    struct reader r = {f->name, p, p, p + size, a, e};
    if (size < 24 || memcmp(p, "GGUF", 4) != 0)
        return err_set(e, ERR_DATA, "%s: no GGUF file; a model is one, or a directory", file);
    r.at += 4;
    uint64_t version = take(&r, 4), n_tensors = take(&r, 8), n_values = take(&r, 8);
    if (version != 2 && version != 3)
        return err_set(e, ERR_CONFIG, "%s: GGUF version %ju: only 2 and 3, little-endian, are read",
                       file, (uintmax_t)version);
    if (take_values(&r, f, n_values) == 0)
        take_tensors(&r, f, n_tensors);
    return e->code;
}

int gguf_open(struct gguf_file *f, const char *path, struct arena *a, struct err *e) {
    *f = (struct gguf_file){0};
    struct map *map = map_open(path, e);
    if (map && gguf_parse(f, map->bytes, map->size, map->name, a, e) == 0)
        f->map = map;
    else
        map_close(map);
    return e->code;
}

void gguf_close(struct gguf_file *f) {
    map_close(f->map);
    *f = (struct gguf_file){0};
}
