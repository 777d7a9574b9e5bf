/* Where each thread of the workgroup is among its subgroups, and how large they are. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    uint64_t dst; /* u32 [256], then the size, then how many there are */
};

void main() {
    uints(dst).at[gl_LocalInvocationIndex] =
        gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID;
    if (gl_LocalInvocationIndex == 0) {
        uints(dst).at[256] = gl_SubgroupSize;
        uints(dst).at[257] = gl_NumSubgroups;
    }
}
