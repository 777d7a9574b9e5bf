/* eight: weights and activations eight or four at a time, for kernels that stream them. Addresses
 * are multiples of the bytes that are loaded: 16, or 8 for four bf16. */
#ifndef SHADERS_EIGHT
#define SHADERS_EIGHT

#include "shaders/lib/memory.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 16) MEMORY buffer vectors {
    vec4 at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 8) MEMORY buffer duos {
    uvec2 at[];
};

/* As loaded: asking for several of these before the first is looked at keeps memory busy. */
struct raw_eight {
    uvec4 a, b; /* bf16: b is unused */
};

struct eight {
    vec4 a, b;
};

/* Weights 8 i .. 8 i + 7 at an address. */
raw_eight load_eight(uint64_t address, uint i, bool bf16) {
    if (bf16)
        return raw_eight(quads(address).at[i], uvec4(0));
    return raw_eight(quads(address).at[2 * i], quads(address).at[2 * i + 1]);
}

eight widen_eight(raw_eight w, bool bf16) {
    if (bf16)
        return eight(vec4(widen2(w.a.x), widen2(w.a.y)), vec4(widen2(w.a.z), widen2(w.a.w)));
    return eight(uintBitsToFloat(w.a), uintBitsToFloat(w.b));
}

/* Weights 4 i .. 4 i + 3. */
vec4 load_four(uint64_t address, uint i, bool bf16) {
    if (!bf16)
        return vectors(address).at[i];
    uvec2 raw = duos(address).at[i];
    return vec4(widen2(raw.x), widen2(raw.y));
}

/* The same of activations, which are f32. */
eight load_x(uint64_t address, uint i) {
    return eight(vectors(address).at[2 * i], vectors(address).at[2 * i + 1]);
}

/* As bf16. */
uvec4 narrow_eight(eight e) {
    return uvec4(narrow2(e.a.xy), narrow2(e.a.zw), narrow2(e.b.xy), narrow2(e.b.zw));
}

/* Weights k .. k + 3 of a row of `width`, zeros past its end. whole: width and k are multiples of
 * four, and the row's address is one of 16. */
vec4 weight4(uint64_t row, uint k, uint width, bool bf16, bool whole) {
    if (k >= width)
        return vec4(0);
    if (whole && bf16) {
        uvec2 raw = duos(row + uint64_t(k) * 2).at[0];
        return vec4(widen2(raw.x), widen2(raw.y));
    }
    if (whole)
        return vectors(row + uint64_t(k) * 4).at[0];
    vec4 v = vec4(0);
    for (uint i = 0; i < 4 && k + i < width; i++)
        v[i] = weight(row, k + i, bf16);
    return v;
}

/* Number by number. */
eight times8(eight x, eight y) {
    return eight(x.a * y.a, x.b * y.b);
}

/* sum + x . y */
float fma4(vec4 x, vec4 y, float sum) {
    return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum))));
}

float fma8(eight x, eight y, float sum) {
    return fma4(x.b, y.b, fma4(x.a, y.a, sum));
}

#endif
