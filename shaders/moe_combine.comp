/* dst[t, d] += sum over i, ascending, of weights[t, i] * results[t * chosen + i, d], or of the row
 * of results at that pair's place; a thread a number, or four of them next to each other. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/eight.glsl"
#include "shaders/moe.h"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool SORTED = false;
layout(constant_id = 1) const uint EACH = 1;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

void main() {
    uint n = a.rows * a.width / EACH, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    uint pairs = a.rows * a.chosen, places = MOE_PAIRS(pairs, a.n_experts, a.tile) + pairs;
    for (uint at = gl_GlobalInvocationID.x; at < n; at += stride) {
        uint t = at * EACH / a.width, d = at * EACH % a.width;
        vec4 sum = vec4(0);
        for (uint p = t * a.chosen; p < (t + 1) * a.chosen; p++) {
            uint row = SORTED ? uints(a.plan).at[places + p] : p;
            uint64_t result = a.results + (uint64_t(row) * a.width + d) * 4;
            float weight = floats(a.weights).at[p];
            if (EACH == 4)
                sum = fma(vec4(weight), vectors(result).at[0], sum);
            else
                sum.x = fma(weight, floats(result).at[0], sum.x);
        }
        if (EACH == 4)
            vectors(a.dst).at[at] += sum;
        else
            floats(a.dst).at[at] += sum.x;
    }
}
