#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/layer_norm.h"
#include "shaders/lib/memory.glsl"

const uint THREADS = 256;
#include "shaders/lib/reduce.glsl"

layout(local_size_x = THREADS) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool B_BF16 = false;
layout(constant_id = 2) const bool DST_BF16 = false;
layout(push_constant, scalar) uniform push {
    layer_norm_args a;
};

void norm(uint row) {
    uint64_t skip = uint64_t(row) * a.width * 4;
    floats x = floats(a.x + skip), dst = floats(a.dst + (DST_BF16 ? skip / 2 : skip));
    float sum = 0, squares = 0;
    for (uint d = gl_LocalInvocationIndex; d < a.width; d += THREADS)
        sum += x.at[d];
    float mean = reduce_sum(sum) / float(a.width);
    for (uint d = gl_LocalInvocationIndex; d < a.width; d += THREADS)
        squares += (x.at[d] - mean) * (x.at[d] - mean);
    float scale = 1 / sqrt(reduce_sum(squares) / float(a.width) + a.eps);
    for (uint d = gl_LocalInvocationIndex; d < a.width; d += THREADS)
        store_as(dst, d,
                 weight(a.w, d, W_BF16) * ((x.at[d] - mean) * scale) + weight(a.b, d, B_BF16),
                 DST_BF16);
}

void main() {
    for (uint row = gl_WorkGroupID.x; row < a.rows; row += gl_NumWorkGroups.x)
        norm(row);
}
