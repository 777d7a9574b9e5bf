/* tensor_tile: matrices as large as a workgroup's tile (VK_NV_cooperative_matrix2), which are loaded
 * from and stored to memory as they are: no shared memory, no distribution over subgroups here. */
#ifndef SHADERS_TENSOR_TILE
#define SHADERS_TENSOR_TILE

#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_bfloat16 : require
#include "shaders/lib/memory.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint BM = 128; /* rows and */
layout(constant_id = 2) const uint BN = 128; /* outs, or keys, of the tile */

layout(buffer_reference, scalar, buffer_reference_align = 16) buffer bf16s {
    bfloat16_t at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer aligned_floats {
    float at[];
};

/* Outside of such a matrix zeros are read and nothing is written. */
#define clamped_layout tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV>

/* The masks tell the compiler what the host has made sure of: rows are a
 * multiple of 16 bytes apart. */
clamped_layout clamped_rows(uint rows, uint width, uint stride) {
    clamped_layout l = createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    l = setTensorLayoutDimensionNV(l, rows, width);
    return setTensorLayoutStrideNV(l, stride & ~7u, 1);
}

clamped_layout clamped_matrix(uint rows, uint width) {
    return clamped_rows(rows, width, width);
}

/* The same where there is no outside: bounds that need no looking at are what makes loads fast. */
#define whole_layout tensorLayoutNV<2>

whole_layout whole_rows(uint rows, uint width, uint stride) {
    whole_layout l = createTensorLayoutNV(2);
    l = setTensorLayoutDimensionNV(l, rows, width);
    return setTensorLayoutStrideNV(l, stride & ~7u, 1);
}

whole_layout whole_matrix(uint rows, uint width) {
    return whole_rows(rows, width, width);
}

/* The nearest bf16: what a device makes of other numbers may be the one nearer to zero. */
float round_bf16(float f) {
    return widen(narrow(f));
}

#endif
