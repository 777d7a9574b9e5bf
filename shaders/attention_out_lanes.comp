#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/attention_out_lanes.h"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/last.glsl"

layout(local_size_x_id = 7) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 2) const uint LANES = 16;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 4) const uint QUERIES = 2;
layout(constant_id = 5) const uint KEYS = 16;
layout(constant_id = 6) const uint SUBGROUP = 32;
layout(constant_id = 7) const uint THREADS = 256;
layout(constant_id = 8) const bool W_BF16 = false;
layout(constant_id = 9) const uint CAPACITY = 16;
layout(constant_id = 10) const uint WARM = 0;
layout(push_constant, scalar) uniform push {
    attention_out_lanes_args a;
};

#include "shaders/lib/attention_lanes.glsl"

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
    return min(gl_WorkGroupID.x * TILE + gl_SubgroupID * ROWS + i, a.outs - 1);
}

uint out_eight(uint i) {
    return gl_SubgroupInvocationID + i * SUBGROUP;
}

void load_out() {
    const uint bytes = W_BF16 ? 16 : 32;
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        uint64_t first = (uint64_t(out_row(row)) * a.kv_heads + gl_WorkGroupID.y) * EIGHTS;
        [[unroll]] for (uint i = 0; i < SHARE; i++)
            out_raw[row * SHARE + i] =
                load_eight(a.w + first * bytes, min(out_eight(i), EIGHTS - 1), W_BF16);
    }
}

uvec4 warm_raw[WARM > 0 ? WARM : 1];

/* Asks for what the next kernel wants, while memory has little else to do. */
void warm() {
    uint groups = gl_NumWorkGroups.x * gl_NumWorkGroups.y;
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    [[unroll]] for (uint i = 0; i < WARM; i++)
        warm_raw[i] = quads(a.next).at[(i * groups + group) * THREADS + gl_LocalInvocationIndex];
}

/* As if it were used: nobody looks at `parts` after this kernel. */
void use_warm() {
    uvec4 all = uvec4(0xffffffff);
    [[unroll]] for (uint i = 0; i < WARM; i++)
        all &= warm_raw[i];
    if (WARM > 0 && all == uvec4(0x7fa5c3e1))
        uints(a.parts).at[a.kv_heads * a.outs] = all.x;
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
        findings(a.parts).at[gl_WorkGroupID.y * a.outs + out_row(gl_SubgroupInvocationID)] = mine;
    return is_last(a.done + gl_WorkGroupID.x * 4, a.kv_heads);
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

void main() {
    uint row = gl_WorkGroupID.x * TILE + gl_LocalInvocationIndex;
    bool stores = gl_LocalInvocationIndex < TILE && row < a.outs;
    attend_begin();
    uint end = uint(ints(a.at).at[0]) + a.ahead + 1;
    load_out();
    warm();
    float before = stores ? floats(a.dst).at[row] : 0;
    attend(end);
    keep_attended();
    if (hand_in() && stores)
        floats(a.dst).at[row] = before + all_heads(row);
    use_warm();
}
