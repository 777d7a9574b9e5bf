#include "common/wire/tensor.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size, block;
} dtypes[TENSOR_DTYPES] = {
    [TENSOR_F32] = {"f32", 4, 1},       [TENSOR_BF16] = {"bf16", 2, 1},
    [TENSOR_F16] = {"f16", 2, 1},       [TENSOR_I32] = {"i32", 4, 1},
    [TENSOR_U16] = {"u16", 2, 1},       [TENSOR_U8] = {"u8", 1, 1},
    [TENSOR_Q8_0] = {"q8_0", 34, 32},   [TENSOR_Q4_0] = {"q4_0", 18, 32},
    [TENSOR_Q4_K] = {"q4_K", 144, 256}, [TENSOR_Q5_K] = {"q5_K", 176, 256},
    [TENSOR_Q6_K] = {"q6_K", 210, 256},
};

size_t tensor_dtype_size(enum tensor_dtype dtype) {
    return dtypes[dtype].size;
}

size_t tensor_dtype_block(enum tensor_dtype dtype) {
    return dtypes[dtype].block;
}

const char *tensor_dtype_name(enum tensor_dtype dtype) {
    return dtypes[dtype].name;
}

bool tensor_dtype_parse(const char *name, enum tensor_dtype *dtype) {
    for (size_t i = 0; i <= TENSOR_U8; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *dtype = (enum tensor_dtype)i;
            return true;
        }
    }
    return false;
}

size_t tensor_count(const struct tensor *t) {
    size_t n = 1;
    for (size_t i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

/* Bytes of n elements from the start of a block. */
static size_t bytes_of(enum tensor_dtype dtype, size_t n) {
    assert(n % dtypes[dtype].block == 0);
    return n / dtypes[dtype].block * dtypes[dtype].size;
}

size_t tensor_bytes(const struct tensor *t) {
    return bytes_of(t->dtype, tensor_count(t));
}

size_t tensor_row(const struct tensor *t) {
    size_t n = 1;
    for (size_t i = 1; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

bool tensor_bytes_checked(const struct tensor *t, size_t *bytes) {
    size_t n = tensor_dtype_size(t->dtype), block = tensor_dtype_block(t->dtype);
    for (size_t i = 0; i < t->rank; i++) {
        bool innermost = i + 1 == t->rank;
        if (innermost && t->shape[i] % block)
            return false;
        if (__builtin_mul_overflow(n, innermost ? t->shape[i] / block : t->shape[i], &n))
            return false;
    }
    *bytes = n;
    return true;
}

struct tensor tensor_1d(enum tensor_dtype dtype, void *data, size_t n0) {
    return (struct tensor){.dtype = dtype, .rank = 1, .shape = {n0}, .data = data};
}

struct tensor tensor_2d(enum tensor_dtype dtype, void *data, size_t n0, size_t n1) {
    return (struct tensor){.dtype = dtype, .rank = 2, .shape = {n0, n1}, .data = data};
}

struct tensor tensor_3d(enum tensor_dtype dtype, void *data, size_t n0, size_t n1, size_t n2) {
    return (struct tensor){.dtype = dtype, .rank = 3, .shape = {n0, n1, n2}, .data = data};
}

struct tensor tensor_rows(const struct tensor *t, size_t first, size_t n) {
    assert(t->rank > 0 && first + n <= t->shape[0]);
    struct tensor v = *t;
    v.shape[0] = n;
    v.data = (char *)t->data + bytes_of(t->dtype, first * tensor_row(t));
    return v;
}

struct tensor tensor_reshape_2d(const struct tensor *t, size_t n0, size_t n1) {
    assert(n0 * n1 == tensor_count(t));
    return tensor_2d(t->dtype, t->data, n0, n1);
}

struct tensor tensor_reshape_3d(const struct tensor *t, size_t n0, size_t n1, size_t n2) {
    assert(n0 * n1 * n2 == tensor_count(t));
    return tensor_3d(t->dtype, t->data, n0, n1, n2);
}
