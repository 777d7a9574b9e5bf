/* Eight weights a thread: what is written lies together. */
#version 460
#extension GL_GOOGLE_include_directive : require

layout(constant_id = 0) const uint W_TYPE = 1;
#include "shaders/lib/quant.glsl"
#include "shaders/dequantise.h"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    dequantise_args a;
};

void main() {
    uint matrix = gl_WorkGroupID.y;
    if (a.wanted != 0 && uints(a.wanted).at[matrix] == 0)
        return;
    uint each = a.width / 8, n = a.outs * each, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    uint64_t w = a.w + uint64_t(matrix) * a.apart;
    quads dst = quads(a.dst + uint64_t(matrix) * n * 16);
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride)
        dst.at[i] = matrix_bf16(w, a.outs, a.width, i / each, i % each * 8);
}
