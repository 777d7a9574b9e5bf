#include "shaders/norm_linears.h"
#include "common/ops/few.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct op_projection *p, size_t n,
                     const struct tensor *x, const struct tensor *norm, float eps) {
    size_t width = tensor_count(norm), rows = tensor_count(x) / width, outs = 0;
    struct norm_linears_args a = {.x = run_address(x),
                                  .norm = run_address(norm),
                                  .rows = (uint32_t)rows,
                                  .width = (uint32_t)width,
                                  .eps = eps};
    struct run_kernel k = {
        .program = &shader_norm_linears, .args = &a, .args_size = sizeof a, .reads = {x}};
    uint64_t addresses = a.x | a.norm;
    for (size_t i = 0; i < n; i++) {
        a.w[i] = run_address(p[i].w);
        a.dst[i] = run_address(p[i].dst);
        a.outs[i] = (uint32_t)p[i].w->shape[0];
        k.writes[i] = p[i].dst;
        addresses |= a.w[i];
        outs += a.outs[i];
    }
    k.constants[0] = p[0].w->dtype == TENSOR_BF16;
    k.constants[1] = few_eights(width, addresses);
    k.constants[2] = few_rows(rows);
    k.constants[3] = few_batch(width, 1, rows);
    k.constants[4] = few_norm(norm);
    k.groups[0] = run_groups(outs, FEW_TEAMS);
    run_dispatch(run, &k);
}

/* The same by other ops: on the CPU, for many rows, for matrices of several types. */
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
    bool alike = true;
    assert(n >= 1 && n <= OP_PROJECTIONS && row_is_weight(norm) && x->dtype == TENSOR_F32);
    for (size_t i = 0; i < n; i++) {
        assert(row_is_matrix(p[i].w) && tensor_row(p[i].w) == width);
        assert(tensor_count(p[i].dst) == rows * p[i].w->shape[0]);
        alike = alike && p[i].w->dtype == p[0].w->dtype;
    }
    if (run->gpu && rows <= FEW_ROWS && alike)
        dispatch(run, p, n, x, norm, eps);
    else
        compose(run, p, n, x, norm, eps);
}
