#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/route.h"
#include "shaders/lib/math.glsl"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/order.glsl"

const uint THREADS = 128;
#include "shaders/lib/reduce.glsl"

layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    route_args a;
};

shared uint key[ROUTE_EXPERTS];   /* order of the logits; NaN before all numbers */
shared bool chosen[ROUTE_EXPERTS];
shared float mass[ROUTE_EXPERTS]; /* of the chosen, in their order */
shared uint best;

/* How many experts come before expert e: larger logits, and equal ones of lower index. */
uint rank_of(uint e) {
    uint rank = 0;
    for (uint other = 0; other < a.n_experts; other++)
        rank += uint(key[other] > key[e] || key[other] == key[e] && other < e);
    return rank;
}

/* How many chosen experts have a lower index than e. */
uint place_of(uint e) {
    uint place = 0;
    for (uint other = 0; other < e; other++)
        place += uint(chosen[other]);
    return place;
}

void choose(floats logit) {
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        key[e] = is_nan(logit.at[e]) ? 0 : order(logit.at[e]);
    barrier();
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS) {
        uint rank = rank_of(e);
        chosen[e] = rank < a.k;
        if (rank == 0)
            best = e;
    }
    barrier();
}

/* The sum of all masses, or of the chosen, in a fixed order. */
float total(floats logit) {
    float sum = 0;
    if (a.normalise != 0) {
        for (uint i = 0; i < a.k; i++)
            sum += mass[i];
        return sum;
    }
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        sum += expf(logit.at[e] - logit.at[best]);
    return reduce_sum(sum);
}

void route(uint row) {
    floats logit = floats(a.logits + uint64_t(row) * a.n_experts * 4);
    choose(logit);
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS) {
        if (chosen[e]) {
            uint place = place_of(e);
            mass[place] = expf(logit.at[e] - logit.at[best]);
            ints(a.experts).at[row * a.k + place] = int(e);
        }
    }
    barrier();
    float sum = total(logit);
    for (uint i = gl_LocalInvocationIndex; i < a.k; i += THREADS)
        floats(a.weights).at[row * a.k + i] = mass[i] / sum;
    barrier(); /* the next row may overwrite */
}

void main() {
    for (uint row = gl_WorkGroupID.x; row < a.rows; row += gl_NumWorkGroups.x)
        route(row);
}
