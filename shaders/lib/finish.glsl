/* finish: what happens to a sum of product_args `a` before it is stored. */
#ifndef SHADERS_FINISH
#define SHADERS_FINISH

#include "shaders/lib/activate.glsl"
#include "shaders/lib/memory.glsl"

/* What the sum is to meet: who waits for the sum anyway asks for it before. */
struct finish_with {
    float before, bias, scale;
};

floats finish_at(uint row, uint n) {
    return floats(a.dst + (uint64_t(row) * a.outs + n) * 4);
}

finish_with finish_load(uint row, uint n) {
    finish_with f = finish_with(0, 0, 1);
    if (a.add != 0)
        f.before = finish_at(row, n).at[0];
    if (a.b != 0)
        f.bias = weight(a.b, n, a.b_bf16 != 0);
    if (a.scale != 0)
        f.scale = weight(a.scale, n, a.scale_bf16 != 0);
    return f;
}

/* Gives what it stores. */
float finish_store(uint row, uint n, float sum, finish_with f) {
    float y = (sum + f.bias) * f.scale;
    y = a.add != 0 ? f.before + y : activate(a.act, y);
    finish_at(row, n).at[0] = y;
    return y;
}

void finish(uint row, uint n, float sum) {
    finish_store(row, n, sum, finish_load(row, n));
}

#endif
