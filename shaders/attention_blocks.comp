#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_blocks.h"
#include "shaders/lib/memory.glsl"

layout(constant_id = 0) const uint HEAD_DIM = 64;
const bool KV_BF16 = false;
layout(push_constant, scalar) uniform push {
    attention_blocks_args a;
};

uint64_t key_row(uint key) {
    return uint64_t(key) * a.heads + gl_WorkGroupID.y;
}

/* The rows of this workgroup's group. */
uvec2 group() {
    uint first = gl_WorkGroupID.z * a.group;
    return uvec2(first, min(first + a.group, a.rows));
}

uint query(uint i) {
    return group().x + gl_WorkGroupID.x * ATTENTION_BLOCKS_QUERIES + i;
}

uint64_t row_of(uint i) {
    return key_row(query(i)) * HEAD_DIM * 4;
}

uvec2 visible(uint i) {
    return query(i) < group().y ? group() : uvec2(0);
}

#include "shaders/lib/attend.glsl"

void main() {
    attend(group().x, group().y);
}
