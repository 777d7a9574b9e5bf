#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/dwconv.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool B_BF16 = false;
layout(push_constant, scalar) uniform push {
    dwconv_args a;
};

void main() {
    uint n = a.rows * a.width, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        uint c = i % a.width;
        float sum = weight(a.b, c, B_BF16);
        for (uint tap = 0; tap < a.taps; tap++)
            sum = fma(weight(a.w, c * a.taps + tap, W_BF16), floats(a.x).at[i + tap * a.width], sum);
        floats(a.dst).at[i] = sum;
    }
}
