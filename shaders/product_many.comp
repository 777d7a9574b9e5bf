/* Many rows: tiles in shared memory. */
#version 460
#extension GL_GOOGLE_include_directive : require

layout(constant_id = 0) const uint W_TYPE = 0;
#include "shaders/lib/quant.glsl"
#include "shaders/lib/tile.glsl"
#include "shaders/product.h"

layout(local_size_x = THREADS) in;
layout(constant_id = 1) const bool EIGHTS = false;
layout(push_constant, scalar) uniform push {
    product_args a;
};
#include "shaders/lib/finish.glsl"

uint width, row_0, out_0; /* width: summed numbers of one result */

/* Where number k of row t's product lies in x: taps follow one another, `dilation` rows apart. */
uint64_t x_at(uint t, uint k) {
    uint apart = a.dilation > 1 ? k / a.width * (a.dilation - 1) : 0;
    return a.x + (uint64_t(t + apart) * a.width + k) * 4;
}

vec4 x4(uint line, uint k) {
    uint t = min(row_0 + line, a.rows - 1);
    if (k >= width)
        return vec4(0);
    if (EIGHTS)
        return vectors(x_at(t, k)).at[0];
    vec4 v = vec4(0);
    for (uint i = 0; i < 4 && k + i < width; i++)
        v[i] = floats(x_at(t, k + i)).at[0];
    return v;
}

vec4 w4(uint line, uint k) {
    return matrix_weight4(a.w, a.outs, width, min(out_0 + line, a.outs - 1), k, EIGHTS);
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
    [[unroll]] for (uint m = 0; m < TM; m++)
        [[unroll]] for (uint n = 0; n < TN; n++)
            store(row_0 + tile_i() + m * SIDE, out_0 + tile_j() + n * SIDE, sum[m * TN + n]);
}
