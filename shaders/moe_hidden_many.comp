/* hidden[p, n] = silu(gate_e[n] . x[t]) * (up_e[n] . x[t]) for a tile of pairs. The first half of the
 * tile's outs are gate's, the second are up's for the same n. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"

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
    return weight4(a.x + uint64_t(tile_pair[line] / a.chosen) * a.width * 4, k, a.width, false,
                   EIGHTS);
}

vec4 w4(uint line, uint k) {
    uint n = min(out_0 + line % (BN / 2), a.inner - 1);
    uint64_t matrix = (line < BN / 2 ? a.gate : a.up) + tile_expert;
    return matrix_weight4(matrix, a.inner, a.width, n, k, EIGHTS);
}

void store(uint line, uint n, float gate, float up) {
    if (line < tile_lines && n < a.inner)
        floats(a.hidden + uint64_t(tile_pair[line]) * a.inner * 4).at[n] = silu(gate) * up;
}

void main() {
    out_0 = gl_WorkGroupID.x * (BN / 2);
    if (!find_tile(gl_WorkGroupID.y))
        return;
    tile_product(0, (a.width + SLICE - 1) / SLICE);
    [[unroll]] for (uint m = 0; m < TM; m++)
        [[unroll]] for (uint n = 0; n < TN / 2; n++)
            store(tile_i() + m * SIDE, out_0 + tile_j() + n * SIDE, sum[m * TN + n],
                  sum[m * TN + n + TN / 2]);
}
