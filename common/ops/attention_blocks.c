#include "shaders/attention_blocks.h"
#include "common/ops/attend.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *q,
                     const struct tensor *k, const struct tensor *v, size_t group) {
    size_t rows = q->shape[0], heads = q->shape[1], length = group < rows ? group : rows;
    size_t tiles = (length + ATTENTION_BLOCKS_QUERIES - 1) / ATTENTION_BLOCKS_QUERIES;
    struct attention_blocks_args a = {.dst = run_address(dst),
                                      .q = run_address(q),
                                      .k = run_address(k),
                                      .v = run_address(v),
                                      .rows = (uint32_t)rows,
                                      .heads = (uint32_t)heads,
                                      .group = (uint32_t)group};
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

void op_attention_blocks(struct run *run, const struct tensor *dst, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, size_t group) {
    assert(q->rank == 3 && row_match(dst, q) && row_match(q, k) && row_match(q, v) && group > 0);
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
