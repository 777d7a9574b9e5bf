#include "shaders/norm_linears.h"
#include "common/base/size.h"
#include "common/ops/few.h"
#include "common/ops/few_quant.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

static void few_constants(const struct run *run, struct run_kernel *k, size_t width, size_t rows,
                          size_t outs, enum tensor_dtype dtype, uint64_t addresses) {
    k->program = &shader_norm_linears;
    k->constants[0] = dtype == TENSOR_BF16;
    k->constants[1] = few_eights(width, addresses);
    k->constants[2] = few_rows(rows);
    k->constants[3] = few_batch(width, 1, rows);
    k->constants[5] = k->constants[1] ? few_width(run, width, rows, 1, true, 0) : 0;
    k->groups[0] = run_groups(outs, FEW_TEAMS);
}

static void quantised_constants(const struct run *run, struct run_kernel *k, size_t width,
                                size_t rows, size_t outs, enum tensor_dtype dtype) {
    uint32_t matrices = few_quant_matrices(dtype, outs);
    few_quant(run, k,
              &(struct few_quant){.program = &shader_norm_linears_quant,
                                  .dtype = dtype,
                                  .width = width,
                                  .tasks = size_divide_up(outs, matrices),
                                  .matrices = matrices,
                                  .rows = rows,
                                  .share = FEW_QUANT_SHARE});
}

/* Matrices of one type. */
static void dispatch(struct run *run, const struct op_projection *p, size_t n,
                     const struct tensor *x, const struct tensor *norm, float eps) {
    size_t width = tensor_count(norm), rows = tensor_count(x) / width, outs = 0;
    struct norm_linears_args a = {.x = run_address(x),
                                  .norm = run_address(norm),
                                  .rows = (uint32_t)rows,
                                  .width = (uint32_t)width,
                                  .eps = eps};
    struct run_kernel k = {.args = &a, .args_size = sizeof a, .reads = {x}};
    enum tensor_dtype dtype = p[0].w->dtype;
    uint64_t addresses = a.x | a.norm;
    for (size_t i = 0; i < n; i++) {
        a.w[i] = run_address(p[i].w);
        a.dst[i] = run_address(p[i].dst);
        a.outs[i] = (uint32_t)p[i].w->shape[0];
        k.writes[i] = p[i].dst;
        addresses |= a.w[i];
        outs += a.outs[i];
    }
    assert(!tensor_is_quantised(dtype) || few_quant_aligned(addresses));
    if (tensor_is_quantised(dtype))
        quantised_constants(run, &k, width, rows, outs, dtype);
    else
        few_constants(run, &k, width, rows, outs, dtype, addresses);
    k.constants[tensor_is_quantised(dtype) ? 5 : 4] = few_norm(norm);
    run_dispatch(run, &k);
}

/* A kernel for each of the types that the matrices have. */
static void dispatch_types(struct run *run, const struct op_projection *p, size_t n,
                           const struct tensor *x, const struct tensor *norm, float eps) {
    for (enum tensor_dtype dtype = 0; dtype < TENSOR_DTYPES; dtype++) {
        struct op_projection alike[OP_PROJECTIONS];
        size_t n_alike = 0;
        for (size_t i = 0; i < n; i++)
            if (p[i].w->dtype == dtype)
                alike[n_alike++] = p[i];
        if (n_alike)
            dispatch(run, alike, n_alike, x, norm, eps);
    }
}

/* The same by other ops: on the CPU, for many rows. */
static void compose(struct run *run, const struct op_projection *p, size_t n,
                    const struct tensor *x, const struct tensor *norm, float eps) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    size_t width = tensor_count(norm), rows = tensor_count(x) / width;
    enum tensor_dtype dtype = TENSOR_BF16;
    for (size_t i = 0; i < n; i++)
        if (op_matrix_dtype(run, rows, p[i].w) == TENSOR_F32)
            dtype = TENSOR_F32;
    struct tensor y = run_new_2d(run, RUN_STEP, dtype, rows, width);
    op_rms_norm(run, &y, x, norm, eps);
    for (size_t i = 0; i < n; i++)
        op_linear(run, p[i].dst, &y, p[i].w, NULL, OP_NONE);
    run_release(run, RUN_STEP, mark);
}

void op_norm_linears(struct run *run, const struct op_projection *p, size_t n,
                     const struct tensor *x, const struct tensor *norm, float eps) {
    size_t width = tensor_count(norm), rows = tensor_count(x) / width;
    assert(n >= 1 && n <= OP_PROJECTIONS && row_is_weight(norm) && x->dtype == TENSOR_F32);
    for (size_t i = 0; i < n; i++) {
        assert(row_is_matrix(p[i].w) && tensor_row(p[i].w) == width);
        assert(tensor_count(p[i].dst) == rows * p[i].w->shape[0]);
    }
    if (run->gpu && rows <= FEW_ROWS)
        dispatch_types(run, p, n, x, norm, eps);
    else
        compose(run, p, n, x, norm, eps);
}
