#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/add_scaled.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool SCALE_BF16 = false;
layout(push_constant, scalar) uniform push {
    add_scaled_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride)
        floats(a.dst).at[i] += weight(a.scale, i % a.width, SCALE_BF16) * floats(a.x).at[i];
}
