#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/im2col.h"
#include "shaders/lib/eight.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const uint EACH = 1;
layout(constant_id = 1) const bool SRC_BF16 = false;
layout(constant_id = 2) const bool DST_BF16 = false;
layout(push_constant, scalar) uniform push {
    im2col_args a;
};

/* Where number c of pixel (y, x) of an image is, -1 outside. y and x are one too large, so that none
 * is negative. */
uint pixel(uint image, uint y, uint x, uint c) {
    if (y < 1 || y > a.height || x < 1 || x > a.width)
        return -1;
    return ((image * a.height + y - 1) * a.width + x - 1) * a.channels + c;
}

vec4 load4(uint from) {
    if (!SRC_BF16)
        return vectors(a.src).at[from / 4];
    uvec2 raw = duos(a.src).at[from / 4];
    return vec4(widen2(raw.x), widen2(raw.y));
}

void store4(uint i, vec4 y) {
    if (DST_BF16)
        duos(a.dst).at[i] = uvec2(narrow2(y.xy), narrow2(y.zw));
    else
        vectors(a.dst).at[i] = y;
}

void main() {
    uint n = a.images * a.out_height * a.out_width * a.row / EACH;
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        uint at = i * EACH, place = at / a.row, number = at % a.row, tap = number / a.channels;
        uint image = place / (a.out_height * a.out_width);
        uint y = place / a.out_width % a.out_height * 2, x = place % a.out_width * 2;
        uint from = -1;
        if (tap < 9)
            from = pixel(image, y + tap / 3, x + tap % 3, number % a.channels);
        if (EACH == 4)
            store4(i, from == -1 ? vec4(0) : load4(from));
        else
            store_as(floats(a.dst), i, from == -1 ? 0 : weight(a.src, from, SRC_BF16), DST_BF16);
    }
}
