/* math: functions whose results are the same on every device. GLSL's own exp, sin and cos may be
 * wrong in the tenth bit and differ between drivers; these use additions, multiplications and
 * integers only, which are exact to the last bit everywhere (`precise` keeps them apart). */
#ifndef LIB_MATH_GLSL
#define LIB_MATH_GLSL

#include "shaders/lib/types.h"

/* e^x to 0.6 units in the last place, for x in [-87.3, 88.3]; beyond, that of the nearer end. NaN
 * stays NaN. */
float expf(float x) {
    precise float t = x < -87.3 ? -87.3 : x > 88.3 ? 88.3 : x;
    precise float n = roundEven(t * 1.44269504);
    /* t - n log 2 as a + b: the first part of log 2 is so short that n times it is exact. */
    precise float a = t - n * 0.693145751953125;
    precise float b = n * -1.428606765330187e-6;
    precise float r = a + b;
    b -= r - a;
    /* Taylor's series of e^r - 1 - r, |r| <= log(2) / 2. */
    precise float tail = 1.0 / 720 + r * (1.0 / 5040);
    tail = 1.0 / 120 + r * tail;
    tail = 1.0 / 24 + r * tail;
    tail = 1.0 / 6 + r * tail;
    tail = r * r * (0.5 + r * tail);
    /* 1 + r + tail with what 1 + r loses. */
    precise float y = 1 + r;
    y += (r - (y - 1)) + (b + tail);
    return y * uintBitsToFloat(uint(int(n) + 127) << 23);
}

/* x / y with the error of the driver's division put right; y is no tiny number. */
float divide(float x, float y) {
    precise float q = x / y;
    precise float left = fma(-q, y, x);
    return q + left / y;
}

float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

/* 1 / (2 pi) in binary, the digits after the point. */
const uint64_t inverse_turn[3] = {0x28be60db9391054aul, 0x7f09d5f47d4d3770ul, 0x36d8a5664f10e410ul};

/* |x| in turns without the whole ones, times 2^64, to 2^24; |x| >= 2^-30. With |x| = m * 2^e and m an
 * integer below 2^24, digits that weigh more than 2^-e make whole turns: the next 64 are enough
 * (Payne and Hanek, "Radian reduction for trigonometric functions", 1983). */
uint64_t turns(float x) {
    uint bits = floatBitsToUint(abs(x));
    int e = int(bits >> 23) - 150;
    uint64_t m = bits & 0x7fffff | 0x800000, digits = inverse_turn[0];
    if (e < 0)
        return m * (digits >> -e);
    int word = e >> 6, shift = e & 63;
    digits = inverse_turn[word] << shift;
    if (shift > 0)
        digits |= inverse_turn[word + 1] >> (64 - shift);
    return m * digits;
}

/* (cos x, sin x) to 1e-7. */
vec2 cos_sin(float x) {
    float r = abs(x);
    uint quadrant = 0;
    if (r > 0.785) {
        uint64_t t = turns(x);
        quadrant = uint((t + (1ul << 61)) >> 62);
        r = float(int64_t(t - (uint64_t(quadrant) << 62))) * 3.4061215800865545e-19; /* 2 pi / 2^64 */
    }
    /* The polynomials of least relative error on [-pi/4, pi/4]. */
    precise float z = r * r;
    precise float sine = r + r * z * (-0.16666655 + z * (8.3321758e-3 + z * -1.9516978e-4));
    precise float cosine =
        1 - 0.5 * z + z * z * (4.1666647e-2 + z * (-1.3887364e-3 + z * 2.4438091e-5));
    vec2 y = (quadrant & 1) == 0 ? vec2(cosine, sine) : vec2(-sine, cosine);
    if ((quadrant & 2) != 0)
        y = -y;
    return vec2(y.x, x < 0 ? -y.y : y.y);
}

#endif
