#version 460
/* Multiplies and adds as fast as that can be done: each thread has four chains of four numbers. */
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    uint64_t dst; /* f32 [1] */
    float a, b;
    uint turns; /* of 32 operations */
};

void main() {
    vec4 x[4];
    for (uint i = 0; i < 4; i++)
        x[i] = vec4(gl_LocalInvocationIndex + i);
    for (uint turn = 0; turn < turns; turn++)
        for (uint i = 0; i < 4; i++)
            x[i] = fma(x[i], vec4(a), vec4(b));
    float sum = dot(x[0] + x[1] + x[2] + x[3], vec4(1));
    if (sum == -1) /* never, but the compiler cannot know */
        floats(dst).at[0] = sum;
}
