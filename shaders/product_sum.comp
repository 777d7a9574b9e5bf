/* Adds the parts of a product, the first to the last; a snake (op_snakebeta) of the results may
 * follow. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/memory.glsl"
#include "shaders/lib/snake.glsl"
#include "shaders/product.h"

layout(local_size_x = 256) in;
layout(constant_id = 0) const bool SNAKE = false;
layout(constant_id = 1) const bool ALPHA_BF16 = false;
layout(constant_id = 2) const bool BETA_BF16 = false;
layout(constant_id = 3) const bool SNAKE_BF16 = false;
layout(push_constant, scalar) uniform push {
    product_args a;
    product_snake s;
};
#include "shaders/lib/finish.glsl"

const uint AT_ONCE = 8; /* parts that are asked for before the first is looked at */

float sum_parts(uint i, uint n) {
    float sum = 0, some[AT_ONCE];
    for (uint first = 0; first < a.n_parts; first += AT_ONCE) {
        [[unroll]] for (uint j = 0; j < AT_ONCE; j++) {
            uint part = min(first + j, a.n_parts - 1);
            some[j] = floats(a.parts + uint64_t(part) * n * 4).at[i];
        }
        [[unroll]] for (uint j = 0; j < AT_ONCE; j++)
            if (first + j < a.n_parts)
                sum += some[j];
    }
    return sum;
}

void main() {
    uint n = a.rows * a.outs, stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    for (uint i = gl_GlobalInvocationID.x; i < n; i += stride) {
        finish_with f = finish_load(i / a.outs, i % a.outs);
        float alpha = 0, beta = 0;
        if (SNAKE) {
            alpha = weight(s.alpha, i % s.width, ALPHA_BF16);
            beta = weight(s.beta, i % s.width, BETA_BF16);
        }
        float y = finish_store(i / a.outs, i % a.outs, sum_parts(i, n), f);
        if (SNAKE)
            store_as(floats(s.dst), i, snake(y, snake_frequency(alpha), snake_magnitude(beta)),
                     SNAKE_BF16);
    }
}
