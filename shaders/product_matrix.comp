/* Many rows, on a device with matrix units. */
#version 460
#extension GL_GOOGLE_include_directive : require

layout(constant_id = 7) const uint W_TYPE = 1;
#include "shaders/lib/quant.glsl"
const uint KEPT = 1;
#include "shaders/lib/matrix_tile.glsl"
#include "shaders/product.h"

layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

uint width, row_0, out_0; /* width: summed numbers of one result */

eight x8(uint line, uint k) {
    uint t = min(row_0 + line, a.rows - 1);
    uint apart = a.dilation > 1 ? k / a.width * (a.dilation - 1) : 0; /* rows between taps */
    if (k >= width)
        return eight(vec4(0), vec4(0));
    return load_x(a.x + (uint64_t(t + apart) * a.width + k) * 4, 0);
}

uvec4 w8(uint line, uint k) {
    return matrix_bf16(a.w, a.outs, width, min(out_0 + line, a.outs - 1), k);
}

void store(uint row, uint n, float value) {
    if (row >= a.rows || n >= a.outs)
        return;
    if (a.n_parts == 1)
        finish(row, n, value);
    else
        floats(a.parts + (uint64_t(gl_WorkGroupID.z * a.rows + row) * a.outs + n) * 4).at[0] =
            value;
}

void main() {
    width = a.taps * a.width;
    row_0 = gl_WorkGroupID.y * BM;
    out_0 = gl_WorkGroupID.x * BN;
    uint slices = (width + SLICE - 1) / SLICE;
    tile_product(slices * gl_WorkGroupID.z / a.n_parts, slices * (gl_WorkGroupID.z + 1) / a.n_parts);
    [[unroll]] for (uint i = 0; i < ROWS * OUTS; i++) {
        uint row = row_0 + first_row() + i / OUTS * M, n = out_0 + first_out() + i % OUTS * N;
        tile_keep(i, 0);
        subgroupBarrier();
        for (uint at = gl_SubgroupInvocationID; at < M * N; at += SUBGROUP)
            store(row + at / N, n + at % N, tile_kept(0, at));
        subgroupBarrier();
    }
}
