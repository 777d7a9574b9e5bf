/* dot: sums of products of four signed bytes, for which GPUs have an instruction. */
#ifndef SHADERS_DOT
#define SHADERS_DOT

#extension GL_EXT_spirv_intrinsics : require

/* OpSDotKHR: DotProductKHR, DotProductInput4x8BitPackedKHR; format 0 is four bytes of a word. */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dot_bytes(int a, int b, spirv_literal int format);

int dot4(uint a, uint b) {
    return dot_bytes(int(a), int(b), 0);
}

#endif
