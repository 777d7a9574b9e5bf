/* tensor: a view of dense row-major numbers. It never owns its memory. */
#ifndef WIRE_TENSOR_H
#define WIRE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSOR_MAX_RANK = 8 };

/* The types after U8 are weights' only, never a stream's: blocks of 32 or 256 neighbours of a row,
 * laid out as ggml has them (see common/weights/quant.h). Their rows are whole blocks. */
enum tensor_dtype {
    TENSOR_F32,
    TENSOR_BF16,
    TENSOR_F16,
    TENSOR_I32,
    TENSOR_U16,
    TENSOR_U8,
    TENSOR_Q8_0,
    TENSOR_Q4_0,
    TENSOR_Q4_K,
    TENSOR_Q5_K,
    TENSOR_Q6_K,
    TENSOR_DTYPES
};

/* shape[0] is the outermost dimension. rank 0 with no data means "no tensor" (an absent bias). */
struct tensor {
    enum tensor_dtype dtype;
    size_t rank;
    size_t shape[TENSOR_MAX_RANK];
    void *data;
};

/* Bytes of one element (4, 2 or 1), or of one block. */
size_t tensor_dtype_size(enum tensor_dtype dtype);
/* Elements of one block: 1, 32 or 256. */
size_t tensor_dtype_block(enum tensor_dtype dtype);
static inline bool tensor_is_quantised(enum tensor_dtype dtype) {
    return dtype >= TENSOR_Q8_0;
}
/* "f32", "bf16", ..., "q8_0", ... */
const char *tensor_dtype_name(enum tensor_dtype dtype);
/* False if name is none of a stream's. */
bool tensor_dtype_parse(const char *name, enum tensor_dtype *dtype);

/* Number of elements (1 for rank 0), of bytes, of elements in one row (all but shape[0]). Elements
 * are numbers, also where they are kept in blocks. */
size_t tensor_count(const struct tensor *t);
size_t tensor_bytes(const struct tensor *t);
size_t tensor_row(const struct tensor *t);
/* Like tensor_bytes for shapes from outside: false on overflow, or if rows are no whole blocks. */
bool tensor_bytes_checked(const struct tensor *t, size_t *bytes);

/* Views of memory the caller owns. */
struct tensor tensor_1d(enum tensor_dtype dtype, void *data, size_t n0);
struct tensor tensor_2d(enum tensor_dtype dtype, void *data, size_t n0, size_t n1);
struct tensor tensor_3d(enum tensor_dtype dtype, void *data, size_t n0, size_t n1, size_t n2);
/* Rows [first, first + n) of t. */
struct tensor tensor_rows(const struct tensor *t, size_t first, size_t n);
/* The same numbers in another shape; the counts must agree. */
struct tensor tensor_reshape_2d(const struct tensor *t, size_t n0, size_t n1);
struct tensor tensor_reshape_3d(const struct tensor *t, size_t n0, size_t n1, size_t n2);

static inline float *tensor_f32(const struct tensor *t) {
    return t->data;
}

static inline int32_t *tensor_i32(const struct tensor *t) {
    return t->data;
}

#endif
