#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/rope_table.h"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/math.glsl"

layout(local_size_x = 256) in;
layout(push_constant, scalar) uniform push {
    rope_table_args a;
};

/* Which of the three positions turns frequency i: time 0, height 1, width 2. */
uint axis(uint i) {
    uint of_three = i % 3;
    bool turns = of_three == 1 && i < a.height || of_three == 2 && i < a.width;
    return turns ? of_three : 0;
}

void main() {
    uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x, n = a.rows * a.half_width;
    for (uint item = gl_GlobalInvocationID.x; item < n; item += stride) {
        uint t = item / a.half_width, i = item % a.half_width, at = 2 * t * a.half_width + i;
        float angle = floats(a.positions).at[3 * t + axis(i)] * floats(a.frequency).at[i];
        vec2 y = cos_sin(angle);
        floats(a.table).at[at] = y.x;
        floats(a.table).at[at + a.half_width] = y.y;
    }
}
