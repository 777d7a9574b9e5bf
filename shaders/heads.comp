#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/heads.h"
#include "shaders/lib/memory.glsl"

const uint THREADS = 64;
#include "shaders/lib/reduce.glsl"

layout(local_size_x = THREADS) in;
layout(constant_id = 0) const bool CACHE_BF16 = false;
layout(constant_id = 1) const bool NORM_BF16 = false;
layout(push_constant, scalar) uniform push {
    heads_args a;
};

void store(bool bf16, uint64_t to, uint d, float x) {
    if (bf16)
        halves(to).at[d] = uint16_t(narrow(x));
    else
        floats(to).at[d] = x;
}

/* A thread has pairs of numbers (d, d + head_dim / 2), which rope turns. */
void norm_and_turn(uint64_t x, uint64_t norm, uint64_t rope, bool bf16, uint64_t to) {
    uint half_width = a.head_dim / 2;
    float squares = 0, scale = 1;
    for (uint d = gl_LocalInvocationIndex; d < a.head_dim && norm != 0; d += THREADS)
        squares += floats(x).at[d] * floats(x).at[d];
    if (norm != 0)
        scale = 1 / sqrt(reduce_sum(squares) / float(a.head_dim) + a.eps);
    for (uint d = gl_LocalInvocationIndex; d < half_width; d += THREADS) {
        float cosine = floats(rope).at[d], sine = floats(rope).at[d + half_width];
        vec2 y = vec2(floats(x).at[d], floats(x).at[d + half_width]);
        if (norm != 0)
            y *= scale * vec2(weight(norm, d, NORM_BF16), weight(norm, d + half_width, NORM_BF16));
        store(bf16, to, d, y.x * cosine - y.y * sine);
        store(bf16, to, d + half_width, y.y * cosine + y.x * sine);
    }
}

uint64_t row_of(uint64_t tensor, uint row, uint heads, uint head, uint bytes) {
    return tensor + (uint64_t(row) * heads + head) * a.head_dim * bytes;
}

void heads(uint t) {
    uint head = gl_WorkGroupID.x, at = uint(ints(a.at).at[0]) + t;
    uint64_t rope = row_of(a.rope, t, 1, 0, 4);
    if (head < a.heads) {
        uint64_t q = row_of(a.q, t, a.heads, head, 4);
        norm_and_turn(q, a.q_norm, rope, false, q);
        return;
    }
    bool is_key = head < a.heads + a.kv_heads;
    head = (head - a.heads) % a.kv_heads;
    uint64_t x = row_of(is_key ? a.k : a.v, t, a.kv_heads, head, 4);
    uint64_t to = row_of(is_key ? a.k_cache : a.v_cache, at, a.kv_heads, head, CACHE_BF16 ? 2 : 4);
    if (is_key) {
        norm_and_turn(x, a.k_norm, rope, CACHE_BF16, to);
        return;
    }
    for (uint d = gl_LocalInvocationIndex; d < a.head_dim; d += THREADS)
        store(CACHE_BF16, to, d, floats(x).at[d]);
}

void main() {
    for (uint t = gl_WorkGroupID.y; t < a.rows; t += gl_NumWorkGroups.y)
        heads(t);
}
