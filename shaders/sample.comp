#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample.h"
#include "shaders/lib/sampler.glsl"

layout(constant_id = 2) const uint W_TYPE = 0;
#include "shaders/lib/quant.glsl"

layout(local_size_x = SELECT_THREADS) in;
layout(constant_id = 0) const bool LISTS = false;
layout(constant_id = 1) const bool EMBED = false;
layout(push_constant, scalar) uniform push {
    sample_args a;
};

float logit(uint i) {
    return floats(a.logits).at[i];
}

bool seen(uint i) {
    return is_seen(a.seen, i);
}

vec4 embed_weights(uint id, uint d) {
    return matrix_weight4(a.table, a.vocab, a.embed_width, id, d, a.embed_width % 8 == 0);
}

void stage();
uint first_key(uint item, uint turn);
uint quick_key(uint item);

#include "shaders/lib/sample.glsl"

/* Without lists up to SAMPLE_MANY logits, and what has been seen, are asked for together: one after
 * another each would be waited for. They, then their keys, are kept in bins, two in the room of one. */
const uint TURNS = SAMPLE_MANY / THREADS;
uint marks; /* bit n: this thread's n-th item has been seen */

void stage() {
    if (LISTS)
        return;
    uint i = gl_LocalInvocationIndex;
    float x[TURNS];
    [[unroll]] for (uint n = 0; n < TURNS; n++)
        x[n] = logit(min(i + n * THREADS, a.n - 1));
    marks = 0;
    if (a.seen != 0)
        [[unroll]] for (uint n = 0; n < TURNS; n++)
            marks |= uint(seen(min(i + n * THREADS, a.n - 1))) << n;
    [[unroll]] for (uint n = 0; n < TURNS; n++)
        bins[i + n * THREADS] = floatBitsToUint(x[n]);
}

uint first_key(uint item, uint turn) {
    if (LISTS)
        return key_at(item);
    float l = uintBitsToFloat(bins[item]);
    return bins[item] = order(penalised(sampler_now, l, (marks >> turn & 1) != 0, item));
}

uint quick_key(uint item) {
    return LISTS ? key_at(item) : bins[item];
}

void main() {
    sample_begin();
    barrier();
    sample_draw();
}
