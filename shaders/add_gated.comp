#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/add_gated.h"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/math.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    add_gated_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride)
        floats(a.dst).at[i] += sigmoid(floats(a.gate).at[i / a.width]) * floats(a.x).at[i];
}
