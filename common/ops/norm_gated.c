#include "shaders/norm_gated.h"
#include "common/ops/few.h"
#include "common/ops/few_quant.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <assert.h>

/* The kernel for quantised weights instead. */
static void quantise(const struct run *run, struct run_kernel *k, enum tensor_dtype dtype,
                     uint32_t norm, size_t width, size_t rows, size_t outs, uint64_t addresses) {
    assert(few_quant_aligned(addresses));
    few_quant(run, k,
              &(struct few_quant){.program = &shader_norm_gated_quant,
                                  .dtype = dtype,
                                  .width = width,
                                  .tasks = outs,
                                  .matrices = 2,
                                  .rows = rows,
                                  .share = FEW_QUANT_SHARE});
    k->constants[5] = norm;
}

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *norm, float eps, const struct tensor *gate,
                     const struct tensor *up) {
    size_t width = tensor_count(norm), rows = tensor_count(x) / width;
    struct norm_gated_args a = {.dst = run_address(dst),
                                .x = run_address(x),
                                .norm = run_address(norm),
                                .gate = run_address(gate),
                                .up = run_address(up),
                                .rows = (uint32_t)rows,
                                .outs = (uint32_t)gate->shape[0],
                                .width = (uint32_t)width,
                                .eps = eps};
    uint64_t addresses = a.x | a.norm | a.gate | a.up;
    bool eights = few_eights(width, addresses);
    struct run_kernel k = {.program = &shader_norm_gated,
                           .constants = {gate->dtype == TENSOR_BF16, eights, few_rows(rows),
                                         few_batch(width, 2, rows), few_norm(norm),
                                         eights ? few_width(run, width, rows, 2, true, 0) : 0},
                           .args = &a,
                           .args_size = sizeof a,
                           .groups = {run_groups(a.outs, FEW_TEAMS)},
                           .reads = {x},
                           .writes = {dst}};
    if (tensor_is_quantised(gate->dtype))
        quantise(run, &k, gate->dtype, few_norm(norm), width, rows, a.outs, addresses);
    run_dispatch(run, &k);
}

/* The same by other ops: on the CPU, for many rows, for matrices of different types. */
static void compose(struct run *run, const struct tensor *dst, const struct tensor *x,
                    const struct tensor *norm, float eps, const struct tensor *gate,
                    const struct tensor *up) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    size_t width = tensor_count(norm), rows = tensor_count(x) / width;
    enum tensor_dtype dtype = op_matrix_dtype(run, rows, gate);
    if (op_matrix_dtype(run, rows, up) != dtype)
        dtype = TENSOR_F32;
    struct tensor y = run_new_2d(run, RUN_STEP, dtype, rows, width);
    struct tensor other = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, up->shape[0]);
    op_rms_norm(run, &y, x, norm, eps);
    op_linear(run, dst, &y, gate, NULL, OP_NONE);
    op_linear(run, &other, &y, up, NULL, OP_NONE);
    op_silu_mul(run, dst, dst, &other);
    run_release(run, RUN_STEP, mark);
}

void op_norm_gated(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *norm, float eps, const struct tensor *gate,
                   const struct tensor *up) {
    size_t width = tensor_count(norm), rows = tensor_count(x) / width, outs = gate->shape[0];
    assert(row_is_weight(norm) && row_is_matrix(gate) && row_is_matrix(up));
    assert(x->dtype == TENSOR_F32 && dst->dtype == TENSOR_F32);
    assert(tensor_row(gate) == width && tensor_row(up) == width && up->shape[0] == outs);
    assert(tensor_count(x) == rows * width && tensor_count(dst) == rows * outs);
    if (run->gpu && rows <= FEW_ROWS && gate->dtype == up->dtype)
        dispatch(run, dst, x, norm, eps, gate, up);
    else
        compose(run, dst, x, norm, eps, gate, up);
}
