/* order: floats as integers that compare alike. */
#ifndef SHADERS_ORDER
#define SHADERS_ORDER

/* a < b is order(a) < order(b); -0 is 0. Not for NaN. */
uint order(float f) {
    uint u = floatBitsToUint(f);
    if (f == 0)
        u = 0;
    return (u & 0x80000000) != 0 ? ~u : u | 0x80000000;
}

const uint KEY_LOWEST = 0x00800000; /* of -FLT_MAX */

float of_order(uint u) {
    return uintBitsToFloat((u & 0x80000000) != 0 ? u & 0x7fffffff : ~u);
}

/* Whatever the driver takes isnan() for. */
bool is_nan(float f) {
    return (floatBitsToUint(f) & 0x7fffffff) > 0x7f800000;
}

#endif
