#version 460
/* Reads memory as fast as it can be read: each thread adds up words from all over it. */
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    uint64_t dst, src; /* u32 [1]; quads [n], n a multiple of 4 times the threads */
    uint32_t n;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    uvec4 sum = uvec4(0);
    for (uint i = gl_GlobalInvocationID.x; i < n; i += 4 * stride)
        sum += quads(src).at[i] + quads(src).at[i + stride] + quads(src).at[i + 2 * stride] +
               quads(src).at[i + 3 * stride];
    if ((sum.x | sum.y | sum.z | sum.w) == 1) /* never, but the compiler cannot know */
        uints(dst).at[0] = sum.x;
}
