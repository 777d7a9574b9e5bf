#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_split.h"
#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"
#include "shaders/lib/memory.glsl"

#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 7) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 2) const bool FRESH = false;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 4) const uint QUERIES = 8;
layout(constant_id = 5) const uint KEYS = 32;
layout(constant_id = 6) const bool AHEAD = false;
layout(constant_id = 7) const uint THREADS = 256;
layout(push_constant, scalar) uniform push {
    attention_split_args a;
};

#include "shaders/lib/attention_split.glsl"

void main() {
    attention_split();
}
