/* Rows of numbers, one at a time: norms and activations; included by isa.c after math.h. */
#ifndef OPS_CPU_ROWS_H
#define OPS_CPU_ROWS_H

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The n <= VEC numbers at p; zeros behind them. */
static inline vec rows_load(const float *p, size_t n) {
    float part[VEC] = {0};
    if (n >= VEC)
        return vec_load(p);
    memcpy(part, p, n * sizeof *p);
    return vec_load(part);
}

static inline void rows_store(float *p, vec v, size_t n) {
    float part[VEC];
    if (n >= VEC) {
        vec_store(p, v);
        return;
    }
    vec_store(part, v);
    memcpy(p, part, n * sizeof *p);
}

static void silu_mul(float *y, const float *gate, const float *up, size_t n) {
    for (size_t i = 0; i < n; i += VEC) {
        vec g = rows_load(gate + i, n - i), u = rows_load(up + i, n - i);
        vec open = vec_add(vec_set(1), math_exp(vec_sub(vec_set(0), g)));
        rows_store(y + i, vec_mul(vec_div(g, open), u), n - i);
    }
}

static void add_scaled(float *y, const float *x, float scale, size_t n) {
    for (size_t i = 0; i < n; i += VEC) {
        vec sum = vec_fma(vec_set(scale), rows_load(x + i, n - i), rows_load(y + i, n - i));
        rows_store(y + i, sum, n - i);
    }
}

static void rms_norm(float *y, const float *x, const float *w, float eps, size_t n) {
    vec squares = vec_set(0);
    for (size_t i = 0; i < n; i += VEC) {
        vec v = rows_load(x + i, n - i);
        squares = vec_fma(v, v, squares);
    }
    vec scale = vec_set(1 / sqrtf(vec_sum(squares) / (float)n + eps));
    for (size_t i = 0; i < n; i += VEC) {
        vec v = vec_mul(rows_load(x + i, n - i), scale);
        rows_store(y + i, vec_mul(rows_load(w + i, n - i), v), n - i);
    }
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, float eps,
                       size_t n) {
    vec sum = vec_set(0), squares = vec_set(0);
    for (size_t i = 0; i < n; i += VEC)
        sum = vec_add(sum, rows_load(x + i, n - i));
    float mean = vec_sum(sum) / (float)n;
    for (size_t i = 0; i + VEC <= n; i += VEC) {
        vec v = vec_sub(vec_load(x + i), vec_set(mean));
        squares = vec_fma(v, v, squares);
    }
    float variance = vec_sum(squares);
    for (size_t i = n - n % VEC; i < n; i++) /* filled-up zeros would count as -mean */
        variance += (x[i] - mean) * (x[i] - mean);
    vec scale = vec_set(1 / sqrtf(variance / (float)n + eps));
    for (size_t i = 0; i < n; i += VEC) {
        vec v = vec_mul(vec_sub(rows_load(x + i, n - i), vec_set(mean)), scale);
        v = vec_fma(v, rows_load(w + i, n - i), rows_load(b + i, n - i));
        rows_store(y + i, v, n - i);
    }
}

/* sin(angle)^2 with an absolute error below 2e-7, |angle| <= ROWS_LARGEST_ANGLE. Its period is pi,
 * so the nearest k pi is subtracted, in three parts of which k times the first two is exact; then
 * sin(r) = r + r^3 q(r^2), q being the polynomial of best relative fit on (0, pi / 2]. */
enum { ROWS_LARGEST_ANGLE = 100000 };

static inline vec rows_sin_squared(vec angle) {
    vec k = vec_round(vec_mul(angle, vec_set((float)M_1_PI)));
    vec r = vec_fnma(k, vec_set(0x1.92p+1F), angle);
    r = vec_fnma(k, vec_set(0x1.fbp-11F), r);
    r = vec_fnma(k, vec_set(0x1.5110b4p-21F), r);
    vec square = vec_mul(r, r), q = vec_set(2.60563112e-06F);
    q = vec_fma(q, square, vec_set(-1.98095390e-04F));
    q = vec_fma(q, square, vec_set(8.33306543e-03F));
    q = vec_fma(q, square, vec_set(-1.66666595e-01F));
    vec sine = vec_fma(vec_mul(r, square), q, r);
    return vec_mul(sine, sine);
}

static float largest_angle(const float *x, const float *frequency, size_t n) {
    vec largest = vec_set(0);
    for (size_t i = 0; i < n; i += VEC) {
        vec angle = vec_mul(rows_load(x + i, n - i), rows_load(frequency + i, n - i));
        largest = vec_max(largest, vec_abs(angle));
    }
    return vec_largest(largest);
}

static void snake(float *y, const float *x, const float *frequency, const float *magnitude,
                  size_t n) {
    if (largest_angle(x, frequency, n) > ROWS_LARGEST_ANGLE) { /* no trained model does this */
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] + magnitude[i] * powf(sinf(x[i] * frequency[i]), 2);
        return;
    }
    for (size_t i = 0; i < n; i += VEC) {
        vec v = rows_load(x + i, n - i);
        vec angle = vec_mul(v, rows_load(frequency + i, n - i));
        v = vec_fma(rows_load(magnitude + i, n - i), rows_sin_squared(angle), v);
        rows_store(y + i, v, n - i);
    }
}

#endif
