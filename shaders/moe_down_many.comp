/* results[p, d] = down_e[d] . hidden[p] for a tile of pairs. */
#version 460
#extension GL_GOOGLE_include_directive : require

layout(constant_id = 0) const uint W_TYPE = 0;
#include "shaders/lib/quant.glsl"
#include "shaders/lib/tile.glsl"
#include "shaders/moe.h"

layout(local_size_x = THREADS) in;
layout(constant_id = 1) const bool EIGHTS = false;
layout(push_constant, scalar) uniform push {
    moe_args a;
};
#include "shaders/lib/moe_tile.glsl"

uint out_0;

vec4 x4(uint line, uint k) {
    return weight4(a.hidden + uint64_t(tile_pair[line]) * a.inner * 4, k, a.inner, false, EIGHTS);
}

vec4 w4(uint line, uint k) {
    uint d = min(out_0 + line, a.width - 1);
    return matrix_weight4(a.down + tile_expert, a.width, a.inner, d, k, EIGHTS);
}

void store(uint line, uint d, float value) {
    if (line < tile_lines && d < a.width)
        floats(a.results + uint64_t(tile_pair[line]) * a.width * 4).at[d] = value;
}

void main() {
    out_0 = gl_WorkGroupID.x * BN;
    if (!find_tile(gl_WorkGroupID.y))
        return;
    tile_product(0, (a.inner + SLICE - 1) / SLICE);
    [[unroll]] for (uint m = 0; m < TM; m++)
        [[unroll]] for (uint n = 0; n < TN; n++)
            store(tile_i() + m * SIDE, out_0 + tile_j() + n * SIDE, sum[m * TN + n]);
}
