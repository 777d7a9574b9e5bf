#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/clamp.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    clamp_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride) {
        float x = floats(a.x).at[i];
        floats(a.dst).at[i] = x < a.lo ? a.lo : x > a.hi ? a.hi : x; /* NaN stays */
    }
}
