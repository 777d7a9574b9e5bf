/* Adds the parts of product_many, the first to the last. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"
#include "shaders/product.h"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

void main() {
    uint n = a.rows * a.outs, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        float sum = 0;
        for (uint part = 0; part < a.n_parts; part++)
            sum += floats(a.parts + uint64_t(part) * n * 4).at[i];
        finish(i / a.outs, i % a.outs, sum);
    }
}
