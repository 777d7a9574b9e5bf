#include "common/ops/planes.h"

#include "common/base/gather.h"
#include "common/weights/quant_blocks.h"

#include <assert.h>

/* Bytes of a plane: `size` of each block, from `offset` on. */
struct part {
    size_t offset, size;
};

static const struct part q8_0[] = {{offsetof(struct quant_q8_0, q), 32},
                                   {offsetof(struct quant_q8_0, d), 2}};
static const struct part q4_0[] = {{offsetof(struct quant_q4_0, q), 16},
                                   {offsetof(struct quant_q4_0, d), 2}};
static const struct part q6_k[] = {{offsetof(struct quant_q6_k, low), 128},
                                   {offsetof(struct quant_q6_k, high), 64},
                                   {offsetof(struct quant_q6_k, scales), 16},
                                   {offsetof(struct quant_q6_k, d), 2}};

static const struct {
    bool known;
    uint32_t weights;
    const struct part *parts;
    size_t n;
} types[TENSOR_DTYPES] = {
    [TENSOR_F32] = {true, WEIGHTS_F32, NULL, 0},   [TENSOR_BF16] = {true, WEIGHTS_BF16, NULL, 0},
    [TENSOR_Q8_0] = {true, WEIGHTS_Q8_0, q8_0, 2}, [TENSOR_Q4_0] = {true, WEIGHTS_Q4_0, q4_0, 2},
    [TENSOR_Q4_K] = {true, WEIGHTS_Q4_K, NULL, 0}, [TENSOR_Q5_K] = {true, WEIGHTS_Q5_K, NULL, 0},
    [TENSOR_Q6_K] = {true, WEIGHTS_Q6_K, q6_k, 4},
};

uint32_t planes_weights(enum tensor_dtype dtype) {
    assert(types[dtype].known);
    return types[dtype].weights;
}

struct gpu_planes planes_of(const struct tensor *t) {
    struct gpu_planes p = {.n = types[t->dtype].n, .block = tensor_dtype_size(t->dtype)};
    size_t n_blocks = tensor_bytes(t) / p.block, at = 0;
    for (size_t i = 0; i < p.n; i++) {
        const struct part *part = &types[t->dtype].parts[i];
        p.plane[i] = (struct gpu_plane){part->offset, part->size, at};
        at += n_blocks * part->size;
    }
    return p;
}

void planes_make(void *dst, const struct tensor *matrix) {
    struct gpu_planes p = planes_of(matrix);
    size_t bytes = tensor_bytes(matrix);
    if (p.n == 0)
        memcpy(dst, matrix->data, bytes);
    for (size_t i = 0; i < p.n; i++)
        gather((char *)dst + p.plane[i].at, (const char *)matrix->data + p.plane[i].offset,
               bytes / p.block, p.plane[i].size, p.block);
}
