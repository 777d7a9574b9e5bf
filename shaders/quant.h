/* quant: how the matrices of weights lie on a GPU, for C and GLSL.
 *
 * f32 and bf16 are as in files, row after row. A quantised matrix [outs, width] is blocks, row
 * after row, of 32 or 256 weights (common/weights/quant_blocks.h). Blocks of q4_K and q5_K are as
 * in files: they are multiples of 16 bytes. Those of the other types are not, so their parts lie in
 * planes, part after part for the whole matrix, each in the order of blocks; together they are as
 * many bytes as in files:
 *
 *     q8_0   q of all blocks (32 bytes each), then d (2)
 *     q4_0   q (16), then d (2)
 *     q6_K   low (128), then high (64), then scales (16), then d (2)
 *
 * A matrix begins at a multiple of 16 bytes. Then all 16 bytes of quants that make a unit do, too.
 */
#ifndef SHADERS_QUANT_H
#define SHADERS_QUANT_H

/* What kernels are told of a matrix. */
#define WEIGHTS_F32  0
#define WEIGHTS_BF16 1
#define WEIGHTS_Q8_0 2
#define WEIGHTS_Q4_0 3
#define WEIGHTS_Q4_K 4
#define WEIGHTS_Q5_K 5
#define WEIGHTS_Q6_K 6

#endif
