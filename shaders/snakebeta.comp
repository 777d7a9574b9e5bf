#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/memory.glsl"
#include "shaders/lib/snake.glsl"
#include "shaders/snakebeta.h"

layout(local_size_x = SNAKEBETA_COLUMNS, local_size_y = 8) in;
layout(constant_id = 0) const bool ALPHA_BF16 = false;
layout(constant_id = 1) const bool BETA_BF16 = false;
layout(constant_id = 2) const bool DST_BF16 = false;
layout(push_constant, scalar) uniform push {
    snakebeta_args a;
};

/* A thread stays in its column, for the sake of the two exponentials. */
void main() {
    uint c = gl_GlobalInvocationID.x;
    if (c >= a.width)
        return;
    float frequency = snake_frequency(weight(a.alpha, c, ALPHA_BF16));
    float magnitude = snake_magnitude(weight(a.beta, c, BETA_BF16));
    for (uint tile = gl_WorkGroupID.y; tile * SNAKEBETA_ROWS < a.rows; tile += gl_NumWorkGroups.y) {
        uint end = min(tile * SNAKEBETA_ROWS + SNAKEBETA_ROWS, a.rows);
        uint t = tile * SNAKEBETA_ROWS + gl_LocalInvocationID.y;
        for (; t < end; t += gl_WorkGroupSize.y) {
            uint64_t at = uint64_t(t) * a.width + c;
            float x = floats(a.x + at * 4).at[0];
            store_as(floats(a.dst + at * (DST_BF16 ? 2 : 4)), 0, snake(x, frequency, magnitude),
                     DST_BF16);
        }
    }
}
