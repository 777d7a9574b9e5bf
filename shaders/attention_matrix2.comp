/* attention by matrices as large as a workgroup's tile, BM rows of one head. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention.h"

layout(constant_id = 3) const uint HEAD_DIM = 128;
layout(constant_id = 4) const bool DST_BF16 = false;
const bool Q_BF16 = false;
#include "shaders/lib/attend_tensors.glsl"

layout(push_constant, scalar) uniform push {
    attention_args a;
};

uint position; /* of the tile's first row */

bool seen(uint i, uint key) {
    uint end = position + i + 1;
    return key < end && (a.window == 0 || key + a.window >= end);
}

/* The first row sees the last of them, the last row the first. */
bool all_seen(uint key) {
    return key + BN <= position + 1 && (a.window == 0 || key + a.window >= position + BM);
}

/* Later rows see more: they begin first. */
void main() {
    uint head = gl_WorkGroupID.y, kv_head = head / (a.heads / a.kv_heads);
    uint first = (gl_NumWorkGroups.x - 1 - gl_WorkGroupID.x) * BM;
    position = uint(ints(a.at).at[0]) + first;
    attend_job j;
    j.q = a.q + head * HEAD_DIM * 4;
    j.dst = a.dst + head * HEAD_DIM * (DST_BF16 ? 2 : 4);
    j.k = a.k + kv_head * HEAD_DIM * 2;
    j.v = a.v + kv_head * HEAD_DIM * 2;
    j.first = first;
    j.end = a.rows;
    j.stride = a.heads * HEAD_DIM;
    j.from = a.window > 0 && position + 1 > a.window ? position + 1 - a.window : 0;
    j.to = position + min(BM, a.rows - first);
    j.kv_stride = a.kv_heads * HEAD_DIM;
    attend(j);
}
