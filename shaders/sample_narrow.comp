#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample_narrow.h"
#include "shaders/lib/sampler.glsl"

layout(local_size_x = SELECT_THREADS) in;
layout(constant_id = 0) const uint OWN = 0;
layout(push_constant, scalar) uniform push {
    sample_narrow_args a;
};

sampling state;

float score_at(uint item) {
    return penalised(state, a.logits, a.seen, item);
}

#include "shaders/lib/select.glsl"

void keep(uint to, uint item) {
    floats(a.scores).at[to] = score_at(item);
    ints(a.ids).at[to] = int(item);
}

void keep_from(uint list, uint cut) {
    uint64_t mine = 0, all;
    [[unroll]] for (uint i = 0; i < own_count(); i++)
        mine += own_exists(i) && own_key_at(i) >= cut ? 1ul : 0ul;
    uint to = list * a.width + uint(scan(mine, all));
    [[unroll]] for (uint i = 0; i < own_count(); i++)
        if (own_exists(i) && own_key_at(i) >= cut)
            keep(to++, own_first + i);
    if (gl_LocalInvocationIndex == 0)
        ints(a.counts).at[list] = int(all);
}

/* The key that at least the k largest of this list reach, in any case the largest. */
uint cut_of(uint k) {
    uint64_t best = largest(), above;
    if (k <= 1)
        return uint(best >> 32);
    return k <= GROUPS ? floor_of(k) : find_cut(false, 0, uint64_t(k), above);
}

/* The k largest of all logits are among the k largest of each list. */
void main() {
    state = sampler_load(a.state);
    uint list = gl_WorkGroupID.x, first = list * a.width;
    uint n = first < a.n ? min(a.width, a.n - first) : 0, k = 1;
    own(first, n, gl_LocalInvocationIndex, THREADS);
    own_load(state, a.logits, a.seen, a.n - 1);
    if (state.temp > 0)
        k = state.top_k > 0 ? min(uint(state.top_k), n) : n;
    keep_from(list, k < n ? cut_of(k) : 0);
}
