/* moe_down: what moe_down.comp does, for its workgroup GROUP of GROUPS_ALL. Before it is included:
 * team.glsl, the arguments `a` and the constants W_BF16, EIGHTS, BATCH, CHOSEN, INNER, SHARED_INNER
 * and STAGES, see moe_few.h. */
#include "shaders/lib/moe_pairs.glsl"

shared vec4 down_staged[STAGES ? ALL / 4 : 1]; /* hidden: [half of an eight, eight] */

/* Before a barrier. */
void stage_hidden(uint64_t hidden) {
    for (uint i = gl_LocalInvocationIndex; i < ALL / 4; i += TEAM * TEAMS)
        down_staged[i % 2 * (ALL / 8) + i / 2] = vectors(hidden).at[i];
}

eight hidden_eight(uint64_t hidden, uint i) {
    return STAGES ? eight(down_staged[i], down_staged[ALL / 8 + i]) : load_x(hidden, i);
}

/* Row d of the pairs' matrices is summed as if it were one long row; it begins with the experts'.
 * Number i of it, counted in `each` at a time: */
struct place {
    uint pair;
    uint k; /* of the pair's row d, which is at */
    uint64_t row;
};

place find(uint i, uint d, uint each) {
    place p;
    p.pair = min(i / (INNER / each), CHOSEN);
    p.k = i - p.pair * (INNER / each);
    p.row = pair_matrix[p.pair] +
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
                float part = fma8(hidden_eight(hidden, at), widen_eight(w[j], W_BF16), 0);
                sum = fma(pair_factor[find(at, d, 8).pair], part, sum);
            }
        }
    }
    return sum;
}

float ones(uint64_t hidden, uint d) {
    float sum = 0;
    for (uint i = team_lane(); i < ALL; i += TEAM) {
        place p = find(i, d, 1);
        sum = fma(pair_factor[p.pair] * floats(hidden).at[i], weight(p.row, p.k, W_BF16), sum);
    }
    return sum;
}

void moe_down() {
    uint thread = gl_LocalInvocationIndex, t = GROUP.y;
    uint64_t hidden = a.hidden + uint64_t(t) * ALL * 4;
    floats dst = floats(a.dst + uint64_t(t) * a.width * 4);
    if (STAGES)
        stage_hidden(hidden);
    list_pairs(t);
    for (uint first = GROUP.x * TEAMS; first < a.width;
         first += GROUPS_ALL.x * TEAMS) {
        uint d = min(first + team_number(), a.width - 1);
        bool stores = thread < TEAMS && first + thread < a.width;
        float before = stores ? dst.at[first + thread] : 0;
        team_give(0, EIGHTS ? eights(hidden, d) : ones(hidden, d));
        team_add();
        if (stores)
            dst.at[first + thread] = before + team_total[thread * SUMS];
    }
}
