/* gguf: one file of llama.cpp's format, versions 2 and 3, little-endian. The letters "GGUF",
 * version, number of tensors, number of values; the values (key, type, data); of each tensor the
 * name, its sizes (innermost first), type and place; then, aligned, the data.
 *
 * Format: ggml's docs/gguf.md. */
#ifndef WEIGHTS_GGUF_H
#define WEIGHTS_GGUF_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/weights/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES
};

/* A value of the file's head: one element, or an array of n of them. */
struct gguf_value {
    const char *key;
    enum gguf_type type; /* of the elements */
    bool array;
    size_t n;
    const unsigned char *data; /* of the first element, in the file, anyhow aligned */
};

/* In the file, not terminated. */
struct gguf_string {
    const char *data;
    size_t n;
};

struct gguf_file {
    const char *name; /* base name */
    struct map *map;  /* the whole file; NULL after gguf_parse() */
    size_t n_values;
    struct gguf_value *values; /* by key */
    size_t n_tensors;
    struct st_tensor *tensors; /* by place; names are the file's, shapes outermost first */
};

/* Maps a file and reads its head; names and tensors live in a. 66 missing, 65 malformed, 78 a
 * version or byte order that is not read here. */
int gguf_open(struct gguf_file *f, const char *path, struct arena *a, struct err *e);
void gguf_close(struct gguf_file *f);

/* The parser by itself, on bytes in memory; file names them in messages. Fills f but for map. */
int gguf_parse(struct gguf_file *f, const void *bytes, size_t size, const char *file,
               struct arena *a, struct err *e);

/* NULL: no such key. */
const struct gguf_value *gguf_find(const struct gguf_file *f, const char *key);
/* False if there is no such key, or it is no integer of 0 or more, no number, no string. */
bool gguf_natural(const struct gguf_file *f, const char *key, size_t *n);
bool gguf_number(const struct gguf_file *f, const char *key, double *x);
bool gguf_text(const struct gguf_file *f, const char *key, struct gguf_string *s);
/* True if the value is there and is exactly this text. */
bool gguf_is(const struct gguf_file *f, const char *key, const char *text);

/* Element i of an array of integers. */
int64_t gguf_integer(const struct gguf_value *v, size_t i);

/* Walks an array of strings: a zeroed `walk` but for value. False at the end, and at once if the
 * value is no array of strings. */
struct gguf_walk {
    const struct gguf_value *value;
    size_t i;
    const unsigned char *at;
};
bool gguf_next(struct gguf_walk *walk, struct gguf_string *s);

/* How ggml numbers the dtypes we have, for files we write. */
uint32_t gguf_dtype_number(enum tensor_dtype dtype);

#endif
