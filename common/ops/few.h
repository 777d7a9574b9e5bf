/* few: what the kernels for few rows on a GPU share (shaders/lib/few.glsl). Private to this room.
 */
#ifndef OPS_FEW_H
#define OPS_FEW_H

#include "common/ops/ops.h"

enum {
    FEW_ROWS = 8,  /* up to here reading the weights is what takes time */
    FEW_TEAMS = 8, /* rows of weights that a workgroup works on at once */
    FEW_TEAM = 32, /* threads that share one */
};

/* Rows that share a read of the weights: a power of two, so that there are few kernels. */
static inline uint32_t few_rows(size_t rows) {
    return rows > 4 ? 8 : rows > 2 ? 4 : rows > 1 ? 2 : 1;
}

/* Loads of eight weights that a thread has under way at once, from each of one or two rows of
 * weights: all that it needs, or a half, a third, .. of it, as far as registers go. */
static inline uint32_t few_batch(size_t width, size_t matrices, size_t rows) {
    size_t loads = (width / 8 + FEW_TEAM - 1) / FEW_TEAM, most = (rows > 2 ? 4 : 8) / matrices;
    size_t times = (loads + most - 1) / most;
    return times ? (uint32_t)((loads + times - 1) / times) : 1;
}

/* Whether rows of `width` numbers can be read eight at a time; ored: all addresses, with |. */
static inline bool few_eights(size_t width, uint64_t ored) {
    return width % 8 == 0 && ored % 16 == 0;
}

/* A norm's weights, as kernels are told of them. */
static inline uint32_t few_norm(const struct tensor *norm) {
    return !norm ? 0 : norm->dtype == TENSOR_F32 ? 1 : 2;
}

#endif
