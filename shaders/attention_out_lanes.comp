#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_out_lanes.h"
#include "shaders/lib/memory.glsl"

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

#define GROUP gl_WorkGroupID
#include "shaders/lib/attention_out.glsl"

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
