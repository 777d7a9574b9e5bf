/* hidden[p, n] = silu(gate_e[n] . x[t]) * (up_e[n] . x[t]); a team a number. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/activate.glsl"
#include "shaders/lib/eight.glsl"
#include "shaders/moe.h"

const uint SUMS = 2;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

const uint BATCH = 4;

/* (gate . x, up . x), this thread's part. */
vec2 eights(uint64_t x, uint64_t gate, uint64_t up) {
    vec2 sum = vec2(0);
    uint i = team_lane(), n = a.width / 8;
    for (; i < n; i += BATCH * TEAM) {
        raw_eight g[BATCH], u[BATCH];
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint at = min(i + j * TEAM, n - 1);
            g[j] = load_eight(gate, at, W_BF16);
            u[j] = load_eight(up, at, W_BF16);
        }
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            if (i + j * TEAM >= n)
                break;
            eight e = load_x(x, i + j * TEAM);
            sum.x = fma8(e, widen_eight(g[j], W_BF16), sum.x);
            sum.y = fma8(e, widen_eight(u[j], W_BF16), sum.y);
        }
    }
    return sum;
}

vec2 ones(uint64_t x, uint64_t gate, uint64_t up) {
    vec2 sum = vec2(0);
    for (uint i = team_lane(); i < a.width; i += TEAM)
        sum = fma(vec2(floats(x).at[i]), vec2(weight(gate, i, W_BF16), weight(up, i, W_BF16)), sum);
    return sum;
}

void main() {
    uint thread = gl_LocalInvocationIndex, pairs = a.rows * a.chosen, tasks = pairs * a.inner;
    for (uint first = gl_WorkGroupID.x * TEAMS; first < tasks; first += gl_NumWorkGroups.x * TEAMS) {
        uint task = min(first + team_number(), tasks - 1), pair = task / a.inner;
        uint64_t skip = uint64_t(ints(a.experts).at[pair]) * a.apart +
                        uint64_t(task % a.inner) * a.width * (W_BF16 ? 2 : 4);
        uint64_t x = a.x + uint64_t(pair / a.chosen) * a.width * 4;
        vec2 sum = EIGHTS ? eights(x, a.gate + skip, a.up + skip)
                          : ones(x, a.gate + skip, a.up + skip);
        team_give(0, sum.x);
        team_give(1, sum.y);
        barrier();
        if (thread < TEAMS && first + thread < tasks)
            floats(a.hidden).at[first + thread] =
                silu(team_sum(2 * thread)) * team_sum(2 * thread + 1);
        barrier(); /* the sums are read */
    }
}
