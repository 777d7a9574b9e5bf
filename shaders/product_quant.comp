/* product_few for quantised weights; MATRICES outs at a time. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/product.h"

layout(constant_id = 0) const uint W_TYPE = 2;
layout(constant_id = 1) const uint MATRICES = 1;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 1;
layout(constant_id = 4) const uint ROOM = 1024;
const uint NORM = 0;
const bool SPLIT = false, X_FIRST = true;
#include "shaders/lib/few_quant.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

/* Groups (x, y): some of the outs of ROWS rows, of which there may be fewer. */
uint row_of(uint t) {
    return gl_WorkGroupID.y * ROWS + t;
}

quant_row weights_row(uint task, uint m) {
    return quant_row_of(a.w, a.outs, WIDTH, min(task * MATRICES + m, a.outs - 1));
}

quant_row weights_at(quant_row r, inout uint unit) {
    return r;
}

vec4 x4(uint t, uint k) {
    return vectors(a.x + uint64_t(min(row_of(t), a.rows - 1)) * a.width * 4).at[k / 4];
}

vec4 norm4(uint k) {
    return vec4(1);
}

float factor16(uint k) {
    return 1;
}

bool has_out(uint task, uint t, uint m) {
    return row_of(t) < a.rows && task * MATRICES + m < a.outs;
}

finish_with meets[MATRICES];

void expect(uint task, uint t) {
    [[unroll]] for (uint m = 0; m < MATRICES; m++)
        if (has_out(task, t, m))
            meets[m] = finish_load(row_of(t), task * MATRICES + m);
}

void store(uint task, uint t, float product[MATRICES]) {
    [[unroll]] for (uint m = 0; m < MATRICES; m++)
        if (has_out(task, t, m))
            finish_store(row_of(t), task * MATRICES + m, product[m], meets[m]);
}

void main() {
    few_ask_x();
    few_run(gl_WorkGroupID.x, gl_NumWorkGroups.x, (a.outs + MATRICES - 1) / MATRICES, 0);
}
