/* The rows of x, rounded to bf16, in the order of the plan: eight numbers a thread. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/eight.glsl"
#include "shaders/moe.h"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool X_BF16 = false;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

void main() {
    uint each = a.width / 8, n = a.rows * a.chosen * each;
    uint first = MOE_PAIRS(a.rows * a.chosen, a.n_experts, a.tile);
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        uint t = uints(a.plan).at[first + i / each] / a.chosen;
        uint64_t from = a.x + uint64_t(t) * a.width * (X_BF16 ? 2 : 4);
        quads(a.sorted).at[i] =
            X_BF16 ? quads(from).at[i % each] : narrow_eight(load_x(from, i % each));
    }
}
