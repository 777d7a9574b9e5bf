#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/rope.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    rope_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < a.pairs; i += stride) {
        uint d = i % a.half_width, head = i / a.half_width, width = 2 * a.half_width;
        floats x = floats(a.x + 4 * (head * width + d));
        floats turn = floats(a.table + 4 * (head / a.heads * width + d));
        float first = x.at[0], second = x.at[a.half_width];
        float cosine = turn.at[0], sine = turn.at[a.half_width];
        x.at[0] = first * cosine - second * sine;
        x.at[a.half_width] = second * cosine + first * sine;
    }
}
