#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_out_lanes.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x_id = 6) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 2) const uint LANES = 16;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 4) const uint QUERIES = 2;
layout(constant_id = 5) const uint KEYS = 16;
layout(constant_id = 6) const uint THREADS = 256;
layout(constant_id = 7) const bool W_BF16 = false;
layout(constant_id = 8) const uint CAPACITY = 16;
layout(constant_id = 9) const uint WARM = 0;
layout(push_constant, scalar) uniform push {
    attention_out_lanes_args a;
};

#define GROUP gl_WorkGroupID
#include "shaders/lib/attention_out.glsl"
#include "shaders/lib/last.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer findings {
    float at[];
};

/* ---- the new rows ---- */

shared vec4 new_row[NEW_ROWS * FOURS];
const uint NEW_LOADS = (NEW_ROWS * FOURS + THREADS - 1) / THREADS;

vec4 row_four(uint row, uint i) {
    return new_row[row * FOURS + i];
}

void put_row_four(uint row, uint i, vec4 x) {
    new_row[row * FOURS + i] = x;
}

uint64_t new_row_at(uint row) {
    uint head = GROUP.y * (row < QUERIES ? QUERIES : 1) + (row < QUERIES ? row : 0);
    return (row < QUERIES ? a.q : row == NEW_KEY ? a.new_k : a.new_v) + head * HEAD_DIM * 4;
}

vec4 new_raw[NEW_LOADS];

void load_new() {
    [[unroll]] for (uint n = 0; n < NEW_LOADS; n++) {
        uint i = min(n * THREADS + gl_LocalInvocationIndex, NEW_ROWS * FOURS - 1);
        new_raw[n] = vectors(new_row_at(i / FOURS)).at[i % FOURS];
    }
}

/* Once all else has been asked for: to look at them is to wait for them. */
void put_new() {
    [[unroll]] for (uint n = 0; n < NEW_LOADS; n++) {
        uint i = n * THREADS + gl_LocalInvocationIndex;
        if (i < NEW_ROWS * FOURS)
            new_row[i] = new_raw[n];
    }
}

/* It goes to the cache by workgroups with GROUP.x == 0. */
bool keeps_new() {
    return GROUP.x == 0;
}

uint64_t cache_row(bool values, uint key) {
    uint64_t row = uint64_t(key) * a.kv_heads + GROUP.y;
    return (values ? a.v : a.k) + row * HEAD_DIM * (KV_BF16 ? 2 : 4);
}

/* ---- what comes next ---- */

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

/* ---- the output projection ---- */

/* Leaves this head's share of the tile's rows, and says whether all heads have. */
bool hand_in() {
    uint i = gl_LocalInvocationIndex, row = GROUP.x * TILE + i;
    if (i < TILE && row < a.outs)
        findings(a.parts).at[GROUP.y * a.outs + row] = share_of(i);
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

void main() {
    uint row = GROUP.x * TILE + gl_LocalInvocationIndex;
    bool stores = gl_LocalInvocationIndex < TILE && row < a.outs;
    load_new();
    load_turns();
    load_cache();
    uint end = uint(ints(a.at).at[0]) + a.ahead + 1;
    load_out();
    warm();
    float before = stores ? floats(a.dst).at[row] : 0;
    put_new();
    barrier();
    make_shares(end);
    if (hand_in() && stores)
        floats(a.dst).at[row] = before + all_heads(row);
    use_warm();
}
