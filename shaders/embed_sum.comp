#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/embed_sum.h"

layout(constant_id = 0) const uint W_TYPE = 0;
#include "shaders/lib/quant.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 1) const bool GO_ON = false;
layout(push_constant, scalar) uniform push {
    embed_sum_args a;
};

/* Groups (x, y): part x of row y and of the rows beyond the grid. */
void main() {
    uint d = gl_GlobalInvocationID.x;
    if (d >= a.width)
        return;
    for (uint t = gl_WorkGroupID.y; t < a.rows; t += gl_NumWorkGroups.y) {
        floats dst = floats(a.dst + uint64_t(t) * a.width * 4);
        float sum = GO_ON ? dst.at[d] : 0;
        for (uint g = 0; g < a.n_tables; g++) {
            uint code = uint(ints(a.codes).at[t * a.row_codes + g]);
            sum += matrix_weight(a.table[g], a.vocab, a.width, code, d);
        }
        dst.at[d] = sum * a.scale;
    }
}
