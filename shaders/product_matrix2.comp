/* Many rows, on a device whose matrix units take a workgroup's tile as a whole. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/lib/tensor_tile.glsl"
#include "shaders/product.h"

layout(push_constant, scalar) uniform push {
    product_args a;
};

layout(constant_id = 3) const uint BK = 64; /* summed numbers of a step */
layout(constant_id = 4) const bool DST_EIGHTS = false; /* outs are a multiple of eight */
layout(constant_id = 5) const bool DST_BF16 = false;

#define matrix_sum coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>
#define matrix_x   coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BK, gl_MatrixUseA>
#define matrix_w   coopmat<bfloat16_t, gl_ScopeWorkgroup, BK, BN, gl_MatrixUseB>

uint row_0, out_0, steps; /* steps: of each tap */

float finished(const in uint32_t i, const in uint32_t j, const in float sum) {
    uint n = min(out_0 + j, a.outs - 1);
    float y = sum;
    if (a.b != 0)
        y += weight(a.b, n, a.b_bf16 != 0);
    if (a.scale != 0)
        y *= weight(a.scale, n, a.scale_bf16 != 0);
    y = activate(a.act, y);
    return DST_BF16 ? round_bf16(y) : y;
}

/* Where the tap's rows of x begin, where its weights do: numbers from the first. */
uint x_tap(uint tap) {
    return tap * a.dilation * a.x_stride & ~7u;
}

uint w_tap(uint tap) {
    return tap * a.width & ~7u;
}

/* Sums over steps [step, end) of a tile that is all inside of x and w. */
matrix_sum whole(uint step, uint end) {
    tensorLayoutNV<2> xs = createTensorLayoutNV(2), ws = createTensorLayoutNV(2);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    matrix_sum sum = matrix_sum(0.0);
    matrix_x x;
    matrix_w w;
    xs = setTensorLayoutDimensionNV(xs, a.rows, a.width);
    xs = setTensorLayoutStrideNV(xs, a.x_stride & ~7u, 1);
    ws = setTensorLayoutDimensionNV(ws, a.outs, a.width);
    ws = setTensorLayoutStrideNV(ws, a.width * a.taps & ~7u, 1);
    for (; step < end; step++) {
        uint tap = step / steps, k = step % steps * BK;
        coopMatLoadTensorNV(x, bf16s(a.x).at, x_tap(tap),
                            sliceTensorLayoutNV(xs, row_0, BM, k, BK));
        coopMatLoadTensorNV(w, bf16s(a.w).at, w_tap(tap),
                            sliceTensorLayoutNV(ws, out_0, BN, k, BK), turned);
        sum = coopMatMulAdd(x, w, sum);
    }
    return sum;
}

/* The same at an edge. */
matrix_sum clamped(uint step, uint end) {
    clamped_layout xs = clamped_rows(a.rows, a.width, a.x_stride);
    clamped_layout ws = clamped_rows(a.outs, a.width, a.width * a.taps);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    matrix_sum sum = matrix_sum(0.0);
    matrix_x x;
    matrix_w w;
    for (; step < end; step++) {
        uint tap = step / steps, k = step % steps * BK;
        coopMatLoadTensorNV(x, bf16s(a.x).at, x_tap(tap),
                            sliceTensorLayoutNV(xs, row_0, BM, k, BK));
        coopMatLoadTensorNV(w, bf16s(a.w).at, w_tap(tap),
                            sliceTensorLayoutNV(ws, out_0, BN, k, BK), turned);
        sum = coopMatMulAdd(x, w, sum);
    }
    return sum;
}

clamped_layout dst_layout() {
    clamped_layout l = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    l = setTensorLayoutDimensionNV(l, a.rows, a.outs);
    l = setTensorLayoutStrideNV(l, DST_EIGHTS ? a.outs & ~7u : a.outs, 1);
    return sliceTensorLayoutNV(l, row_0, BM, out_0, BN);
}

void store_floats(matrix_sum sum, uint64_t dst) {
    if (DST_EIGHTS)
        coopMatStoreTensorNV(sum, aligned_floats(dst).at, 0, dst_layout());
    else
        coopMatStoreTensorNV(sum, floats(dst).at, 0, dst_layout());
}

void store(matrix_sum sum) {
    if (a.b != 0 || a.scale != 0 || a.act != 0 || DST_BF16)
        coopMatPerElementNV(sum, sum, finished);
    if (a.add != 0) {
        matrix_sum before;
        if (DST_EIGHTS)
            coopMatLoadTensorNV(before, aligned_floats(a.dst).at, 0, dst_layout());
        else
            coopMatLoadTensorNV(before, floats(a.dst).at, 0, dst_layout());
        sum = sum + before;
    }
    if (DST_BF16)
        coopMatStoreTensorNV(coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA>(sum),
                             bf16s(a.dst).at, 0, dst_layout());
    else
        store_floats(sum, a.dst);
}

void main() {
    row_0 = gl_WorkGroupID.y * BM;
    out_0 = gl_WorkGroupID.x * BN;
    steps = (a.width + BK - 1) / BK;
    uint step = steps * a.taps * gl_WorkGroupID.z / a.n_parts;
    uint end = steps * a.taps * (gl_WorkGroupID.z + 1) / a.n_parts;
    matrix_sum sum;
    if (row_0 + BM <= a.rows && out_0 + BN <= a.outs && a.width % BK == 0)
        sum = whole(step, end);
    else
        sum = clamped(step, end);
    if (a.n_parts == 1)
        store(sum);
    else
        store_floats(sum, a.parts + uint64_t(gl_WorkGroupID.z * a.rows) * a.outs * 4);
}
