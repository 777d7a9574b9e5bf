/* moe_hidden for quantised weights. A task is a number of the row's part of hidden. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/moe_few.h"

layout(constant_id = 0) const uint W_TYPE = 2;
layout(constant_id = 1) const uint EXPERTS = 4;
layout(constant_id = 2) const uint CHOSEN = 1;
layout(constant_id = 3) const uint BATCH = 1;
layout(constant_id = 4) const uint ROOM = 1024;
layout(constant_id = 5) const uint NORM = 0;
layout(constant_id = 6) const bool CHOOSE = false;
layout(constant_id = 7) const uint INNER = 32;
layout(constant_id = 11) const uint ROUTER = 0;
layout(constant_id = 12) const uint PATIENCE = 0;
const uint MATRICES = 2, ROWS = 1;
const bool SPLIT = false, X_FIRST = false;
#include "shaders/lib/few_quant.glsl"

const uint THREADS = TEAM * TEAMS;
layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_hidden_args a;
};
#define GROUP      gl_WorkGroupID
#define GROUPS_ALL gl_NumWorkGroups
#include "shaders/lib/choose.glsl"
#include "shaders/lib/router.glsl"

quant_row weights_row(uint task, uint m) {
    uint pair = task / INNER, n = task % INNER;
    if (pair < CHOSEN)
        return quant_row_of((m == 0 ? a.gate : a.up) + uint64_t(choose_expert[pair]) * a.apart,
                            INNER, WIDTH, n);
    return quant_row_of(m == 0 ? a.shared_gate : a.shared_up, a.shared_inner, WIDTH,
                        task - CHOSEN * INNER);
}

quant_row weights_at(quant_row r, inout uint unit) {
    return r;
}

vec4 x4(uint t, uint k) {
    return vectors(a.x + uint64_t(GROUP.y) * WIDTH * 4).at[k / 4];
}

vec4 norm4(uint k) {
    return weight4(a.norm, k, WIDTH, NORM == NORM_BF16, true);
}

float factor16(uint k) {
    return 1;
}

uint all_tasks() {
    return CHOSEN * INNER + a.shared_inner;
}

void expect(uint task, uint t) {
}

/* x is made ready while weights are on their way. */
void while_waiting() {
}

void store(uint task, uint t, float product[MATRICES]) {
    floats(a.hidden).at[GROUP.y * all_tasks() + task] = silu(product[0]) * product[1];
}

/* If there is a choice to make, the first workgroup writes it down and does nothing else. */
void main() {
    uint group = GROUP.x, t = GROUP.y;
    if (ROUTER != 0)
        route();
    else if (CHOOSE)
        read_logits(t);
    if (CHOOSE)
        choose_experts();
    else
        read_experts(t);
    if (CHOOSE && group == 0)
        write_choice(t);
    else
        few_run(group - uint(CHOOSE), GROUPS_ALL.x - uint(CHOOSE), all_tasks(), a.eps);
}
