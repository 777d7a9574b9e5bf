/* activate: what may follow a product. The numbers are those of enum op_act in common/ops/ops.h. */
#ifndef SHADERS_ACTIVATE
#define SHADERS_ACTIVATE

#include "shaders/lib/math.glsl"

const uint ACT_GELU = 1, ACT_SILU = 2;

/* Absolute error below 2e-7. erf(t) = 1 - exp(-t q(t)) for t >= 0, q as in common/ops/cpu/math.h. */
float erf(float x) {
    const float q[] = float[](-8.04383e-06, 1.0602672e-04, -5.8795093e-04, 1.5767606e-03,
                              -5.878198e-05, -1.92171428e-02, 1.02799207e-01, 6.36616111e-01,
                              1.12837934e+00);
    float t = min(abs(x), 4.0), y = q[0];
    for (int i = 1; i < q.length(); i++)
        y = fma(y, t, q[i]);
    y = 1 - expf(-y * t);
    return x < 0 ? -y : y;
}

float silu(float x) {
    return x * sigmoid(x);
}

float activate(uint act, float x) {
    if (act == ACT_GELU)
        return 0.5 * x * (1 + erf(x * 0.70710678));
    return act == ACT_SILU ? silu(x) : x;
}

#endif
