/* matrix: tiles for a GPU's matrix units (shaders/lib/matrix_tile.glsl). Private to this room. */
#ifndef OPS_MATRIX_H
#define OPS_MATRIX_H

#include "common/ops/ops.h"

enum { MATRIX_THREADS = 256, MATRIX_SLICE = 32 };

/* Whether the program is there and the run's device has what it needs. */
bool matrix_usable(const struct run *run, const struct gpu_program *p);

/* The program's constants for tiles of rows x outs and weights of that type; together: how many of
 * the device's matrices side by side have to be one subgroup's. False: the device's cannot make
 * such tiles. */
bool matrix_constants(uint32_t constants[GPU_CONSTANTS], const struct gpu_matrix *m, uint32_t rows,
                      uint32_t outs, uint32_t together, enum tensor_dtype weights);

/* The same of programs with matrices as large as a workgroup's tile
 * (shaders/lib/tensor_tile.glsl), and their constants. */
bool tensors_usable(const struct run *run, const struct gpu_program *p);
void tensors_constants(uint32_t constants[GPU_CONSTANTS], uint32_t threads, uint32_t rows,
                       uint32_t outs, uint32_t step);

#endif
