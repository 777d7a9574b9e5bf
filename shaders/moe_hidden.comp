#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/moe_few.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const bool CHOOSE = false;
layout(constant_id = 3) const uint BATCH = 4;
layout(constant_id = 4) const uint NORM = 0;
const uint MATRICES = 2, ROWS = 1;
#include "shaders/lib/few.glsl"

const uint THREADS = TEAM * TEAMS;
layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_hidden_args a;
};
#include "shaders/lib/choose.glsl"

/* A task is a number of the row's part of hidden. */
few_rows task_rows(uint t, uint task) {
    few_rows r;
    uint pair = task / a.inner, n = task % a.inner;
    uint64_t row = uint64_t(a.width) * (W_BF16 ? 2 : 4);
    if (pair < a.chosen) {
        uint64_t skip = uint64_t(choose_expert[pair]) * a.apart + n * row;
        r.w[0] = a.gate + skip;
        r.w[1] = a.up + skip;
    } else {
        n = task - a.chosen * a.inner;
        r.w[0] = a.shared_gate + n * row;
        r.w[1] = a.shared_up + n * row;
    }
    r.x[0] = a.x + uint64_t(t) * a.width * 4;
    r.norm = a.norm;
    r.width = a.width;
    return r;
}

void main() {
    uint t = gl_WorkGroupID.y, thread = gl_LocalInvocationIndex;
    uint tasks = a.chosen * a.inner + a.shared_inner;
    if (CHOOSE)
        choose_experts(t);
    else
        read_experts(t);
    /* The first workgroup writes the choice down and does nothing else: it takes longer. */
    uint group = gl_WorkGroupID.x, groups = gl_NumWorkGroups.x;
    if (CHOOSE && group-- == 0) {
        write_choice(t);
        return;
    }
    for (uint first = group * TEAMS; first < tasks; first += (groups - uint(CHOOSE)) * TEAMS) {
        few_give(task_rows(t, min(first + team_number(), tasks - 1)));
        team_add();
        if (thread < TEAMS && first + thread < tasks)
            floats(a.hidden).at[t * tasks + first + thread] =
                silu(few_product(thread, 0, 0, a.width, a.eps)) *
                few_product(thread, 0, 1, a.width, a.eps);
    }
}
