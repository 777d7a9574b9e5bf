/* moe: experts for many rows. Pair p = t * chosen + i is row t with the i-th of its experts.
 * moe_plan sorts the pairs by expert into tiles; moe_hidden_many makes hidden[p] = silu(gate x[t])
 * * (up x[t]) and moe_down_many results[p] = down hidden[p], as matrix products of such tiles;
 * moe_combine adds the weighted results to dst.
 *
 * Kernels with matrices as large as a tile want rows that lie together: for them moe_gather makes
 * `sorted`, and hidden and results are in the order of places. They take bf16 weights only, of some
 * experts at a time where those were made from quantised ones. */
#ifndef SHADERS_MOE_H
#define SHADERS_MOE_H

#include "shaders/lib/types.h"

/* Constants of moe_hidden_many and moe_down_many: those of product_many; of kernels for matrix
 * units: those of their tiles, and 7 is the type of the weights, see quant.h. */
struct moe_args {
    uint64_t dst, x;         /* f32 [rows, width] */
    uint64_t experts;        /* i32 [rows, chosen] */
    uint64_t weights;        /* f32 [rows, chosen] */
    uint64_t gate, up, down; /* the first expert's: [inner, width] twice, [width, inner] */
    uint64_t apart;          /* bytes from one expert's matrix to the next one's of its kind */
    uint64_t hidden;         /* f32, or bf16 if sorted [rows * chosen, inner] */
    uint64_t results;        /* f32 [rows * chosen, width] */
    uint64_t plan;           /* u32, see below */
    uint64_t sorted;         /* bf16 [rows * chosen, width]: x in the order of the plan */
    uint32_t rows, chosen, width, inner, n_experts;
    uint32_t tile;        /* pairs of a tile */
    uint32_t first, some; /* sorted: tiles of experts [first, first + some) are made */
};

#define MOE_MAX_EXPERTS 1024

/* The plan: n_tiles; for each of MOE_TILES tiles its expert, its first place and the places it
 * has; then the pair at each place, and the place of each pair; then the pairs of each expert. */
#define MOE_TILES(pairs, n_experts, tile)  ((pairs) / (tile) + (n_experts))
#define MOE_TILE_WORDS                     3
#define MOE_PAIRS(pairs, n_experts, tile)  (1 + MOE_TILES(pairs, n_experts, tile) * MOE_TILE_WORDS)
#define MOE_COUNTS(pairs, n_experts, tile) (MOE_PAIRS(pairs, n_experts, tile) + 2 * (pairs))

#endif
