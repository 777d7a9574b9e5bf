#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/norm_gated.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 4;
layout(constant_id = 4) const uint NORM = 1;
layout(constant_id = 5) const uint WIDTH = 0;
const uint MATRICES = 2;
#include "shaders/lib/few.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    norm_gated_args a;
};

few_rows task_rows(uint n) {
    few_rows r;
    uint64_t skip = uint64_t(n) * a.width * (W_BF16 ? 2 : 4);
    r.w[0] = a.gate + skip;
    r.w[1] = a.up + skip;
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        r.x[t] = a.x + uint64_t(min(t, a.rows - 1)) * a.width * 4;
    r.norm = a.norm;
    r.width = a.width;
    return r;
}

void main() {
    uint thread = gl_LocalInvocationIndex;
    uint step = gl_NumWorkGroups.x * TEAMS;
    few_rows r = task_rows(min(gl_WorkGroupID.x * TEAMS + team_number(), a.outs - 1));
    few_ask(r);
    if (WIDTH > 0)
        few_stage(r);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < a.outs; first += step) {
        few_give(r);
        if (first + step < a.outs) {
            r = task_rows(min(first + step + team_number(), a.outs - 1));
            few_ask(r);
        }
        team_add();
        uint team = thread / ROWS, row = thread % ROWS;
        if (thread < TEAMS * ROWS && first + team < a.outs && row < a.rows)
            floats(a.dst).at[row * a.outs + first + team] =
                silu(few_product(team, row, 0, a.width, a.eps)) *
                few_product(team, row, 1, a.width, a.eps);
    }
}
