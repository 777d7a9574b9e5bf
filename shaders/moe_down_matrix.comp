/* results[p, d] = down_e[d] . hidden[p] for a tile of pairs, by matrix units. */
#version 460
#extension GL_GOOGLE_include_directive : require

layout(constant_id = 7) const uint W_TYPE = 1;
#include "shaders/lib/quant.glsl"
const uint KEPT = 1;
#include "shaders/lib/matrix_tile.glsl"
#include "shaders/moe.h"

layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_args a;
};
#include "shaders/lib/moe_tile.glsl"

uint out_0;

eight x8(uint line, uint k) {
    if (k >= a.inner)
        return eight(vec4(0), vec4(0));
    return load_x(a.hidden + (uint64_t(tile_pair[line]) * a.inner + k) * 4, 0);
}

uvec4 w8(uint line, uint k) {
    uint d = min(out_0 + line, a.width - 1);
    return matrix_bf16(a.down + tile_expert, a.width, a.inner, d, k);
}

void main() {
    out_0 = gl_WorkGroupID.x * BN;
    if (!find_tile(gl_WorkGroupID.y))
        return;
    tile_product(0, (a.inner + SLICE - 1) / SLICE);
    [[unroll]] for (uint i = 0; i < ROWS * OUTS; i++) {
        tile_keep(i, 0);
        subgroupBarrier();
        for (uint at = gl_SubgroupInvocationID; at < M * N; at += SUBGROUP) {
            uint line = first_row() + i / OUTS * M + at / N;
            uint d = out_0 + first_out() + i % OUTS * N + at % N;
            if (line < tile_lines && d < a.width)
                floats(a.results + uint64_t(tile_pair[line]) * a.width * 4).at[d] = tile_kept(0, at);
        }
        subgroupBarrier();
    }
}
