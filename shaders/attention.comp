#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention.h"
#include "shaders/lib/memory.glsl"

layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(push_constant, scalar) uniform push {
    attention_args a;
};

#include "shaders/lib/causal.glsl"

/* Later queries see more: they begin first. */
uint tile() {
    return gl_NumWorkGroups.x - 1 - gl_WorkGroupID.x;
}

uint64_t row_of(uint i) {
    return causal_row(tile() * ATTENTION_QUERIES + i);
}

uint64_t key_row(uint key) {
    return causal_key(key);
}

uvec2 visible(uint i) {
    return causal_visible(tile() * ATTENTION_QUERIES + i);
}

#include "shaders/lib/attend.glsl"

void main() {
    uvec2 keys = causal_range(tile() * ATTENTION_QUERIES, ATTENTION_QUERIES);
    attend(keys.x, keys.y);
}
