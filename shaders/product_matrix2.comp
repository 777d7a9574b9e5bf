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
/* What a tile may stick out of, see shaders/product.h. */
layout(constant_id = 6) const uint EDGES = PRODUCT_ROWS_EDGE | PRODUCT_OUTS_EDGE | PRODUCT_SUMS_EDGE;
const bool X_CLAMPS = (EDGES & (PRODUCT_ROWS_EDGE | PRODUCT_SUMS_EDGE)) != 0;
const bool W_CLAMPS = (EDGES & (PRODUCT_OUTS_EDGE | PRODUCT_SUMS_EDGE)) != 0;
const bool DST_CLAMPS = (EDGES & (PRODUCT_ROWS_EDGE | PRODUCT_OUTS_EDGE)) != 0;

#define matrix_sum coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>
#define matrix_x   coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BK, gl_MatrixUseA>
#define matrix_w   coopmat<bfloat16_t, gl_ScopeWorkgroup, BK, BN, gl_MatrixUseB>

/* The tile begins there; its own results do at own_row and own_out: the last tile is moved to end
 * where the matrix ends and repeats results of its neighbour. */
uint row_0, out_0, own_row, own_out, steps; /* steps: of each tap */

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

/* Sums over steps [step, end). */
matrix_sum sum_up(uint step, uint end) {
    whole_layout xs = whole_rows(a.rows, a.width, a.x_stride);
    whole_layout ws = whole_rows(a.outs, a.width, a.width * a.taps);
    clamped_layout xs_clamped = clamped_rows(a.rows, a.width, a.x_stride);
    clamped_layout ws_clamped = clamped_rows(a.outs, a.width, a.width * a.taps);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    matrix_sum sum = matrix_sum(0.0);
    matrix_x x;
    matrix_w w;
    for (; step < end; step++) {
        uint tap = step / steps, k = step % steps * BK;
        if (X_CLAMPS)
            coopMatLoadTensorNV(x, bf16s(a.x).at, x_tap(tap),
                                sliceTensorLayoutNV(xs_clamped, row_0, BM, k, BK));
        else
            coopMatLoadTensorNV(x, bf16s(a.x).at, x_tap(tap),
                                sliceTensorLayoutNV(xs, row_0, BM, k, BK));
        if (W_CLAMPS)
            coopMatLoadTensorNV(w, bf16s(a.w).at, w_tap(tap),
                                sliceTensorLayoutNV(ws_clamped, out_0, BN, k, BK), turned);
        else
            coopMatLoadTensorNV(w, bf16s(a.w).at, w_tap(tap),
                                sliceTensorLayoutNV(ws, out_0, BN, k, BK), turned);
        sum = coopMatMulAdd(x, w, sum);
    }
    return sum;
}

clamped_layout dst_clamped() {
    clamped_layout l = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    l = setTensorLayoutDimensionNV(l, a.rows, a.outs);
    l = setTensorLayoutStrideNV(l, DST_EIGHTS ? a.outs & ~7u : a.outs, 1);
    return sliceTensorLayoutNV(l, row_0, BM, out_0, BN);
}

whole_layout dst_whole() {
    whole_layout l = createTensorLayoutNV(2);
    l = setTensorLayoutDimensionNV(l, a.rows, a.outs);
    l = setTensorLayoutStrideNV(l, DST_EIGHTS ? a.outs & ~7u : a.outs, 1);
    return sliceTensorLayoutNV(l, row_0, BM, out_0, BN);
}

void store_floats(matrix_sum sum, uint64_t dst) {
    if (DST_CLAMPS && DST_EIGHTS)
        coopMatStoreTensorNV(sum, aligned_floats(dst).at, 0, dst_clamped());
    else if (DST_CLAMPS)
        coopMatStoreTensorNV(sum, floats(dst).at, 0, dst_clamped());
    else if (DST_EIGHTS)
        coopMatStoreTensorNV(sum, aligned_floats(dst).at, 0, dst_whole());
    else
        coopMatStoreTensorNV(sum, floats(dst).at, 0, dst_whole());
}

matrix_sum load_before() {
    matrix_sum before;
    if (DST_CLAMPS && DST_EIGHTS)
        coopMatLoadTensorNV(before, aligned_floats(a.dst).at, 0, dst_clamped());
    else if (DST_CLAMPS)
        coopMatLoadTensorNV(before, floats(a.dst).at, 0, dst_clamped());
    else if (DST_EIGHTS)
        coopMatLoadTensorNV(before, aligned_floats(a.dst).at, 0, dst_whole());
    else
        coopMatLoadTensorNV(before, floats(a.dst).at, 0, dst_whole());
    return before;
}

void store_bf16(coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA> y) {
    if (DST_CLAMPS)
        coopMatStoreTensorNV(y, bf16s(a.dst).at, 0, dst_clamped());
    else
        coopMatStoreTensorNV(y, bf16s(a.dst).at, 0, dst_whole());
}

/* dst += y for the tile's own results only: what its neighbour adds as well must not be added
 * twice. */
float add_own(const in uint32_t i, const in uint32_t j, const in float y) {
    uint t = row_0 + i, n = out_0 + j;
    if (t >= own_row && t < a.rows && n >= own_out && n < a.outs)
        floats(a.dst + (uint64_t(t) * a.outs + n) * 4).at[0] += y;
    return y;
}

void store(matrix_sum sum) {
    if (a.b != 0 || a.scale != 0 || a.act != 0 || DST_BF16)
        coopMatPerElementNV(sum, sum, finished);
    if (DST_BF16)
        store_bf16(coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA>(sum));
    else if (a.add == 0)
        store_floats(sum, a.dst);
    else if (row_0 == own_row && out_0 == own_out)
        store_floats(load_before() + sum, a.dst);
    else
        coopMatPerElementNV(sum, sum, add_own);
}

void main() {
    own_row = gl_WorkGroupID.y * BM;
    own_out = gl_WorkGroupID.x * BN;
    row_0 = a.rows < BM ? 0 : min(own_row, a.rows - BM);
    out_0 = a.outs < BN ? 0 : min(own_out, a.outs - BN);
    steps = (a.width + BK - 1) / BK;
    uint step = steps * a.taps * gl_WorkGroupID.z / a.n_parts;
    uint end = steps * a.taps * (gl_WorkGroupID.z + 1) / a.n_parts;
    matrix_sum sum = sum_up(step, end);
    if (a.n_parts == 1)
        store(sum);
    else
        store_floats(sum, a.parts + uint64_t(gl_WorkGroupID.z * a.rows) * a.outs * 4);
}
