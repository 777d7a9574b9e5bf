/* dst[t, d] += sum over chosen e of weights[t, e] * (down_e[d] . hidden[p]); a team a number. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/eight.glsl"
#include "shaders/moe.h"

const uint SUMS = 1;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

const uint BATCH = 8;

/* Expert and weight of each pair of this row. */
shared uint64_t matrix[MOE_MAX_CHOSEN];
shared float factor[MOE_MAX_CHOSEN];

void list_experts(uint t) {
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < a.chosen; i += TEAM * TEAMS) {
        matrix[i] = a.down + uint64_t(ints(a.experts).at[t * a.chosen + i]) * a.apart;
        factor[i] = floats(a.weights).at[t * a.chosen + i];
    }
    barrier();
}

/* The experts' rows are summed as if they were one: number i of it is i % n of expert i / n. */
float eights(uint64_t hidden, uint d) {
    uint n = a.inner / 8, all = n * a.chosen;
    uint64_t skip = uint64_t(d) * a.inner * (W_BF16 ? 2 : 4);
    float sum = 0;
    for (uint i = team_lane(); i < all; i += BATCH * TEAM) {
        raw_eight w[BATCH];
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint at = min(i + j * TEAM, all - 1);
            w[j] = load_eight(matrix[at / n] + skip, at % n, W_BF16);
        }
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint at = i + j * TEAM;
            if (at >= all)
                break;
            sum = fma(factor[at / n], fma8(load_x(hidden, at), widen_eight(w[j], W_BF16), 0), sum);
        }
    }
    return sum;
}

float ones(uint64_t hidden, uint d) {
    float sum = 0;
    for (uint i = team_lane(); i < a.inner * a.chosen; i += TEAM) {
        uint e = i / a.inner, k = d * a.inner + i % a.inner;
        sum = fma(factor[e] * floats(hidden).at[i], weight(matrix[e], k, W_BF16), sum);
    }
    return sum;
}

void main() {
    uint thread = gl_LocalInvocationIndex, t = gl_WorkGroupID.y;
    uint64_t hidden = a.hidden + uint64_t(t) * a.chosen * a.inner * 4;
    list_experts(t);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < a.width;
         first += gl_NumWorkGroups.x * TEAMS) {
        uint d = min(first + team_number(), a.width - 1);
        team_give(0, EIGHTS ? eights(hidden, d) : ones(hidden, d));
        barrier();
        if (thread < TEAMS && first + thread < a.width)
            floats(a.dst).at[t * a.width + first + thread] += team_sum(thread);
        barrier(); /* the sums are read */
    }
}
