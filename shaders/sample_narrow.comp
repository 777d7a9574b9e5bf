#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample_narrow.h"
#include "shaders/lib/sampler.glsl"

layout(local_size_x = SELECT_THREADS) in;
layout(push_constant, scalar) uniform push {
    sample_narrow_args a;
};

sampling state;

uint key_at(uint item) {
    bool seen = state.rep != 1 && is_seen(a.seen, item);
    return order(penalised(state, floats(a.logits).at[item], seen, item));
}

uint first_key(uint item, uint turn) {
    return key_at(item);
}

#include "shaders/lib/select.glsl"

void keep(uint to, uint key, uint item) {
    uints(a.keys).at[to] = key;
    ints(a.ids).at[to] = int(item);
}

/* Counts what is kept, and then keeps it. */
void keep_from(uint list, uint cut) {
    uint64_t to = 0, all;
    [[dont_unroll]] for (uint pass = 0; pass < 2; pass++) {
        [[dont_unroll]] for (uint item = own_first; item < own_end; item++) {
            uint key = key_at(item);
            if (key < cut)
                continue;
            if (pass == 1)
                keep(list * a.width + uint(to), key, item);
            to++;
        }
        if (pass == 0)
            to = scan(to, all);
    }
    if (gl_LocalInvocationIndex == 0)
        ints(a.counts).at[list] = int(all);
}

/* The k largest of all logits are among the k largest of each list; without chance its first best
 * is enough. */
void main() {
    state = sampler_load(a.state);
    uint list = gl_WorkGroupID.x, first = list * a.width;
    uint n = first < a.n ? min(a.width, a.n - first) : 0;
    int top_k = samplers(a.state).top_k;
    uint k = top_k > 0 ? uint(top_k) : n, cut = 0;
    survey_begin();
    barrier();
    survey(first + gl_LocalInvocationIndex, first + n, THREADS, k);
    if (!(state.temp > 0)) {
        uint best = first_best();
        if (gl_LocalInvocationIndex == 0) {
            ints(a.counts).at[list] = int(min(n, 1));
            if (n > 0)
                keep(first, select_best, best);
        }
        return;
    }
    uint64_t above;
    own(first, n, gl_LocalInvocationIndex, THREADS);
    if (k < n)
        cut = k <= GROUPS ? select_floor : find_cut(false, 0, uint64_t(k), above);
    keep_from(list, cut);
}
