/* Few rows: time goes into reading the weights. A team of threads reads one output's weights and
 * multiplies them with ROWS rows at once. Rows whose taps are apart are product_many's. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/product.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 4;
layout(constant_id = 4) const uint WIDTH = 0;
const uint NORM = 0, MATRICES = 1;
#include "shaders/lib/few.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

/* Task i is output i % outs of ROWS rows; of the rows beyond the last, the last is repeated. */
few_rows task_rows(uint task) {
    few_rows r;
    r.width = a.taps * a.width;
    r.w[0] = a.w + uint64_t(task % a.outs) * r.width * (W_BF16 ? 2 : 4);
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        r.x[t] = a.x + uint64_t(min(task / a.outs * ROWS + t, a.rows - 1)) * a.width * 4;
    return r;
}

void main() {
    uint thread = gl_LocalInvocationIndex, tasks = (a.rows + ROWS - 1) / ROWS * a.outs;
    uint step = gl_NumWorkGroups.x * TEAMS;
    few_rows r = task_rows(min(gl_WorkGroupID.x * TEAMS + team_number(), tasks - 1));
    few_ask(r);
    if (WIDTH > 0)
        few_stage(r);
    for (uint first = gl_WorkGroupID.x * TEAMS; first < tasks; first += step) {
        uint task = first + thread / ROWS, row = task / a.outs * ROWS + thread % ROWS;
        bool stores = thread < TEAMS * ROWS && task < tasks && row < a.rows;
        finish_with f;
        if (stores)
            f = finish_load(row, task % a.outs);
        few_give(r);
        if (first + step < tasks) {
            r = task_rows(min(first + step + team_number(), tasks - 1));
            few_ask(r);
        }
        team_add();
        if (stores)
            finish_store(row, task % a.outs, few_product(thread / ROWS, thread % ROWS, 0, 1, 0), f);
    }
}
