#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"
#include "shaders/moe_few.h"

const uint SUMS = 1;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint BATCH = 8;
layout(push_constant, scalar) uniform push {
    moe_down_args a;
};

/* Row d of the pairs' matrices is summed as if it were one long row; it begins with the experts'. */
shared uint64_t matrix[MOE_FEW_CHOSEN + 1]; /* the last one is the shared expert's */
shared float factor[MOE_FEW_CHOSEN + 1];

void list_matrices(uint t) {
    for (uint i = gl_LocalInvocationIndex; i < a.chosen; i += TEAM * TEAMS) {
        matrix[i] = a.down + uint64_t(uints(a.experts).at[t * a.chosen + i]) * a.apart;
        factor[i] = floats(a.weights).at[t * a.chosen + i];
    }
    if (gl_LocalInvocationIndex == 0 && a.shared_inner > 0) {
        matrix[a.chosen] = a.shared_down;
        factor[a.chosen] = sigmoid(floats(a.shared_logit).at[t]);
    }
    barrier();
}

/* Number i of the long row, counted in eights or ones. */
struct place {
    uint pair;
    uint k; /* of the pair's row d, which is at */
    uint64_t row;
};

place find(uint i, uint d, uint inner) {
    place p;
    p.pair = min(i / inner, a.chosen);
    p.k = i - p.pair * inner;
    uint width = p.pair < a.chosen ? a.inner : a.shared_inner;
    p.row = matrix[p.pair] + uint64_t(d) * width * (W_BF16 ? 2 : 4);
    return p;
}

float eights(uint64_t hidden, uint d) {
    uint inner = a.inner / 8, n = inner * a.chosen + a.shared_inner / 8;
    float sum = 0;
    for (uint i = team_lane(); i < n; i += BATCH * TEAM) {
        raw_eight w[BATCH];
        float scale[BATCH];
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            place p = find(min(i + j * TEAM, n - 1), d, inner);
            w[j] = load_eight(p.row, p.k, W_BF16);
            scale[j] = factor[p.pair];
        }
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint at = i + j * TEAM;
            if (at < n)
                sum = fma(scale[j], fma8(load_x(hidden, at), widen_eight(w[j], W_BF16), 0), sum);
        }
    }
    return sum;
}

float ones(uint64_t hidden, uint d) {
    float sum = 0;
    for (uint i = team_lane(); i < a.inner * a.chosen + a.shared_inner; i += TEAM) {
        place p = find(i, d, a.inner);
        sum = fma(factor[p.pair] * floats(hidden).at[i], weight(p.row, p.k, W_BF16), sum);
    }
    return sum;
}

void main() {
    uint thread = gl_LocalInvocationIndex, t = gl_WorkGroupID.y;
    uint64_t hidden = a.hidden + uint64_t(t) * (a.chosen * a.inner + a.shared_inner) * 4;
    list_matrices(t);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < a.width;
         first += gl_NumWorkGroups.x * TEAMS) {
        uint d = min(first + team_number(), a.width - 1);
        team_give(0, EIGHTS ? eights(hidden, d) : ones(hidden, d));
        team_add();
        if (thread < TEAMS && first + thread < a.width)
            floats(a.dst).at[t * a.width + first + thread] += team_total[thread];
    }
}
