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
layout(constant_id = 3) const uint CHOSEN = 1;
layout(constant_id = 4) const uint INNER = 8;
layout(constant_id = 5) const uint SHARED_INNER = 0;
layout(push_constant, scalar) uniform push {
    moe_down_args a;
};

/* Row d of the pairs' matrices is summed as if it were one long row; it begins with the experts'. */
const uint ALL = CHOSEN * INNER + SHARED_INNER;
shared uint64_t matrix[CHOSEN + 1]; /* the last one is the shared expert's */
shared float factor[CHOSEN + 1];

void list_matrices(uint t) {
    for (uint i = gl_LocalInvocationIndex; i < CHOSEN; i += TEAM * TEAMS) {
        matrix[i] = a.down + uint64_t(uints(a.experts).at[t * CHOSEN + i]) * a.apart;
        factor[i] = floats(a.weights).at[t * CHOSEN + i];
    }
    if (gl_LocalInvocationIndex == 0 && SHARED_INNER > 0) {
        matrix[CHOSEN] = a.shared_down;
        factor[CHOSEN] = sigmoid(floats(a.shared_logit).at[t]);
    }
    barrier();
}

/* Number i of the long row, counted in `each` at a time. */
struct place {
    uint pair;
    uint k; /* of the pair's row d, which is at */
    uint64_t row;
};

place find(uint i, uint d, uint each) {
    place p;
    p.pair = min(i / (INNER / each), CHOSEN);
    p.k = i - p.pair * (INNER / each);
    p.row = matrix[p.pair] +
            uint64_t(d) * (p.pair < CHOSEN ? INNER : SHARED_INNER) * (W_BF16 ? 2 : 4);
    return p;
}

float eights(uint64_t hidden, uint d) {
    const uint n = ALL / 8;
    float sum = 0;
    [[unroll]] for (uint first = 0; first < n; first += BATCH * TEAM) {
        raw_eight w[BATCH];
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            place p = find(min(first + j * TEAM + team_lane(), n - 1), d, 8);
            w[j] = load_eight(p.row, p.k, W_BF16);
        }
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint at = first + j * TEAM + team_lane();
            if (first + j * TEAM + TEAM <= n || at < n) {
                float part = fma8(load_x(hidden, at), widen_eight(w[j], W_BF16), 0);
                sum = fma(factor[find(at, d, 8).pair], part, sum);
            }
        }
    }
    return sum;
}

float ones(uint64_t hidden, uint d) {
    float sum = 0;
    for (uint i = team_lane(); i < ALL; i += TEAM) {
        place p = find(i, d, 1);
        sum = fma(factor[p.pair] * floats(hidden).at[i], weight(p.row, p.k, W_BF16), sum);
    }
    return sum;
}

void main() {
    uint thread = gl_LocalInvocationIndex, t = gl_WorkGroupID.y;
    uint64_t hidden = a.hidden + uint64_t(t) * ALL * 4;
    floats dst = floats(a.dst + uint64_t(t) * a.width * 4);
    list_matrices(t);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < a.width;
         first += gl_NumWorkGroups.x * TEAMS) {
        uint d = min(first + team_number(), a.width - 1);
        bool stores = thread < TEAMS && first + thread < a.width;
        float before = stores ? dst.at[first + thread] : 0;
        team_give(0, EIGHTS ? eights(hidden, d) : ones(hidden, d));
        team_add();
        if (stores)
            dst.at[first + thread] = before + team_total[thread];
    }
}
