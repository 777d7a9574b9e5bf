/* few_planes: rows of x as integers in shared memory, for products with quantised weights, see
 * few_quant.glsl. Before it is included: the constants ROWS, RUNS (of 16 numbers of a row of x), PLANES
 * (bytes of a number), PAIRED and HAS_SUM (weights are not just a scale times integers). */
#ifndef SHADERS_FEW_PLANES
#define SHADERS_FEW_PLANES

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/dot.glsl"

shared uvec4 few_x[ROWS * PLANES * RUNS]; /* [t, plane, run]: 16 bytes */
shared vec2 few_step[ROWS * RUNS];        /* [t, run]: what 1 stands for; the run's sum */

/* Where a run is kept: neighbouring threads want neighbours of these, or every second or fourth one,
 * and find them in different banks. */
uint few_place(uint run) {
    return PAIRED ? run ^ (run >> 3 & 3) : run ^ (run >> 3 & 1) * 7;
}

int few_dot(uvec4 a, uvec4 b) {
    return dot4(a.x, b.x) + dot4(a.y, b.y) + dot4(a.z, b.z) + dot4(a.w, b.w);
}

/* A number from its planes, or a sum of such. It is no larger than 2^31 without the last of three. */
float few_whole(int n[PLANES]) {
    float whole = float(256 * n[0] + n[1]);
    return PLANES == 2 ? whole : fma(whole, 256, float(n[PLANES - 1]));
}

/* Bytes 0 of four numbers, and bytes 1. */
uvec2 few_bytes(uvec4 n) {
    uvec2 w = n.xy & 0xffff | n.zw << 16;
    return uvec2(w.x & 0x00ff00ff | w.y << 8 & 0xff00ff00, w.x >> 8 & 0x00ff00ff | w.y & 0xff00ff00);
}

/* Four integers, larger than they shall be by 128 in each byte but the first: lest these bytes, which
 * are signed, change the one above. */
void few_split(uvec4 n, uint c, inout uvec4 plane[PLANES]) {
    uvec2 low = few_bytes(n);
    plane[PLANES - 1][c] = low.x ^ 0x80808080;
    plane[PLANES - 2][c] = PLANES == 2 ? low.y : low.y ^ 0x80808080;
    if (PLANES == 3)
        plane[0][c] = few_bytes(n >> 16).x;
}

/* Run `at` of row t, as integers of which the largest is LARGEST. They are made in the low bits of a
 * float, see quant_numbers(). */
void few_round(uint t, uint at, vec4 x[4]) {
    const float LARGEST = PLANES == 2 ? 32639.0 : 4161407.0, ZERO = 12582912.0; /* 1.5 * 2^23 */
    const float MORE = PLANES == 2 ? 128.0 : 128.0 + 32768.0;
    vec4 most = max(max(abs(x[0]), abs(x[1])), max(abs(x[2]), abs(x[3])));
    float largest = max(max(most.x, most.y), max(most.z, most.w)), step = largest * (1 / LARGEST);
    float up = largest > 1e-30 ? LARGEST / largest : 0;
    uvec4 plane[PLANES];
    int sum[PLANES];
    [[unroll]] for (uint c = 0; c < 4; c++)
        few_split(floatBitsToUint(fma(x[c], vec4(up), vec4(ZERO + MORE))) - floatBitsToUint(ZERO), c,
                  plane);
    [[unroll]] for (uint p = 0; p < PLANES; p++) {
        few_x[(t * PLANES + p) * RUNS + at] = plane[p];
        sum[p] = few_dot(plane[p], uvec4(0x01010101));
    }
    few_step[t * RUNS + at] = vec2(step, HAS_SUM ? step * few_whole(sum) : 0);
}

#endif
