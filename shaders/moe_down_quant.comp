/* moe_down for quantised weights. Rows d of the pairs' matrices are summed as if they were one long
 * row; it begins with the experts'. x is hidden, each pair's numbers times its factor. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/math.glsl"
#include "shaders/moe_few.h"

layout(constant_id = 0) const uint W_TYPE = 2;
layout(constant_id = 3) const uint BATCH = 1;
layout(constant_id = 4) const uint ROOM = 1024;
layout(constant_id = 5) const uint CHOSEN = 1;
layout(constant_id = 6) const uint INNER = 32;
layout(constant_id = 7) const uint SHARED_INNER = 0;
const uint MATRICES = 1, ROWS = 1, NORM = 0;
const bool SPLIT = true, X_FIRST = true;
#include "shaders/lib/few_quant.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    moe_down_args a;
};

#include "shaders/lib/moe_pairs.glsl"

/* Row number `task` of one of the pairs' matrices: which one, only a unit tells. */
quant_row weights_row(uint task, uint m) {
    return quant_row(0, 0, task);
}

quant_row weights_at(quant_row r, inout uint unit) {
    const uint EACH = INNER / QUANT_UNIT;
    uint pair = min(unit / EACH, CHOSEN);
    unit -= pair * EACH;
    return quant_row_of(pair_matrix[pair], a.width, pair < CHOSEN ? INNER : SHARED_INNER, r.first);
}

vec4 x4(uint t, uint k) {
    return vectors(a.hidden + uint64_t(gl_WorkGroupID.y) * ALL * 4).at[k / 4];
}

vec4 norm4(uint k) {
    return vec4(1);
}

float factor16(uint k) {
    return pair_factor[min(k / INNER, CHOSEN)];
}

floats dst_at(uint task) {
    return floats(a.dst + (uint64_t(gl_WorkGroupID.y) * a.width + task) * 4);
}

float before;

void expect(uint task, uint t) {
    before = dst_at(task).at[0];
}

void store(uint task, uint t, float product[MATRICES]) {
    dst_at(task).at[0] = before + product[0];
}

void main() {
    few_ask_x();
    list_pairs(gl_WorkGroupID.y);
    barrier();
    few_run(gl_WorkGroupID.x, gl_NumWorkGroups.x, a.width, 0);
}
