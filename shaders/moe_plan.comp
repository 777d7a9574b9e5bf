/* Sorts pairs by expert: counts, where each expert's pairs begin, tiles, places. One workgroup. In
 * which order an expert's pairs stand is left to chance and does not matter: no pair's result
 * depends on the others of its tile. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"
#include "shaders/moe.h"

const uint THREADS = 256;
layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

shared uint count[MOE_MAX_EXPERTS], place[MOE_MAX_EXPERTS], tile[MOE_MAX_EXPERTS];

/* Where each expert's pairs and tiles begin. */
void sum_counts(uints plan) {
    uint places = 0, tiles = 0;
    for (uint e = 0; e < a.n_experts; e++) {
        place[e] = places;
        tile[e] = tiles;
        places += count[e];
        tiles += (count[e] + a.tile - 1) / a.tile;
    }
    plan.at[0] = tiles;
}

void list_tiles(uints plan, uint e) {
    for (uint done = 0; done < count[e]; done += a.tile) {
        uint at = 1 + (tile[e] + done / a.tile) * MOE_TILE_WORDS;
        plan.at[at] = e;
        plan.at[at + 1] = place[e] + done;
        plan.at[at + 2] = min(count[e] - done, a.tile);
    }
}

void main() {
    uint thread = gl_LocalInvocationIndex, pairs = a.rows * a.chosen;
    uints plan = uints(a.plan);
    for (uint e = thread; e < a.n_experts; e += THREADS)
        count[e] = 0;
    barrier();
    for (uint p = thread; p < pairs; p += THREADS)
        atomicAdd(count[ints(a.experts).at[p]], 1);
    barrier();
    if (thread == 0)
        sum_counts(plan);
    barrier();
    for (uint e = thread; e < a.n_experts; e += THREADS)
        list_tiles(plan, e);
    barrier(); /* from here on place[e] is the next one that is free */
    uint first = 1 + MOE_TILES(pairs, a.n_experts, a.tile) * MOE_TILE_WORDS;
    for (uint p = thread; p < pairs; p += THREADS)
        plan.at[first + atomicAdd(place[ints(a.experts).at[p]], 1)] = p;
}
