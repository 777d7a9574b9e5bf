/* dst[t, d] += sum over i, ascending, of weights[t, i] * results[t * chosen + i, d]; a thread a
 * number. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"
#include "shaders/moe.h"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

void main() {
    uint n = a.rows * a.width, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint at = gl_GlobalInvocationID.x; at < n; at += stride) {
        uint t = at / a.width, d = at % a.width;
        float sum = 0;
        for (uint p = t * a.chosen; p < (t + 1) * a.chosen; p++)
            sum = fma(floats(a.weights).at[p],
                      floats(a.results + uint64_t(p) * a.width * 4).at[d], sum);
        floats(a.dst).at[at] += sum;
    }
}
