#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/im2col.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    im2col_args a;
};

/* Number c of pixel (y, x) of an image; y and x are one too large, so that none is negative. */
float pixel(uint image, uint y, uint x, uint c) {
    if (y < 1 || y > a.height || x < 1 || x > a.width)
        return 0;
    return floats(a.src).at[((image * a.height + y - 1) * a.width + x - 1) * a.channels + c];
}

void main() {
    uint each = 9 * a.channels, n = a.images * a.out_height * a.out_width * each;
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        uint place = i / each, tap = i % each / a.channels;
        uint image = place / (a.out_height * a.out_width);
        uint y = place / a.out_width % a.out_height * 2, x = place % a.out_width * 2;
        floats(a.dst).at[i] = pixel(image, y + tap / 3, x + tap % 3, i % a.channels);
    }
}
