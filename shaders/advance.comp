#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/advance.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 1) in;
layout(push_constant, scalar) uniform push {
    advance_args a;
};

void main() {
    ints(a.at).at[0] += a.n;
}
