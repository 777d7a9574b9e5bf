/* Sorts pairs by expert: counts, where each expert's pairs begin, tiles, places. One workgroup. In
 * which order an expert's pairs stand is left to chance and does not matter: no pair's result
 * depends on the others of its tile. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/memory.glsl"
#include "shaders/moe.h"

const uint THREADS = 512;
const uint BATCH = 8; /* pairs that a thread looks at together: their loads overlap */
layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

shared uint count[MOE_MAX_EXPERTS], place[MOE_MAX_EXPERTS];

uint tiles_of(uint e) {
    return (count[e] + a.tile - 1) / a.tile;
}

/* Where the expert's pairs begin, how many they are, and its tiles. */
void list_tiles(uints plan, uint e) {
    uint tile = 0, first = 0;
    for (uint before = 0; before < e; before++) {
        first += count[before];
        tile += tiles_of(before);
    }
    place[e] = first;
    plan.at[MOE_COUNTS(a.rows * a.chosen, a.n_experts, a.tile) + e] = count[e];
    if (e == a.n_experts - 1)
        plan.at[0] = tile + tiles_of(e);
    for (uint done = 0; done < count[e]; done += a.tile) {
        uint at = 1 + tile++ * MOE_TILE_WORDS;
        plan.at[at] = e;
        plan.at[at + 1] = first + done;
        plan.at[at + 2] = min(count[e] - done, a.tile);
    }
}

/* The experts of pairs from, from + THREADS, ..; those of pairs that there are not: of the last. */
void load_batch(uint from, uint pairs, out uint expert[BATCH]) {
    [[unroll]] for (uint i = 0; i < BATCH; i++)
        expert[i] = ints(a.experts).at[min(from + i * THREADS, pairs - 1)];
}

void count_pairs(uint pairs) {
    uint expert[BATCH];
    for (uint p = gl_LocalInvocationIndex; p < pairs; p += BATCH * THREADS) {
        load_batch(p, pairs, expert);
        [[unroll]] for (uint i = 0; i < BATCH; i++)
            if (p + i * THREADS < pairs)
                atomicAdd(count[expert[i]], 1);
    }
}

/* From here on place[e] is the next one that is free. */
void place_pairs(uint pairs) {
    uints plan = uints(a.plan);
    uint expert[BATCH], first = MOE_PAIRS(pairs, a.n_experts, a.tile);
    for (uint p = gl_LocalInvocationIndex; p < pairs; p += BATCH * THREADS) {
        load_batch(p, pairs, expert);
        [[unroll]] for (uint i = 0; i < BATCH; i++) {
            if (p + i * THREADS >= pairs)
                continue;
            uint to = atomicAdd(place[expert[i]], 1);
            plan.at[first + to] = p + i * THREADS;
            plan.at[first + pairs + p + i * THREADS] = to;
        }
    }
}

void main() {
    uint pairs = a.rows * a.chosen;
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        count[e] = 0;
    barrier();
    count_pairs(pairs);
    barrier();
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        list_tiles(uints(a.plan), e);
    barrier();
    place_pairs(pairs);
}
