#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/im2col.h"
#include "shaders/lib/eight.glsl"

layout(local_size_x = 256) in;
layout(constant_id = 0) const uint EACH = 1;
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

void main() {
    uint row = 9 * a.channels, n = a.images * a.out_height * a.out_width * row / EACH;
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        uint at = i * EACH, place = at / row, tap = at % row / a.channels;
        uint image = place / (a.out_height * a.out_width);
        uint y = place / a.out_width % a.out_height * 2, x = place % a.out_width * 2;
        uint from = pixel(image, y + tap / 3, x + tap % 3, at % a.channels);
        if (EACH == 4)
            vectors(a.dst).at[i] = from == -1 ? vec4(0) : vectors(a.src).at[from / 4];
        else
            floats(a.dst).at[i] = from == -1 ? 0 : floats(a.src).at[from];
    }
}
