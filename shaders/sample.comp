#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample.h"
#include "shaders/lib/sampler.glsl"

layout(constant_id = 2) const uint W_TYPE = 0;
#include "shaders/lib/quant.glsl"

layout(local_size_x = SELECT_THREADS) in;
layout(constant_id = 0) const bool LISTS = false;
layout(constant_id = 1) const bool EMBED = false;
const bool KEEPS_KEYS = !LISTS; /* of up to SAMPLE_MANY logits, two in the room of a bin */
layout(push_constant, scalar) uniform push {
    sample_args a;
};

float logit(uint i) {
    return floats(a.logits).at[i];
}

float embed_weight(uint id, uint d) {
    return matrix_weight(a.table, a.vocab, a.embed_width, id, d);
}

#include "shaders/lib/sample.glsl"

void main() {
    sample_draw();
}
