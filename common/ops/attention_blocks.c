#include "shaders/attention_blocks.h"
#include "common/ops/attend.h"
#include "common/ops/matrix.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static struct attention_blocks_args arguments(const struct tensor *dst, const struct tensor *q,
                                              const struct tensor *k, const struct tensor *v,
                                              size_t group) {
    return (struct attention_blocks_args){.dst = run_address(dst),
                                          .q = run_address(q),
                                          .k = run_address(k),
                                          .v = run_address(v),
                                          .rows = (uint32_t)q->shape[0],
                                          .heads = (uint32_t)q->shape[1],
                                          .group = (uint32_t)group};
}

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *q,
                     const struct tensor *k, const struct tensor *v, size_t group) {
    size_t rows = q->shape[0], heads = q->shape[1], length = group < rows ? group : rows;
    size_t tiles = (length + ATTENTION_BLOCKS_QUERIES - 1) / ATTENTION_BLOCKS_QUERIES;
    struct attention_blocks_args a = arguments(dst, q, k, v, group);
    assert(q->shape[2] <= 128 && q->shape[2] % 2 == 0);
    assert((rows + group - 1) / group <= RUN_MAX_GROUPS);
    run_dispatch(run, &(struct run_kernel){.program = &shader_attention_blocks,
                                           .constants = {(uint32_t)q->shape[2]},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {tiles, heads, (rows + group - 1) / group},
                                           .reads = {q, k, v},
                                           .writes = {dst}});
}

/* The same of bf16 tensors, by matrices as large as a tile. */
static void dispatch_tensors(struct run *run, const struct tensor *dst, const struct tensor *q,
                             const struct tensor *k, const struct tensor *v, size_t group) {
    enum { ROWS = 64, KEYS = 64, THREADS = 128 };
    struct attention_blocks_args a = arguments(dst, q, k, v, group);
    size_t length = group < a.rows ? group : a.rows;
    run_dispatch(run,
                 &(struct run_kernel){
                     .program = &shader_attention_blocks_matrix2,
                     .constants = {THREADS, ROWS, KEYS, (uint32_t)q->shape[2]},
                     .args = &a,
                     .args_size = sizeof a,
                     .groups = {(length + ROWS - 1) / ROWS, a.heads, (a.rows + group - 1) / group},
                     .reads = {q, k, v},
                     .writes = {dst}});
}

enum tensor_dtype op_attention_blocks_dtype(const struct run *run, size_t head_dim) {
    bool tensors = tensors_usable(run, &shader_attention_blocks_matrix2) && head_dim % 64 == 0;
    return tensors ? TENSOR_BF16 : TENSOR_F32;
}

void op_attention_blocks(struct run *run, const struct tensor *dst, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, size_t group) {
    assert(q->rank == 3 && tensor_count(dst) == tensor_count(q) && group > 0);
    assert(tensor_count(k) == tensor_count(q) && tensor_count(v) == tensor_count(q));
    assert(dst->dtype == q->dtype && k->dtype == q->dtype && v->dtype == q->dtype);
    if (q->dtype == TENSOR_BF16) {
        dispatch_tensors(run, dst, q, k, v, group);
        return;
    }
    if (run->gpu) {
        dispatch(run, dst, q, k, v, group);
        return;
    }
    struct cpu_attend a = {.q = tensor_f32(q),
                           .k = tensor_f32(k),
                           .v = tensor_f32(v),
                           .heads = q->shape[1],
                           .kv_heads = q->shape[1],
                           .head_dim = q->shape[2],
                           .block = group,
                           .n_keys = q->shape[0]};
    attend_run(run, tensor_f32(dst), &a, q->shape[0]);
}
