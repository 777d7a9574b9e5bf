#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample_narrow.h"
#include "shaders/lib/sampler.glsl"

layout(constant_id = 0) const uint THREADS = 256;
layout(local_size_x_id = 0) in;
layout(push_constant, scalar) uniform push {
    sample_narrow_args a;
};

float score_at(uint item) {
    return penalised(samplers(a.state), a.logits, a.seen, item);
}

#include "shaders/lib/select.glsl"

void keep(uint to, uint item) {
    floats(a.scores).at[to] = score_at(item);
    ints(a.ids).at[to] = int(item);
}

/* Only the largest can be drawn. */
void keep_best(uint list) {
    uint item = ~uint(largest());
    if (gl_LocalInvocationIndex == 0) {
        keep(list * a.width, item);
        ints(a.counts).at[list] = 1;
    }
}

void keep_from(uint list, uint cut) {
    uint64_t mine = 0, all;
    for (uint item = own_first; item < own_end; item++)
        mine += uint(key_at(item) >= cut);
    uint to = list * a.width + uint(scan(mine, all));
    for (uint item = own_first; item < own_end; item++)
        if (key_at(item) >= cut)
            keep(to++, item);
    if (gl_LocalInvocationIndex == 0)
        ints(a.counts).at[list] = int(all);
}

/* The k largest of all logits are among the k largest of each list. */
void main() {
    samplers s = samplers(a.state);
    uint list = gl_WorkGroupID.x, first = list * a.width;
    uint n = first < a.n ? min(a.width, a.n - first) : 0, cut = 0;
    uint64_t above;
    own(first, n, gl_LocalInvocationIndex, THREADS);
    if (!(s.temp > 0) && n > 0) {
        keep_best(list);
        return;
    }
    if (s.top_k > 0 && uint(s.top_k) < n)
        cut = find_cut(false, 0, s.top_k, above);
    keep_from(list, cut);
}
