/* moe_tile: the tile of moe_args `a` that a workgroup works on, see shaders/moe.h. */
#ifndef SHADERS_MOE_TILE
#define SHADERS_MOE_TILE

shared uint tile_pair[BM]; /* of each of its lines; lines without one repeat the last */
uint tile_lines;
uint64_t tile_expert; /* bytes from expert 0's matrices to this one's */

/* False: there are fewer tiles. All threads must call it. */
bool find_tile(uint n) {
    uints plan = uints(a.plan);
    if (n >= plan.at[0])
        return false;
    uint at = 1 + n * MOE_TILE_WORDS;
    uint places = MOE_PAIRS(a.rows * a.chosen, a.n_experts, a.tile);
    tile_expert = uint64_t(plan.at[at]) * a.apart;
    tile_lines = plan.at[at + 2];
    for (uint i = gl_LocalInvocationIndex; i < BM; i += THREADS)
        tile_pair[i] = plan.at[places + plan.at[at + 1] + min(i, tile_lines - 1)];
    barrier();
    return true;
}

#endif
