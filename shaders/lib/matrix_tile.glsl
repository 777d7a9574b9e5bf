/* matrix_tile: what tile.glsl does, by the matrix units (VK_KHR_cooperative_matrix) of devices that
 * have them: weights and activations are rounded to bf16, sums are f32.
 *
 * Who includes it declares its local size of THREADS, `const uint KEPT`, how many matrices a
 * subgroup looks at together at the end, and the functions
 *   eight x8(uint line, uint k);   numbers k .. k + 7 of the tile's row `line`, 0 past the last
 *   uvec4 w8(uint line, uint k);   the same of the weights of its out `line`, bf16
 * After tile_product() each subgroup has ROWS * OUTS matrices of sums, M * N numbers each, and looks
 * at them by tile_keep() and tile_kept(). Lines beyond the matrix may hold anything; their sums are
 * not to be stored. */
#ifndef SHADERS_MATRIX_TILE
#define SHADERS_MATRIX_TILE

#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_bfloat16 : require
#extension GL_EXT_control_flow_attributes : require

const uint THREADS = 256;
layout(constant_id = 0) const uint SUBGROUP = 32;
layout(constant_id = 1) const uint M = 16; /* the device's matrices: M rows, N outs, sums over K */
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;
layout(constant_id = 4) const uint BM = 128; /* rows and outs of the tile */
layout(constant_id = 5) const uint BN = 128;
layout(constant_id = 6) const uint ACROSS = 4; /* subgroups side by side along the outs */
/* 7 is left to who includes it: the type of the weights. */

eight x8(uint line, uint k);
uvec4 w8(uint line, uint k);

const uint SLICE = 32, EIGHTS = SLICE / 8;
const uint PITCH = EIGHTS + 1; /* odd, so that neighbouring lines lie in different banks */
const uint X_LOADS = (BM * EIGHTS + THREADS - 1) / THREADS; /* of a thread for a slice */
const uint W_LOADS = (BN * EIGHTS + THREADS - 1) / THREADS;
const uint HIGH = BM * ACROSS * SUBGROUP / THREADS; /* rows and outs of a subgroup */
const uint WIDE = BN / ACROSS;
const uint ROWS = HIGH / M, OUTS = WIDE / N; /* matrices of a subgroup */

/* Two slices, one being multiplied while the other is filled; in the end xs is where sums pass. */
const uint X_ROOM = 2 * BM * PITCH, KEPT_ROOM = THREADS / SUBGROUP * KEPT * M * N / 4;
shared uvec4 xs[X_ROOM > KEPT_ROOM ? X_ROOM : KEPT_ROOM], ws[2 * BN * PITCH];
eight next_x[X_LOADS];
uvec4 next_w[W_LOADS];
coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum[ROWS * OUTS];

void tile_load(uint slice) {
    uint k = slice * SLICE + gl_LocalInvocationIndex % EIGHTS * 8;
    uint line = gl_LocalInvocationIndex / EIGHTS;
    [[unroll]] for (uint i = 0; i < X_LOADS; i++)
        next_x[i] = x8(min(line + i * (THREADS / EIGHTS), BM - 1), k);
    [[unroll]] for (uint i = 0; i < W_LOADS; i++)
        next_w[i] = w8(min(line + i * (THREADS / EIGHTS), BN - 1), k);
}

void tile_share(uint half_) {
    uint at = gl_LocalInvocationIndex % EIGHTS, line = gl_LocalInvocationIndex / EIGHTS;
    [[unroll]] for (uint i = 0; i < X_LOADS; i++) {
        uint t = line + i * (THREADS / EIGHTS);
        if (t < BM)
            xs[(half_ * BM + t) * PITCH + at] = narrow_eight(next_x[i]);
    }
    [[unroll]] for (uint i = 0; i < W_LOADS; i++) {
        uint n = line + i * (THREADS / EIGHTS);
        if (n < BN)
            ws[(half_ * BN + n) * PITCH + at] = next_w[i];
    }
}

/* Of the subgroup, in the tile. */
uint first_row() {
    return gl_SubgroupID / ACROSS * HIGH;
}

uint first_out() {
    return gl_SubgroupID % ACROSS * WIDE;
}

void tile_multiply(uint half_) {
    uint x_line = half_ * BM + first_row(), w_line = half_ * BN + first_out();
    [[unroll]] for (uint k = 0; k < SLICE; k += K) {
        coopmat<bfloat16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> x[ROWS];
        coopmat<bfloat16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> w;
        [[unroll]] for (uint i = 0; i < ROWS; i++)
            coopMatLoad(x[i], xs, (x_line + i * M) * PITCH + k / 8, PITCH,
                        gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < OUTS; j++) {
            coopMatLoad(w, ws, (w_line + j * N) * PITCH + k / 8, PITCH,
                        gl_CooperativeMatrixLayoutColumnMajor);
            [[unroll]] for (uint i = 0; i < ROWS; i++)
                sum[i * OUTS + j] = coopMatMulAdd(x[i], w, sum[i * OUTS + j]);
        }
    }
}

/* Lays matrix i (of row i / OUTS and out i % OUTS) into place `at` < KEPT. Sums go through shared
 * memory, so that each thread knows which ones it has. */
void tile_keep(uint i, uint at) {
    coopMatStore(sum[i], xs, (gl_SubgroupID * KEPT + at) * (M * N / 4), N / 4,
                 gl_CooperativeMatrixLayoutRowMajor);
}

/* Number n of the matrix at place `at`: row n / N, out n % N. Between keeping and looking, and
 * before the next is kept, a subgroupBarrier(). */
float tile_kept(uint at, uint n) {
    return uintBitsToFloat(xs[(gl_SubgroupID * KEPT + at) * (M * N / 4) + n / 4][n % 4]);
}

/* Sums over slices [slice, end). All threads must call it. */
void tile_product(uint slice, uint end) {
    [[unroll]] for (uint i = 0; i < ROWS * OUTS; i++)
        sum[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0);
    if (slice < end) {
        tile_load(slice);
        tile_share(slice % 2);
    }
    for (; slice < end; slice++) {
        barrier(); /* this slice is there, and the one before is used up */
        if (slice + 1 < end)
            tile_load(slice + 1);
        tile_multiply(slice % 2);
        if (slice + 1 < end)
            tile_share((slice + 1) % 2);
    }
    barrier(); /* all slices are used up */
}

#endif
