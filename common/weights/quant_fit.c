/* How weights x become scale q - min (q4_K, q5_K) or scale q (q6_K) with q integers in a range and
 * scales that are themselves few bits.
 *
 * For a given q the best scale and min are a least-squares line; for a given line the best q are
 * the nearest. So each part of a block tries several first slopes, takes the best line, and later,
 * when all parts share d and dmin, the neighbours of its rounded scale and min. */
#include "common/weights/quant_fit.h"

#include <math.h>
#include <string.h>

/* x ~ scale q - min; of 32 numbers, q = 0 .. most. */
struct line {
    float scale, min;
};

/* To the nearest integer, |v| < 2^22: what the compiler can do to many at once. */
static inline float nearest(float v) {
    return v + 0x1.8p23F - 0x1.8p23F;
}

static inline float within(float v, float lo, float hi) {
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

/* ---- q4_K, q5_K ---- */

/* The nearest q for a line; returns the sum of squared errors. */
static float assign(float q[32], const float *x, struct line l, float most) {
    float inverse = l.scale > 0 ? 1 / l.scale : 0, error = 0;
#pragma omp simd reduction(+ : error)
    for (int i = 0; i < 32; i++) {
        q[i] = within(nearest((x[i] + l.min) * inverse), 0, most);
        float off = l.scale * q[i] - l.min - x[i];
        error += off * off;
    }
    return error;
}

/* The least-squares line for q; min is never negative. */
static struct line solve(const float q[32], const float *x) {
    float sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0;
#pragma omp simd reduction(+ : sum_q, sum_qq, sum_x, sum_qx)
    for (int i = 0; i < 32; i++) {
        sum_q += q[i];
        sum_qq += q[i] * q[i];
        sum_x += x[i];
        sum_qx += q[i] * x[i];
    }
    float det = 32 * sum_qq - sum_q * sum_q;
    struct line l = {0, 0};
    if (det > 0) {
        l.scale = (32 * sum_qx - sum_q * sum_x) / det;
        l.min = (sum_q * sum_qx - sum_qq * sum_x) / det;
    }
    if (l.min < 0 || det <= 0) {
        l.scale = sum_qq > 0 ? sum_qx / sum_qq : 0;
        l.min = 0;
    }
    return l;
}

/* The best line through 32 numbers without regard to how it will be stored. */
static struct line fit_line(const float *x, float most) {
    float lo = 0, hi = x[0], q[32];
    for (int i = 0; i < 32; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    struct line best = {(hi - lo) / most, -lo};
    if (!(hi > lo))
        return (struct line){0, -lo};
    float least = assign(q, x, best, most);
    for (int step = -2; step <= 20; step++) {
        /* The ends may lie outside: from a little wider to narrower by a quarter. */
        float shrink = (float)step * (most > 15 ? 0.006F : 0.012F);
        struct line l = {(hi - lo) * (1 - shrink) / most, -lo - (hi - lo) * shrink / 2};
        assign(q, x, l, most);
        for (int again = 0; again < 2; again++) {
            l = solve(q, x);
            float error = assign(q, x, l, most);
            if (error < least) {
                least = error;
                best = l;
            }
        }
    }
    return best;
}

/* The best of a part's rounded scale and min and their neighbours, 6 bits each. */
struct rounded {
    int scale, min;
};

static struct rounded round_line(const float *x, struct line l, float d, float dmin, float most) {
    struct rounded first = {(int)nearest(d > 0 ? l.scale / d : 0),
                            (int)nearest(dmin > 0 ? l.min / dmin : 0)};
    struct rounded best = {0, 0};
    float least = INFINITY, q[32];
    for (int scale = first.scale - 1; scale <= first.scale + 1; scale++) {
        for (int min = first.min - 1; min <= first.min + 1; min++) {
            if (scale < 0 || scale > 63 || min < 0 || min > 63)
                continue;
            float error = assign(q, x, (struct line){d * (float)scale, dmin * (float)min}, most);
            if (error < least) {
                least = error;
                best = (struct rounded){scale, min};
            }
        }
    }
    return best;
}

/* What q4_K and q5_K have in common: d, dmin, scales, and q as numbers. */
static void fit_lines(uint16_t *d_half, uint16_t *dmin_half, uint8_t scales[12], float q[256],
                      const float *x, float most) {
    struct line lines[8];
    float scale = 0, min = 0;
    for (int j = 0; j < 8; j++) {
        lines[j] = fit_line(x + 32 * j, most);
        scale = lines[j].scale > scale ? lines[j].scale : scale;
        min = lines[j].min > min ? lines[j].min : min;
    }
    *d_half = bf16_half_from_f32(scale / 63);
    *dmin_half = bf16_half_from_f32(min / 63);
    float d = bf16_half_to_f32(*d_half), dmin = bf16_half_to_f32(*dmin_half);
    memset(scales, 0, 12);
    for (int j = 0; j < 8; j++) {
        struct rounded r = round_line(x + 32 * j, lines[j], d, dmin, most);
        assign(q + 32 * j, x + 32 * j, (struct line){d * (float)r.scale, dmin * (float)r.min},
               most);
        if (j < 4) {
            scales[j] = (uint8_t)r.scale;
            scales[j + 4] = (uint8_t)r.min;
        } else {
            scales[j + 4] = (uint8_t)((r.scale & 15) | (r.min & 15) << 4);
            scales[j - 4] = (uint8_t)(scales[j - 4] | r.scale >> 4 << 6);
            scales[j] = (uint8_t)(scales[j] | r.min >> 4 << 6);
        }
    }
}

void quant_fit_q4_k(struct quant_q4_k *b, const float *x) {
    float q[256];
    fit_lines(&b->d, &b->dmin, b->scales, q, x, 15);
    for (int j = 0; j < 8; j += 2)
        for (int i = 0; i < 32; i++)
            b->q[16 * j + i] = (uint8_t)((int)q[32 * j + i] | (int)q[32 * j + 32 + i] << 4);
}

void quant_fit_q5_k(struct quant_q5_k *b, const float *x) {
    float q[256];
    fit_lines(&b->d, &b->dmin, b->scales, q, x, 31);
    memset(b->high, 0, sizeof b->high);
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 32; i++)
            b->high[i] = (uint8_t)(b->high[i] | (int)q[32 * j + i] >> 4 << j);
    for (int j = 0; j < 8; j += 2)
        for (int i = 0; i < 32; i++)
            b->q[16 * j + i] =
                (uint8_t)(((int)q[32 * j + i] & 15) | ((int)q[32 * j + 32 + i] & 15) << 4);
}

/* ---- q6_K ---- */

/* The nearest q = -32 .. 31 of 16 numbers for a scale of either sign; the squared error. */
static float assign_16(float q[16], const float *x, float scale) {
    float inverse = scale != 0 ? 1 / scale : 0, error = 0;
#pragma omp simd reduction(+ : error)
    for (int i = 0; i < 16; i++) {
        q[i] = within(nearest(x[i] * inverse), -32, 31);
        float off = scale * q[i] - x[i];
        error += off * off;
    }
    return error;
}

static float solve_16(const float q[16], const float *x) {
    float sum_qx = 0, sum_qq = 0;
#pragma omp simd reduction(+ : sum_qx, sum_qq)
    for (int i = 0; i < 16; i++) {
        sum_qx += q[i] * x[i];
        sum_qq += q[i] * q[i];
    }
    return sum_qq > 0 ? sum_qx / sum_qq : 0;
}

/* The best scale of 16 numbers: the one farthest from zero is near -32 or 31. */
static float fit_scale(const float *x) {
    float far = 0, best = 0, least = INFINITY, q[16];
    for (int i = 0; i < 16; i++)
        far = fabsf(x[i]) > fabsf(far) ? x[i] : far;
    for (int step = -10; step <= 10; step++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            assign_16(q, x, (float)sign * far / (32 + 0.15F * (float)step));
            float scale = solve_16(q, x), error = assign_16(q, x, scale);
            if (error < least) {
                least = error;
                best = scale;
            }
        }
    }
    return best;
}

/* The best of a rounded scale and its neighbours. */
static int round_scale(const float *x, float scale, float d) {
    float least = INFINITY, q[16];
    int first = (int)nearest(d != 0 ? scale / d : 0), best = 0;
    for (int s = first - 1; s <= first + 1; s++) {
        float error = s >= -128 && s <= 127 ? assign_16(q, x, d * (float)s) : INFINITY;
        if (error < least) {
            least = error;
            best = s;
        }
    }
    return best;
}

void quant_fit_q6_k(struct quant_q6_k *b, const float *x) {
    float scales[16], far = 0;
    for (int j = 0; j < 16; j++) {
        scales[j] = fit_scale(x + 16 * j);
        far = fabsf(scales[j]) > fabsf(far) ? scales[j] : far;
    }
    b->d = bf16_half_from_f32(far / -128);
    float d = bf16_half_to_f32(b->d);
    memset(b->low, 0, sizeof b->low);
    memset(b->high, 0, sizeof b->high);
    for (int j = 0; j < 16; j++) {
        float q[16];
        b->scales[j] = (int8_t)round_scale(x + 16 * j, scales[j], d);
        assign_16(q, x + 16 * j, d * (float)b->scales[j]);
        for (int i = 0; i < 16; i++) {
            int v = (int)q[i] + 32, at = j % 2 * 16 + i, part = j / 2;
            uint8_t *low = b->low + part / 4 * 64 + part % 2 * 32 + at;
            uint8_t *high = b->high + part / 4 * 32 + at;
            *low = (uint8_t)(*low | (v & 15) << part % 4 / 2 * 4);
            *high = (uint8_t)(*high | v >> 4 << part % 4 * 2);
        }
    }
}
