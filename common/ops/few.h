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
    size_t loads = (width / 8 + FEW_TEAM - 1) / FEW_TEAM, most = (rows > 2 ? 4 : 16) / matrices;
    size_t times = (loads + most - 1) / most;
    return times ? (uint32_t)((loads + times - 1) / times) : 1;
}

/* Whether rows of `width` numbers can be read eight at a time; ored: all addresses, with |. */
static inline bool few_eights(size_t width, uint64_t ored) {
    return width % 8 == 0 && ored % 16 == 0;
}

/* The width of rows of x that a workgroup keeps in shared memory (WIDTH of shaders/lib/few.glsl),
 * all `rows` of them; 0: there is no room. matrices, norm: what the kernel has of them; spare:
 * bytes of shared memory that it has beside. */
static inline uint32_t few_width(const struct run *run, size_t width, size_t rows, size_t matrices,
                                 bool norm, size_t spare) {
    enum { MOST = 32 << 10 /* more leaves a core fewer workgroups */ };
    size_t all = gpu_info(run->gpu)->shared, sums = few_rows(rows) * (matrices + norm);
    size_t parts = sums * FEW_TEAMS * (FEW_TEAM + 5) + norm * few_rows(rows) * FEW_TEAMS * FEW_TEAM;
    size_t bytes = (few_rows(rows) * width + parts) * sizeof(float) + spare;
    return bytes <= (all < MOST ? all : MOST) ? (uint32_t)width : 0;
}

/* A norm's weights, as kernels are told of them. */
static inline uint32_t few_norm(const struct tensor *norm) {
    return !norm ? 0 : norm->dtype == TENSOR_F32 ? 1 : 2;
}

#endif
