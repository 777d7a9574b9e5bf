/* Few rows: time goes into reading the weights. A team of threads reads one output's weights and
 * multiplies them with ROWS rows at once. Rows whose taps are apart are product_many's. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/eight.glsl"
#include "shaders/product.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint ROWS = 1;
const uint SUMS = ROWS;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

const uint BATCH = 4; /* loads under way */
float sum[ROWS];
uint64_t x[ROWS], w; /* this team's rows */

void add_eight(raw_eight raw, uint i) {
    eight e = widen_eight(raw, W_BF16);
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        sum[t] = fma8(load_x(x[t], i), e, sum[t]);
}

void add_eights(uint width) {
    uint i = team_lane(), n = width / 8;
    for (; i + (BATCH - 1) * TEAM < n; i += BATCH * TEAM) {
        raw_eight raw[BATCH];
        [[unroll]] for (uint j = 0; j < BATCH; j++)
            raw[j] = load_eight(w, i + j * TEAM, W_BF16);
        [[unroll]] for (uint j = 0; j < BATCH; j++)
            add_eight(raw[j], i + j * TEAM);
    }
    for (; i < n; i += TEAM)
        add_eight(load_eight(w, i, W_BF16), i);
}

void add_ones(uint width) {
    for (uint i = team_lane(); i < width; i += TEAM)
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            sum[t] = fma(floats(x[t]).at[i], weight(w, i, W_BF16), sum[t]);
}

/* Task i is output i % outs of ROWS rows; of the rows beyond the last, the last is repeated. */
void add_task(uint task) {
    uint width = a.taps * a.width, first = task / a.outs * ROWS;
    w = a.w + uint64_t(task % a.outs) * width * (W_BF16 ? 2 : 4);
    [[unroll]] for (uint t = 0; t < ROWS; t++) {
        x[t] = a.x + uint64_t(min(first + t, a.rows - 1)) * a.width * 4;
        sum[t] = 0;
    }
    if (EIGHTS)
        add_eights(width);
    else
        add_ones(width);
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        team_give(t, sum[t]);
}

void main() {
    uint thread = gl_LocalInvocationIndex, tasks = (a.rows + ROWS - 1) / ROWS * a.outs;
    for (uint first = gl_WorkGroupID.x * TEAMS; first < tasks; first += gl_NumWorkGroups.x * TEAMS) {
        if (first + team_number() < tasks)
            add_task(first + team_number());
        barrier();
        uint task = first + thread / ROWS, row = task / a.outs * ROWS + thread % ROWS;
        if (thread < TEAMS * ROWS && task < tasks && row < a.rows)
            finish(row, task % a.outs, team_sum(thread));
        barrier(); /* the sums are read */
    }
}
