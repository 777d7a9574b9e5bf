#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/copy.h"
#include "shaders/lib/eight.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool DST_BF16 = false;
layout(constant_id = 1) const bool SRC_BF16 = false;
layout(constant_id = 2) const bool EIGHTS = false; /* f32 to bf16, eight at a time */
layout(push_constant, scalar) uniform push {
    copy_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    if (EIGHTS) {
        for (uint i = gl_GlobalInvocationID.x; i < a.n / 8; i += stride)
            quads(a.dst).at[i] = narrow_eight(load_x(a.src, i));
        return;
    }
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride) {
        if (SRC_BF16 && DST_BF16)
            halves(a.dst).at[i] = halves(a.src).at[i];
        else if (SRC_BF16)
            floats(a.dst).at[i] = widen(uint(halves(a.src).at[i]));
        else if (DST_BF16)
            halves(a.dst).at[i] = uint16_t(narrow(floats(a.src).at[i]));
        else
            uints(a.dst).at[i] = uints(a.src).at[i];
    }
}
