/* attention_out: what the output projection w adds of attention_lanes, of a tile of its rows and the
 * workgroup's kv head: see attention_out_lanes.h. Before it is included: what attention_lanes needs,
 * and the constant W_BF16. */
#ifndef SHADERS_ATTENTION_OUT
#define SHADERS_ATTENTION_OUT

#include "shaders/lib/attention_lanes.glsl"
#include "shaders/lib/last.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer findings {
    float at[];
};

/* A subgroup has ROWS rows of w at a time, a thread SHARE of a row's EIGHTS. */
const uint ROWS = ATTENTION_OUT_ROWS, TILE = ROWS * SUBGROUPS;
const uint EIGHTS = QUERIES * HEAD_DIM / 8, SHARE = (EIGHTS + SUBGROUP - 1) / SUBGROUP;

shared vec4 attended[2 * EIGHTS]; /* [half of an eight, eight] */
raw_eight out_raw[ROWS * SHARE];

/* Those beyond the last are the last. */
uint out_row(uint i) {
    return min(GROUP.x * TILE + gl_SubgroupID * ROWS + i, a.outs - 1);
}

uint out_eight(uint i) {
    return gl_SubgroupInvocationID + i * SUBGROUP;
}

void load_out() {
    const uint bytes = W_BF16 ? 16 : 32;
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        uint64_t first = (uint64_t(out_row(row)) * a.kv_heads + GROUP.y) * EIGHTS;
        [[unroll]] for (uint i = 0; i < SHARE; i++)
            out_raw[row * SHARE + i] =
                load_eight(a.w + first * bytes, min(out_eight(i), EIGHTS - 1), W_BF16);
    }
}

void keep_attended() {
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * FOURS; i += THREADS) {
        finding f = join_subgroups(i / FOURS, i % FOURS);
        attended[i % 2 * EIGHTS + i / 2] = f.sum / f.mass;
    }
    barrier();
}

/* Over the subgroup. */
float subgroup_sum(float x) {
    [[unroll]] for (uint i = 1; i < SUBGROUP; i *= 2)
        x += subgroupShuffleXor(x, i);
    return x;
}

/* Leaves this head's share of the tile's rows, and says whether all heads have. */
bool hand_in() {
    float mine = 0, part[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        part[row] = 0;
    [[unroll]] for (uint i = 0; i < SHARE; i++) {
        if (out_eight(i) >= EIGHTS)
            continue;
        eight x = eight(attended[out_eight(i)], attended[EIGHTS + out_eight(i)]);
        [[unroll]] for (uint row = 0; row < ROWS; row++)
            part[row] = fma8(x, widen_eight(out_raw[row * SHARE + i], W_BF16), part[row]);
    }
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        float whole = subgroup_sum(part[row]);
        mine = gl_SubgroupInvocationID == row ? whole : mine;
    }
    if (gl_SubgroupInvocationID < ROWS)
        findings(a.parts).at[GROUP.y * a.outs + out_row(gl_SubgroupInvocationID)] = mine;
    return is_last(a.done + GROUP.x * 4, a.kv_heads);
}

/* The shares of all heads in a row. */
float all_heads(uint row) {
    const uint AT_ONCE = 8;
    float y = 0, x[AT_ONCE];
    for (uint h = 0; h < a.kv_heads; h += AT_ONCE) {
        [[unroll]] for (uint i = 0; i < AT_ONCE; i++)
            x[i] = findings(a.parts).at[min(h + i, a.kv_heads - 1) * a.outs + row];
        [[unroll]] for (uint i = 0; i < AT_ONCE; i++)
            y += h + i < a.kv_heads ? x[i] : 0;
    }
    return y;
}

#endif
