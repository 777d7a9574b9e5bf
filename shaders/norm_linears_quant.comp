/* norm_linears for quantised weights. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/norm_linears.h"

layout(constant_id = 0) const uint W_TYPE = 2;
layout(constant_id = 1) const uint MATRICES = 1;
layout(constant_id = 2) const uint ROWS = 1;
layout(constant_id = 3) const uint BATCH = 1;
layout(constant_id = 4) const uint ROOM = 1024;
layout(constant_id = 5) const uint NORM = 1;
const bool SPLIT = false, X_FIRST = false;
#include "shaders/lib/few_quant.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(push_constant, scalar) uniform push {
    norm_linears_args a;
};

uint all_outs() {
    return a.outs[0] + a.outs[1] + a.outs[2] + a.outs[3];
}

/* Out number n of the matrices, which follow one another. */
struct place {
    uint matrix, n;
};

place find(uint n) {
    place p = place(0, n);
    [[unroll]] for (uint i = 0; i < 3; i++)
        if (p.matrix == i && p.n >= a.outs[i])
            p = place(i + 1, p.n - a.outs[i]);
    return p;
}

/* Groups (x, y): some of the outs of ROWS rows, of which there may be fewer. */
uint row_of(uint t) {
    return gl_WorkGroupID.y * ROWS + t;
}

quant_row weights_row(uint task, uint m) {
    place p = find(min(task * MATRICES + m, all_outs() - 1));
    return quant_row_of(a.w[p.matrix], a.outs[p.matrix], WIDTH, p.n);
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

void store(uint task, uint t, float product[MATRICES]) {
    [[unroll]] for (uint m = 0; m < MATRICES; m++) {
        uint n = task * MATRICES + m;
        if (row_of(t) >= a.rows || n >= all_outs())
            continue;
        place p = find(n);
        floats(a.dst[p.matrix]).at[row_of(t) * a.outs[p.matrix] + p.n] = product[m];
    }
}

void main() {
    few_run(gl_WorkGroupID.x, gl_NumWorkGroups.x, (all_outs() + MATRICES - 1) / MATRICES,
            a.eps);
}
