#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/silu_mul.h"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/math.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    silu_mul_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride) {
        float gate = floats(a.gate).at[i];
        floats(a.dst).at[i] = gate * sigmoid(gate) * floats(a.up).at[i];
    }
}
