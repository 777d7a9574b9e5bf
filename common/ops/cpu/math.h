/* exp and erf of vectors; included by isa.c after a vec_<isa>.h. */
#ifndef OPS_CPU_MATH_H
#define OPS_CPU_MATH_H

/* Relative error below 2e-7. The result stays normal and finite: exp(-87.3) for less, exp(88.3) for
 * more. NaN stays NaN. */
static inline vec math_exp(vec x) {
    vec clamped = vec_min(vec_set(88.3F), vec_max(vec_set(-87.3F), x));
    vec n = vec_round(vec_mul(clamped, vec_set(1.44269504F)));
    /* x - n log 2, with log 2 in two parts; |r| <= log(2) / 2. Then Taylor's series. */
    vec r = vec_fnma(n, vec_set(0x1.62e4p-1F), clamped);
    r = vec_fnma(n, vec_set(0x1.7f7d1cp-20F), r);
    vec y = vec_set(1.0F / 5040);
    y = vec_fma(y, r, vec_set(1.0F / 720));
    y = vec_fma(y, r, vec_set(1.0F / 120));
    y = vec_fma(y, r, vec_set(1.0F / 24));
    y = vec_fma(y, r, vec_set(1.0F / 6));
    y = vec_fma(y, r, vec_set(0.5F));
    y = vec_fma(y, r, vec_set(1));
    y = vec_fma(y, r, vec_set(1));
    return vec_scale2(y, n);
}

/* Absolute error below 2e-7. erf(t) = 1 - exp(-t q(t)) for t >= 0, where q is the polynomial that
 * fits -log(erfc(t)) / t on (0, 4] best, weighted for the error of erf; beyond 4, erf is 1. */
static inline vec math_erf(vec x) {
    static const float q[] = {-8.04383e-06F,   1.0602672e-04F,  -5.8795093e-04F,
                              1.5767606e-03F,  -5.878198e-05F,  -1.92171428e-02F,
                              1.02799207e-01F, 6.36616111e-01F, 1.12837934e+00F};
    vec t = vec_min(vec_abs(x), vec_set(4)), y = vec_set(q[0]);
    for (size_t i = 1; i < sizeof q / sizeof *q; i++)
        y = vec_fma(y, t, vec_set(q[i]));
    y = math_exp(vec_sub(vec_set(0), vec_mul(y, t)));
    return vec_copysign(vec_sub(vec_set(1), y), x);
}

#endif
