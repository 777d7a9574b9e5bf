/* finish: what happens to a sum of product_args `a` before it is stored. */
#ifndef SHADERS_FINISH
#define SHADERS_FINISH

#include "shaders/lib/activate.glsl"
#include "shaders/lib/memory.glsl"

void finish(uint row, uint n, float sum) {
    floats dst = floats(a.dst + (uint64_t(row) * a.outs + n) * 4);
    if (a.b != 0)
        sum += weight(a.b, n, a.b_bf16 != 0);
    if (a.scale != 0)
        sum *= weight(a.scale, n, a.scale_bf16 != 0);
    if (a.add != 0)
        dst.at[0] += sum;
    else
        dst.at[0] = activate(a.act, sum);
}

#endif
