/* results[place, d] = down_e[d] . hidden[place] for a tile of places, by matrices as large as a
 * workgroup's tile. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/tensor_tile.glsl"
#include "shaders/moe.h"

layout(constant_id = 3) const uint BK = 64; /* summed numbers of a step */
layout(constant_id = 4) const bool WHOLE = false; /* as in moe_hidden_matrix2: width of BN, inner of BK */
layout(push_constant, scalar) uniform push {
    moe_args a;
};

void main() {
    uints plan = uints(a.plan);
    if (gl_WorkGroupID.y >= plan.at[0])
        return;
    uint tile = 1 + gl_WorkGroupID.y * MOE_TILE_WORDS, first = plan.at[tile + 1];
    uint end = first + plan.at[tile + 2], out_0 = gl_WorkGroupID.x * BN;
    uint expert = plan.at[tile] - a.first;
    if (expert >= a.some)
        return;
    bf16s w = bf16s(a.down + uint64_t(expert) * a.apart), hidden = bf16s(a.hidden);
    clamped_layout hs = clamped_matrix(end, a.inner), ws = clamped_matrix(a.width, a.inner);
    whole_layout whole_hs = whole_matrix(end, a.inner), whole_ws = whole_matrix(a.width, a.inner);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator> sum =
        coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>(0.0);
    for (uint k = 0; k < a.inner; k += BK) {
        coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BK, gl_MatrixUseA> hm;
        coopmat<bfloat16_t, gl_ScopeWorkgroup, BK, BN, gl_MatrixUseB> wm;
        if (WHOLE) {
            coopMatLoadTensorNV(hm, hidden.at, 0, sliceTensorLayoutNV(whole_hs, first, BM, k, BK));
            coopMatLoadTensorNV(wm, w.at, 0, sliceTensorLayoutNV(whole_ws, out_0, BN, k, BK),
                                turned);
        } else {
            coopMatLoadTensorNV(hm, hidden.at, 0, sliceTensorLayoutNV(hs, first, BM, k, BK));
            coopMatLoadTensorNV(wm, w.at, 0, sliceTensorLayoutNV(ws, out_0, BN, k, BK), turned);
        }
        sum = coopMatMulAdd(hm, wm, sum);
    }
    clamped_layout ys = clamped_matrix(end, a.width);
    coopMatStoreTensorNV(sum, aligned_floats(a.results).at, 0,
                         sliceTensorLayoutNV(ys, first, BM, out_0, BN));
}
