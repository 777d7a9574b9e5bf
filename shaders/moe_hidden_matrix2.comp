/* hidden[place, n] = silu(gate_e[n] . sorted[place]) * (up_e[n] . sorted[place]) for a tile of
 * places, by matrices as large as a workgroup's tile. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/lib/tensor_tile.glsl"
#include "shaders/moe.h"

layout(constant_id = 3) const uint BK = 64; /* summed numbers of a step */
/* inner is a multiple of BN, width of BK: then only places past the tile's are outside. These are
 * read, for there are BM rows more than places, and not written. */
layout(constant_id = 4) const bool WHOLE = false;
layout(push_constant, scalar) uniform push {
    moe_args a;
};

float gated(const in uint32_t i, const in uint32_t j, const in float gate, const in float up) {
    return round_bf16(silu(gate) * up);
}

void main() {
    uints plan = uints(a.plan);
    if (gl_WorkGroupID.y >= plan.at[0])
        return;
    uint tile = 1 + gl_WorkGroupID.y * MOE_TILE_WORDS, first = plan.at[tile + 1];
    uint end = first + plan.at[tile + 2], out_0 = gl_WorkGroupID.x * BN;
    uint expert = plan.at[tile] - a.first;
    if (expert >= a.some)
        return;
    uint64_t skip = uint64_t(expert) * a.apart;
    bf16s gate = bf16s(a.gate + skip), up = bf16s(a.up + skip), x = bf16s(a.sorted);
    clamped_layout xs = clamped_matrix(end, a.width), ws = clamped_matrix(a.inner, a.width);
    whole_layout whole_xs = whole_matrix(end, a.width), whole_ws = whole_matrix(a.inner, a.width);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator> sum, other;
    sum = coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>(0.0);
    other = coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>(0.0);
    for (uint k = 0; k < a.width; k += BK) {
        coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BK, gl_MatrixUseA> xm;
        coopmat<bfloat16_t, gl_ScopeWorkgroup, BK, BN, gl_MatrixUseB> gm, um;
        if (WHOLE) {
            whole_layout slice = sliceTensorLayoutNV(whole_ws, out_0, BN, k, BK);
            coopMatLoadTensorNV(xm, x.at, 0, sliceTensorLayoutNV(whole_xs, first, BM, k, BK));
            coopMatLoadTensorNV(gm, gate.at, 0, slice, turned);
            coopMatLoadTensorNV(um, up.at, 0, slice, turned);
        } else {
            clamped_layout slice = sliceTensorLayoutNV(ws, out_0, BN, k, BK);
            coopMatLoadTensorNV(xm, x.at, 0, sliceTensorLayoutNV(xs, first, BM, k, BK));
            coopMatLoadTensorNV(gm, gate.at, 0, slice, turned);
            coopMatLoadTensorNV(um, up.at, 0, slice, turned);
        }
        sum = coopMatMulAdd(xm, gm, sum);
        other = coopMatMulAdd(xm, um, other);
    }
    coopMatPerElementNV(sum, sum, gated, other);
    coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA> hidden =
        coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA>(sum);
    clamped_layout hs = clamped_matrix(end, a.inner);
    coopMatStoreTensorNV(hidden, bf16s(a.hidden).at, 0,
                         sliceTensorLayoutNV(hs, first, BM, out_0, BN));
}
