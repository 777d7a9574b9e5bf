/* norm_gated for quantised weights. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/norm_gated.h"

layout(constant_id = 0) const uint W_TYPE = 2;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 1;
layout(constant_id = 4) const uint ROOM = 1024;
layout(constant_id = 5) const uint NORM = 1;
const uint MATRICES = 2;
const bool SPLIT = false, X_FIRST = false;
#include "shaders/lib/few_quant.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    norm_gated_args a;
};

/* Groups (x, y): some of the outs of ROWS rows, of which there may be fewer. */
uint row_of(uint t) {
    return gl_WorkGroupID.y * ROWS + t;
}

quant_row weights_row(uint n, uint m) {
    return quant_row_of(m == 0 ? a.gate : a.up, a.outs, WIDTH, n);
}

quant_row weights_at(quant_row r, inout uint unit) {
    return r;
}

vec4 x4(uint t, uint k) {
    return vectors(a.x + uint64_t(min(row_of(t), a.rows - 1)) * WIDTH * 4).at[k / 4];
}

vec4 norm4(uint k) {
    return weight4(a.norm, k, WIDTH, NORM == NORM_BF16, true);
}

float factor16(uint k) {
    return 1;
}

void expect(uint task, uint t) {
}

void store(uint n, uint t, float product[MATRICES]) {
    if (row_of(t) < a.rows)
        floats(a.dst).at[row_of(t) * a.outs + n] = silu(product[0]) * product[1];
}

void main() {
    few_run(gl_WorkGroupID.x, gl_NumWorkGroups.x, a.outs, a.eps);
}
