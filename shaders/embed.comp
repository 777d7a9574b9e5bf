#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/embed.h"

layout(constant_id = 0) const uint W_TYPE = 0;
layout(constant_id = 1) const bool ADD = false;
#include "shaders/lib/quant.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    embed_args a;
};

/* Groups (x, y): part x of row y and of the rows beyond the grid. */
void main() {
    uint d = gl_GlobalInvocationID.x;
    if (d >= a.width)
        return;
    for (uint t = gl_WorkGroupID.y; t < a.rows; t += gl_NumWorkGroups.y) {
        int id = ints(a.ids).at[t];
        floats dst = floats(a.dst + uint64_t(t) * a.width * 4);
        float w = id < 0 ? 0 : matrix_weight(a.table, a.vocab, a.width, uint(id), d);
        dst.at[d] = ADD ? dst.at[d] + w : w;
    }
}
