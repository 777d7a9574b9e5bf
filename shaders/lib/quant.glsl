/* quant: weights of quantised matrices, see shaders/quant.h.
 *
 * A unit is what 16 bytes of a row's quants stand for: 16 weights of q8_0, 32 of the other types. It
 * is one or two runs of 16 weights, each with one scale (and one minimum). Units are numbered along
 * the row. Needs, before it is included, `uint W_TYPE`, best a specialisation constant. */
#ifndef SHADERS_QUANT
#define SHADERS_QUANT

#include "shaders/lib/eight.glsl"
#include "shaders/quant.h"

const bool W_BF16 = W_TYPE == WEIGHTS_BF16;
const bool QUANTISED = W_TYPE > WEIGHTS_BF16;
const bool QUANT_HAS_MIN = W_TYPE == WEIGHTS_Q4_K || W_TYPE == WEIGHTS_Q5_K;
const int QUANT_OFFSET = W_TYPE == WEIGHTS_Q4_0 ? 8 : W_TYPE == WEIGHTS_Q6_K ? 32 : 0;
const uint QUANT_RUNS = W_TYPE == WEIGHTS_Q8_0 ? 1 : 2, QUANT_UNIT = 16 * QUANT_RUNS;
const uint QUANT_BLOCK = W_TYPE == WEIGHTS_Q8_0 || W_TYPE == WEIGHTS_Q4_0 ? 32 : 256;

layout(buffer_reference, scalar, buffer_reference_align = 1) readonly buffer quant_bytes {
    int8_t at[];
};

/* A row of a matrix of `blocks` blocks; `first` is its first one. */
struct quant_row {
    uint64_t matrix;
    uint blocks, first;
};

quant_row quant_row_of(uint64_t matrix, uint outs, uint width, uint n) {
    return quant_row(matrix, outs * (width / QUANT_BLOCK), n * (width / QUANT_BLOCK));
}

/* A unit as loaded: asking for several of these before the first is looked at keeps memory busy. */
struct quant_raw {
    uvec4 q;
    uvec4 high;  /* q5_K, q6_K: what has the upper bits */
    uvec4 head;  /* q4_K, q5_K: d, dmin and scales */
    uint d;      /* the other types */
    ivec2 scale; /* q6_K */
};

/* The address of `bytes` each of all blocks, behind `before` bytes each. */
uint64_t quant_plane(quant_row r, uint before, uint bytes) {
    return r.matrix + uint64_t(r.blocks) * before + uint64_t(r.first) * bytes;
}

/* Unit unit + ahead of a row: loads of several units have one address each for all, if `ahead` is
 * constant. It is even, or the unit is in the same block as unit + 1: unit % 8 + ahead % 8 < 8. */
quant_raw quant_load(quant_row r, uint unit, uint ahead) {
    quant_raw raw;
    uint block = unit / 8, part = unit % 8, blocks = ahead / 8, parts = ahead % 8; /* of 256 */
    if (W_TYPE == WEIGHTS_Q8_0) {
        raw.q = quads(quant_plane(r, 0, 32) + uint64_t(unit) * 16).at[ahead];
        raw.d = weight_halves(quant_plane(r, 32, 2) + uint64_t(unit / 2) * 2).at[ahead / 2];
    } else if (W_TYPE == WEIGHTS_Q4_0) {
        raw.q = quads(quant_plane(r, 0, 16) + uint64_t(unit) * 16).at[ahead];
        raw.d = weight_halves(quant_plane(r, 16, 2) + uint64_t(unit) * 2).at[ahead];
    } else if (W_TYPE == WEIGHTS_Q4_K) {
        uint64_t head = quant_plane(r, 0, 144) + uint64_t(block) * 144;
        raw.q = quads(head + 16 + part * 16).at[9 * blocks + parts];
        raw.head = quads(head).at[9 * blocks];
    } else if (W_TYPE == WEIGHTS_Q5_K) {
        uint64_t head = quant_plane(r, 0, 176) + uint64_t(block) * 176;
        raw.q = quads(head + 48 + part * 16).at[11 * blocks + parts];
        raw.high = quads(head + 16 + (part + parts) % 2 * 16).at[11 * blocks];
        raw.head = quads(head).at[11 * blocks];
    } else {
        unit += ahead;
        block = unit / 8;
        part = unit % 8;
        uint run = 16 * block + part / 4 * 8 + part % 4;
        quant_bytes scales = quant_bytes(quant_plane(r, 192, 16));
        raw.q = quads(quant_plane(r, 0, 128)).at[unit];
        raw.high = quads(quant_plane(r, 128, 64)).at[4 * block + part / 4 * 2 + part % 2];
        raw.scale = ivec2(scales.at[run], scales.at[run + 4]);
        raw.d = weight_halves(quant_plane(r, 208, 2)).at[block];
    }
    return raw;
}

/* Which 16 weights of the row a run of a unit is. */
uint quant_run(uint unit, uint run) {
    uint block = unit / 8, part = unit % 8;
    if (W_TYPE == WEIGHTS_Q8_0)
        return unit;
    if (W_TYPE == WEIGHTS_Q4_0)
        return 2 * unit + run;
    if (W_TYPE == WEIGHTS_Q6_K)
        return 16 * block + part / 4 * 8 + part % 4 + 4 * run;
    return 16 * block + part / 2 * 4 + part % 2 + 2 * run;
}

/* And back: unit and run. */
uvec2 quant_find(uint run) {
    uint block = run / 16, part = run % 16;
    if (W_TYPE == WEIGHTS_Q8_0)
        return uvec2(run, 0);
    if (W_TYPE == WEIGHTS_Q4_0)
        return uvec2(run / 2, run % 2);
    if (W_TYPE == WEIGHTS_Q6_K)
        return uvec2(8 * block + part / 8 * 4 + part % 4, part / 4 % 2);
    return uvec2(8 * block + part / 4 * 2 + part % 2, part / 2 % 2);
}

/* The bytes of a word as numbers, less `minus`. An int may stand in the low bits of a float that is
 * large enough to have it as its last bits: no conversion is needed, which takes several times as
 * long as an addition. */
vec4 quant_numbers(uint word, float minus) {
    const float one = 8388608.0, byte = 32768.0, two = 128.0; /* 2^23, 2^15, 2^7 */
    return vec4(uintBitsToFloat(word & 0xff | 0x4b000000) - (one + minus),
                uintBitsToFloat(word & 0xff00 | 0x47000000) - (byte + minus),
                uintBitsToFloat(word & 0x7f0000 | 0x43000000) - (two + minus),
                uintBitsToFloat(word >> 24 | 0x4b000000) - (one + minus));
}

/* The same of signed bytes. */
vec4 quant_signed(uint word) {
    const float one = 8388608.0 + 128.0, byte = 32768.0 + 128.0;
    uint upper = word >> 16;
    return vec4(uintBitsToFloat(word & 0xff ^ 0x4b000080) - one,
                uintBitsToFloat(word & 0xff00 ^ 0x47008000) - byte,
                uintBitsToFloat(upper & 0xff ^ 0x4b000080) - one,
                uintBitsToFloat(upper & 0xff00 ^ 0x47008000) - byte);
}

/* Weights 4 i .. 4 i + 3 of a run, without scale and minimum: four signed bytes, QUANT_OFFSET more
 * than they stand for. */
uint quant_word(quant_raw raw, uint unit, uint run, uint i) {
    uint part = unit % 8, word = raw.q[i] >> 4 * run & 0x0f0f0f0f;
    if (W_TYPE == WEIGHTS_Q8_0)
        return raw.q[i];
    if (W_TYPE == WEIGHTS_Q5_K)
        return word | (raw.high[i] >> (part / 2 * 2 + run) & 0x01010101) << 4;
    if (W_TYPE == WEIGHTS_Q6_K)
        return word | (raw.high[i] >> (part / 2 % 2 * 2 + 4 * run) & 0x03030303) << 4;
    return word;
}

/* The same as numbers. */
vec4 quant_four(quant_raw raw, uint unit, uint run, uint i) {
    uint word = quant_word(raw, unit, run, i);
    if (W_TYPE == WEIGHTS_Q8_0)
        return quant_signed(word);
    return quant_numbers(word, QUANT_OFFSET);
}

/* Bytes 0 and 1 of a word, at most 63 each, as numbers. */
vec2 quant_two(uint word) {
    return vec2(uintBitsToFloat(word & 0x3f | 0x4b000000) - 8388608.0,
                uintBitsToFloat(word & 0x3f00 | 0x47000000) - 32768.0);
}

/* Scales and minimums 2 i and 2 i + 1 of a head, see quant_scale() in quant_blocks.h, as
 * (scale, minimum, scale, minimum). The other bytes of words are of no account. */
vec4 quant_head_scales(uvec4 head, uint i) {
    uint first = head.y >> i % 2 * 16, middle = head.z >> i % 2 * 16, last = head.w >> i % 2 * 16;
    uint scales = first, mins = middle;
    if (i >= 2) {
        scales = last & 0x0f0f | first >> 2 & 0x3030;
        mins = last >> 4 & 0x0f0f | middle >> 2 & 0x3030;
    }
    vec2 d = unpackHalf2x16(head.x), scale = quant_two(scales) * d.x, minimum = quant_two(mins) * d.y;
    return vec4(scale.x, minimum.x, scale.y, minimum.y);
}

/* Of a unit: weights of its first run are q x - y, those of its second one q z - w. */
vec4 quant_scales(quant_raw raw, uint unit) {
    if (QUANT_HAS_MIN)
        return quant_head_scales(raw.head, unit % 8 / 2);
    float d = unpackHalf2x16(raw.d).x;
    if (W_TYPE == WEIGHTS_Q6_K)
        return vec4(d * float(raw.scale.x), 0, d * float(raw.scale.y), 0);
    return vec4(d, 0, d, 0);
}

/* Weights k .. k + 3 of a row; k is a multiple of four. */
vec4 quant_weight4(quant_row r, uint k) {
    uvec2 at = quant_find(k / 16);
    quant_raw raw = quant_load(r, at.x, 0);
    vec4 scales = quant_scales(raw, at.x);
    vec2 scale = at.y == 0 ? scales.xy : scales.zw;
    return quant_four(raw, at.x, at.y, k / 4 % 4) * scale.x - scale.y;
}

/* ---- matrices of any type ---- */

/* Weights k .. k + 3 of row n, zeros past the end; whole: see weight4(). */
vec4 matrix_weight4(uint64_t matrix, uint outs, uint width, uint n, uint k, bool whole) {
    if (!QUANTISED)
        return weight4(matrix + uint64_t(n) * width * (W_BF16 ? 2 : 4), k, width, W_BF16, whole);
    return k < width ? quant_weight4(quant_row_of(matrix, outs, width, n), k) : vec4(0);
}

/* Weights k .. k + 7 of row n as bf16, zeros past the end. k is a multiple of eight; the matrix is
 * not f32, and where it is bf16 all its rows begin at multiples of 16 bytes. */
uvec4 matrix_bf16(uint64_t matrix, uint outs, uint width, uint n, uint k) {
    if (k >= width)
        return uvec4(0);
    if (!QUANTISED)
        return quads(matrix + (uint64_t(n) * width + k) * 2).at[0];
    uvec2 at = quant_find(k / 16);
    quant_raw raw = quant_load(quant_row_of(matrix, outs, width, n), at.x, 0);
    vec4 scales = quant_scales(raw, at.x);
    vec2 scale = at.y == 0 ? scales.xy : scales.zw;
    uint four = k / 8 % 2 * 2;
    return narrow_eight(eight(quant_four(raw, at.x, at.y, four) * scale.x - scale.y,
                              quant_four(raw, at.x, at.y, four + 1) * scale.x - scale.y));
}

/* Weight k of row n. */
float matrix_weight(uint64_t matrix, uint outs, uint width, uint n, uint k) {
    if (!QUANTISED)
        return weight(matrix + uint64_t(n) * width * (W_BF16 ? 2 : 4), k, W_BF16);
    return quant_weight4(quant_row_of(matrix, outs, width, n), k / 4 * 4)[k % 4];
}

#endif
