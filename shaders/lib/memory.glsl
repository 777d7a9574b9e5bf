/* memory: numbers at device addresses. An index counts elements from the address and must stay
 * below 2^31; for rows of large tensors add the row's bytes to the address, in 64 bits.
 *
 * MEMORY, if it is defined, is a qualifier of what workgroups of one kernel tell each other by:
 * everything but quads and weight_halves, which are weights. */
#ifndef SHADERS_MEMORY
#define SHADERS_MEMORY

#include "shaders/lib/types.h"

#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require

#ifndef MEMORY
#define MEMORY
#endif

layout(buffer_reference, scalar, buffer_reference_align = 4) MEMORY buffer floats {
    float at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) MEMORY buffer ints {
    int32_t at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) MEMORY buffer uints {
    uint32_t at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 2) MEMORY buffer halves {
    uint16_t at[];
};
/* Weights, as quads are. */
layout(buffer_reference, scalar, buffer_reference_align = 2) readonly buffer weight_halves {
    uint16_t at[];
};
/* Four words at once, from addresses that are a multiple of 16. */
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer quads {
    uvec4 at[];
};

/* bf16 is the upper half of f32. */
float widen(uint half_bits) {
    return uintBitsToFloat(half_bits << 16);
}

/* The two bf16 of a word, the first in memory first. */
vec2 widen2(uint word) {
    return vec2(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000));
}

/* Rounds to nearest, ties to even; NaN stays NaN. */
uint narrow(float f) {
    uint u = floatBitsToUint(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return u >> 16 | 0x40;
    return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

/* Two of them in a word, as widen2() takes it. */
uint narrow2(vec2 f) {
    return narrow(f.x) | narrow(f.y) << 16;
}

/* Element i of weights that are f32 or bf16; `bf16` best is a specialisation constant. */
float weight(uint64_t address, uint i, bool bf16) {
    return bf16 ? widen(uint(halves(address).at[i])) : floats(address).at[i];
}

/* Number i of f32 or bf16 activations becomes y. */
void store_as(floats dst, uint i, float y, bool bf16) {
    if (bf16)
        halves(dst).at[i] = uint16_t(narrow(y));
    else
        dst.at[i] = y;
}

#endif
