#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/heads.h"
#include "shaders/lib/memory.glsl"

const uint SUMS = 1;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(constant_id = 0) const bool CACHE_BF16 = false;
layout(constant_id = 1) const bool NORM_BF16 = false;
layout(push_constant, scalar) uniform push {
    heads_args a;
};

/* A thread has pairs of numbers (d, d + head_dim / 2), which rope turns: d = its lane, and so on
 * TEAM apart. */
const uint PAIRS = HEADS_MAX_DIM / 2 / TEAM;

/* The team's head: where its numbers come from and go to, its norm (0: none), whether rope turns
 * it. */
struct work {
    uint64_t from, to, norm;
    bool there, turns, bf16;
};

uint64_t row_of(uint64_t tensor, uint row, uint heads, uint head, uint bytes) {
    return tensor + (uint64_t(row) * heads + head) * a.head_dim * bytes;
}

work work_of(uint t, uint head) {
    work w;
    w.there = head < a.heads + 2 * a.kv_heads;
    w.turns = head < a.heads + a.kv_heads;
    w.bf16 = head >= a.heads && CACHE_BF16;
    w.norm = head < a.heads ? a.q_norm : w.turns ? a.k_norm : 0;
    if (head < a.heads) {
        w.from = w.to = row_of(a.q, t, a.heads, head, 4);
        return w;
    }
    uint kv_head = (head - a.heads) % a.kv_heads, at = uint(ints(a.at).at[0]) + t;
    w.from = row_of(w.turns ? a.k : a.v, t, a.kv_heads, kv_head, 4);
    w.to = row_of(w.turns ? a.k_cache : a.v_cache, at, a.kv_heads, kv_head, CACHE_BF16 ? 2 : 4);
    return w;
}

vec2 turned(vec2 y, uint64_t rope, uint d) {
    float cosine = floats(rope).at[d], sine = floats(rope).at[d + a.head_dim / 2];
    return vec2(y.x * cosine - y.y * sine, y.y * cosine + y.x * sine);
}

/* Heads first .. first + TEAMS - 1 of row t. */
void heads(uint t, uint first) {
    work w = work_of(t, first + team_number());
    uint half_width = a.head_dim / 2;
    float squares = 0, scale = 1;
    vec2 pair[PAIRS];
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        uint d = team_lane() + i * TEAM;
        pair[i] = vec2(0);
        if (w.there && d < half_width)
            pair[i] = vec2(floats(w.from).at[d], floats(w.from).at[d + half_width]);
        squares += dot(pair[i], pair[i]);
    }
    team_give(0, squares);
    team_add();
    if (w.norm != 0)
        scale = 1 / sqrt(team_total[team_number()] / float(a.head_dim) + a.eps);
    [[unroll]] for (uint i = 0; i < PAIRS; i++) {
        uint d = team_lane() + i * TEAM;
        vec2 y = pair[i];
        if (!w.there || d >= half_width)
            continue;
        if (w.norm != 0)
            y *= scale * vec2(weight(w.norm, d, NORM_BF16),
                              weight(w.norm, d + half_width, NORM_BF16));
        if (w.turns)
            y = turned(y, row_of(a.rope, t, 1, 0, 4), d);
        store_as(floats(w.to), d, y.x, w.bf16);
        store_as(floats(w.to), d + half_width, y.y, w.bf16);
    }
}

void main() {
    for (uint t = gl_WorkGroupID.y; t < a.rows; t += gl_NumWorkGroups.y)
        heads(t, gl_WorkGroupID.x * TEAMS);
}
