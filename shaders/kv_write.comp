#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/kv_write.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool CACHE_BF16 = false;
layout(push_constant, scalar) uniform push {
    kv_write_args a;
};

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x, first = uint(ints(a.at).at[0]);
    for (uint i = gl_GlobalInvocationID.x; i < a.n; i += stride) {
        if (first + i / a.width >= a.capacity) /* a replayed step may run past the end */
            return;
        float x = floats(a.x).at[i];
        uint to = first * a.width + i;
        if (CACHE_BF16)
            halves(a.cache).at[to] = uint16_t(narrow(x));
        else
            floats(a.cache).at[to] = x;
    }
}
