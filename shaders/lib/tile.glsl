/* tile: a workgroup's BM rows times BN outs of a matrix product, from slices of the summed numbers
 * in shared memory. While a slice is multiplied, the next one is on its way.
 *
 * Who includes it declares its local size of THREADS and the functions
 *   vec4 x4(uint line, uint k);   numbers k .. k + 3 of the tile's row `line`, 0 past the last
 *   vec4 w4(uint line, uint k);   the same of the weights of its out `line`
 * and finds the sums in sum[m * TN + n]: those of rows tile_i() + m * SIDE and outs tile_j() + n *
 * SIDE. Lines beyond the matrix may hold anything; their sums are not to be stored. */
#ifndef SHADERS_TILE
#define SHADERS_TILE

#extension GL_EXT_control_flow_attributes : require

const uint SIDE = 16, THREADS = SIDE * SIDE;
layout(constant_id = 2) const uint TM = 4; /* rows and */
layout(constant_id = 3) const uint TN = 4; /* outs of a thread */
const uint BM = SIDE * TM, BN = SIDE * TN;
const uint SLICE = 16, QUADS = SLICE / 4;

vec4 x4(uint line, uint k);
vec4 w4(uint line, uint k);

const uint PITCH = QUADS + 1; /* odd, so that neighbouring lines lie in different banks */
const uint X_LOADS = (BM * QUADS + THREADS - 1) / THREADS; /* of a thread for a slice */
const uint W_LOADS = (BN * QUADS + THREADS - 1) / THREADS;

shared vec4 xs[BM * PITCH], ws[BN * PITCH];
vec4 next_x[X_LOADS], next_w[W_LOADS];
float sum[TM * TN];

uint tile_i() {
    return gl_LocalInvocationIndex / SIDE;
}

uint tile_j() {
    return gl_LocalInvocationIndex % SIDE;
}

void tile_load(uint slice) {
    uint k = slice * SLICE + gl_LocalInvocationIndex % QUADS * 4;
    uint line = gl_LocalInvocationIndex / QUADS;
    [[unroll]] for (uint i = 0; i < X_LOADS; i++)
        next_x[i] = x4(min(line + i * (THREADS / QUADS), BM - 1), k);
    [[unroll]] for (uint i = 0; i < W_LOADS; i++)
        next_w[i] = w4(min(line + i * (THREADS / QUADS), BN - 1), k);
}

void tile_share() {
    uint quad = gl_LocalInvocationIndex % QUADS, line = gl_LocalInvocationIndex / QUADS;
    [[unroll]] for (uint i = 0; i < X_LOADS; i++) {
        uint t = line + i * (THREADS / QUADS);
        if (t < BM)
            xs[t * PITCH + quad] = next_x[i];
    }
    [[unroll]] for (uint i = 0; i < W_LOADS; i++) {
        uint n = line + i * (THREADS / QUADS);
        if (n < BN)
            ws[n * PITCH + quad] = next_w[i];
    }
}

void tile_multiply() {
    uint i = tile_i(), j = tile_j();
    [[unroll]] for (uint quad = 0; quad < QUADS; quad++) {
        vec4 x[TM];
        [[unroll]] for (uint m = 0; m < TM; m++)
            x[m] = xs[(i + m * SIDE) * PITCH + quad];
        [[unroll]] for (uint n = 0; n < TN; n++) {
            vec4 w = ws[(j + n * SIDE) * PITCH + quad];
            [[unroll]] for (uint m = 0; m < TM; m++)
                sum[m * TN + n] = fma4(x[m], w, sum[m * TN + n]);
        }
    }
}

/* Sums over slices [slice, end). All threads must call it. */
void tile_product(uint slice, uint end) {
    [[unroll]] for (uint m = 0; m < TM * TN; m++)
        sum[m] = 0;
    if (slice < end)
        tile_load(slice);
    for (; slice < end; slice++) {
        barrier(); /* the slice before is used up */
        tile_share();
        barrier();
        if (slice + 1 < end)
            tile_load(slice + 1);
        tile_multiply();
    }
}

#endif
