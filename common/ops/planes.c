#include "common/ops/planes.h"

#include "common/weights/quant_blocks.h"

#include <assert.h>
#include <string.h>

/* A plane is a part of a block: `size` bytes from `offset` on. */
struct part {
    size_t offset, size;
};

static const struct {
    uint32_t weights;
    struct part parts[PLANES_MOST];
} types[TENSOR_DTYPES] = {
    [TENSOR_F32] = {WEIGHTS_F32, {{0, 4}}},
    [TENSOR_BF16] = {WEIGHTS_BF16, {{0, 2}}},
    [TENSOR_Q8_0] = {WEIGHTS_Q8_0,
                     {{offsetof(struct quant_q8_0, q), 32}, {offsetof(struct quant_q8_0, d), 2}}},
    [TENSOR_Q4_0] = {WEIGHTS_Q4_0,
                     {{offsetof(struct quant_q4_0, q), 16}, {offsetof(struct quant_q4_0, d), 2}}},
    [TENSOR_Q4_K] = {WEIGHTS_Q4_K, {{0, sizeof(struct quant_q4_k)}}},
    [TENSOR_Q5_K] = {WEIGHTS_Q5_K, {{0, sizeof(struct quant_q5_k)}}},
    [TENSOR_Q6_K] = {WEIGHTS_Q6_K,
                     {{offsetof(struct quant_q6_k, low), 128},
                      {offsetof(struct quant_q6_k, high), 64},
                      {offsetof(struct quant_q6_k, scales), 16},
                      {offsetof(struct quant_q6_k, d), 2}}},
};

uint32_t planes_weights(enum tensor_dtype dtype) {
    assert(planes_size(dtype, 0));
    return types[dtype].weights;
}

size_t planes_count(enum tensor_dtype dtype) {
    size_t n = 0;
    while (n < PLANES_MOST && types[dtype].parts[n].size)
        n++;
    return n;
}

size_t planes_size(enum tensor_dtype dtype, size_t plane) {
    return types[dtype].parts[plane].size;
}

size_t planes_offset(enum tensor_dtype dtype, size_t plane, size_t n_blocks, size_t first) {
    size_t offset = first * planes_size(dtype, plane);
    for (size_t i = 0; i < plane; i++)
        offset += n_blocks * planes_size(dtype, i);
    return offset;
}

/* `size` is a constant where it is called: memcpy() is a few instructions then. */
static inline void take(char *dst, const char *blocks, size_t n, size_t size, size_t whole) {
    for (size_t i = 0; i < n; i++)
        memcpy(dst + i * size, blocks + i * whole, size);
}

void planes_take(void *dst, const void *blocks, enum tensor_dtype dtype, size_t plane, size_t n) {
    const struct part *p = &types[dtype].parts[plane];
    const char *from = (const char *)blocks + p->offset;
    size_t whole = tensor_dtype_size(dtype);
    if (p->size == 2)
        take(dst, from, n, 2, whole);
    else if (p->size == 16)
        take(dst, from, n, 16, whole);
    else if (p->size == 32)
        take(dst, from, n, 32, whole);
    else
        take(dst, from, n, p->size, whole);
}

void planes_make(void *dst, const struct tensor *matrix) {
    size_t n = tensor_bytes(matrix) / tensor_dtype_size(matrix->dtype);
    for (size_t i = 0; i < planes_count(matrix->dtype); i++)
        planes_take((char *)dst + planes_offset(matrix->dtype, i, n, 0), matrix->data,
                    matrix->dtype, i, n);
}
