#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/norm_linears.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 4;
layout(constant_id = 4) const uint NORM = 1;
layout(constant_id = 5) const uint WIDTH = 0;
const uint MATRICES = 1;
#include "shaders/lib/few.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    norm_linears_args a;
};

/* A task is an output of one of the matrices, which follow one another. */
struct place {
    uint matrix, n;
};

place find(uint task) {
    place p = place(0, task);
    while (p.matrix < 3 && p.n >= a.outs[p.matrix])
        p.n -= a.outs[p.matrix++];
    return p;
}

few_rows task_rows(uint task) {
    few_rows r;
    place p = find(task);
    r.w[0] = a.w[p.matrix] + uint64_t(p.n) * a.width * (W_BF16 ? 2 : 4);
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        r.x[t] = a.x + uint64_t(min(t, a.rows - 1)) * a.width * 4;
    r.norm = a.norm;
    r.width = a.width;
    return r;
}

void main() {
    uint thread = gl_LocalInvocationIndex;
    uint tasks = a.outs[0] + a.outs[1] + a.outs[2] + a.outs[3];
    uint step = gl_NumWorkGroups.x * TEAMS;
    few_rows r = task_rows(min(gl_WorkGroupID.x * TEAMS + team_number(), tasks - 1));
    few_ask(r);
    if (WIDTH > 0)
        few_stage(r);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < tasks; first += step) {
        few_give(r);
        if (first + step < tasks) {
            r = task_rows(min(first + step + team_number(), tasks - 1));
            few_ask(r);
        }
        team_add();
        uint team = thread / ROWS, row = thread % ROWS;
        if (thread < TEAMS * ROWS && first + team < tasks && row < a.rows) {
            place p = find(first + team);
            floats(a.dst[p.matrix]).at[row * a.outs[p.matrix] + p.n] =
                few_product(team, row, 0, a.width, a.eps);
        }
    }
}
