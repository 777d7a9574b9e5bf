#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/positions.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    positions_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride)
        floats(a.positions).at[i] = float(ints(a.at).at[0] + int(i / 3));
}
