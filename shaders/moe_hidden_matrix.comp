/* hidden[p, n] = silu(gate_e[n] . x[t]) * (up_e[n] . x[t]) for a tile of pairs, by matrix units.
 * Matrices of the tile's outs are gate's and up's in turn, the pair of them for the same n. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"

layout(constant_id = 7) const uint W_TYPE = 1;
#include "shaders/lib/quant.glsl"
const uint KEPT = 2;
#include "shaders/lib/matrix_tile.glsl"
#include "shaders/moe.h"

layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_args a;
};
#include "shaders/lib/moe_tile.glsl"

uint out_0;

eight x8(uint line, uint k) {
    if (k >= a.width)
        return eight(vec4(0), vec4(0));
    return load_x(a.x + (uint64_t(tile_pair[line] / a.chosen) * a.width + k) * 4, 0);
}

uvec4 w8(uint line, uint k) {
    uint n = min(out_0 + line / (2 * N) * N + line % N, a.inner - 1);
    uint64_t matrix = (line / N % 2 == 0 ? a.gate : a.up) + tile_expert;
    return matrix_bf16(matrix, a.inner, a.width, n, k);
}

void main() {
    out_0 = gl_WorkGroupID.x * (BN / 2);
    if (!find_tile(gl_WorkGroupID.y))
        return;
    tile_product(0, (a.width + SLICE - 1) / SLICE);
    [[unroll]] for (uint i = 0; i < ROWS * OUTS; i += 2) {
        tile_keep(i, 0);
        tile_keep(i + 1, 1);
        subgroupBarrier();
        for (uint at = gl_SubgroupInvocationID; at < M * N; at += SUBGROUP) {
            uint line = first_row() + i / OUTS * M + at / N;
            uint n = out_0 + first_out() / 2 + i % OUTS / 2 * N + at % N;
            if (line < tile_lines && n < a.inner)
                floats(a.hidden + uint64_t(tile_pair[line]) * a.inner * 4).at[n] =
                    silu(tile_kept(0, at)) * tile_kept(1, at);
        }
        subgroupBarrier();
    }
}
