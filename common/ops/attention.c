#include "shaders/attention.h"
#include "common/ops/attend.h"
#include "common/ops/row.h"
#include "shaders/attention_split.h"
#include "shaders/programs.h"

enum {
    MANY = 256,     /* queries of a kv head from which tiles of them fill a GPU without splits */
    GROUPS = 512,   /* workgroups that are enough to fill it */
    SPLIT_KEYS = 64 /* fewer are not worth another workgroup */
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Into how many parts the keys are split; how many there are is known to the device only. */
static size_t choose_splits(const struct tensor *q, const struct tensor *k, size_t window,
                            size_t tiles) {
    size_t most = window ? least(window + q->shape[0], k->shape[0]) : k->shape[0];
    size_t splits = least((most + SPLIT_KEYS - 1) / SPLIT_KEYS, GROUPS / tiles);
    return splits ? least(splits, ATTENTION_SPLIT_MAX) : 1;
}

static void dispatch_few(struct run *run, const struct tensor *dst, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, const struct tensor *at,
                         size_t window) {
    size_t heads = q->shape[1], kv_heads = k->shape[1], head_dim = q->shape[2];
    size_t queries = q->shape[0] * heads / kv_heads;
    size_t tiles = (queries + ATTENTION_SPLIT_QUERIES - 1) / ATTENTION_SPLIT_QUERIES;
    size_t splits = choose_splits(q, k, window, tiles * kv_heads);
    struct run_mark mark = run_mark(run, RUN_STEP);
    struct tensor found = run_new_2d(run, RUN_STEP, TENSOR_F32, tiles * kv_heads * splits,
                                     ATTENTION_SPLIT_QUERIES * (head_dim + 2));
    struct attention_split_args a = {.dst = run_address(dst),
                                     .q = run_address(q),
                                     .k = run_address(k),
                                     .v = run_address(v),
                                     .at = run_address(at),
                                     .found = run_address(&found),
                                     .done = run_address(&run->counters),
                                     .rows = (uint32_t)q->shape[0],
                                     .heads = (uint32_t)heads,
                                     .kv_heads = (uint32_t)kv_heads,
                                     .window = (uint32_t)window};
    assert(tiles * kv_heads <= RUN_COUNTERS);
    run_dispatch(run,
                 &(struct run_kernel){.program = &shader_attention_split,
                                      .constants = {(uint32_t)head_dim, k->dtype == TENSOR_BF16},
                                      .args = &a,
                                      .args_size = sizeof a,
                                      .groups = {tiles, kv_heads, splits},
                                      .reads = {q, k, v, at},
                                      .writes = {dst, splits > 1 ? &found : NULL, &run->counters}});
    run_release(run, RUN_STEP, mark);
}

static void dispatch_many(struct run *run, const struct tensor *dst, const struct tensor *q,
                          const struct tensor *k, const struct tensor *v, const struct tensor *at,
                          size_t window) {
    size_t kv_heads = k->shape[1], queries = q->shape[0] * q->shape[1] / kv_heads;
    struct attention_args a = {.dst = run_address(dst),
                               .q = run_address(q),
                               .k = run_address(k),
                               .v = run_address(v),
                               .at = run_address(at),
                               .rows = (uint32_t)q->shape[0],
                               .heads = (uint32_t)q->shape[1],
                               .kv_heads = (uint32_t)kv_heads,
                               .window = (uint32_t)window};
    size_t tiles = (queries + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
    assert(tiles <= RUN_MAX_GROUPS);
    run_dispatch(run,
                 &(struct run_kernel){.program = &shader_attention,
                                      .constants = {(uint32_t)q->shape[2], k->dtype == TENSOR_BF16},
                                      .args = &a,
                                      .args_size = sizeof a,
                                      .groups = {tiles, kv_heads},
                                      .reads = {q, k, v, at},
                                      .writes = {dst}});
}

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *q,
                     const struct tensor *k, const struct tensor *v, const struct tensor *at,
                     size_t window) {
    size_t queries = q->shape[0] * q->shape[1] / k->shape[1], head_dim = q->shape[2];
    assert(head_dim <= 128 && head_dim % 2 == 0 && k->dtype == v->dtype);
    if (queries < MANY)
        dispatch_few(run, dst, q, k, v, at, window);
    else
        dispatch_many(run, dst, q, k, v, at, window);
}

void op_attention(struct run *run, const struct tensor *dst, const struct tensor *q,
                  const struct tensor *k, const struct tensor *v, const struct tensor *at,
                  size_t window) {
    assert(q->rank == 3 && k->rank == 3 && row_match(dst, q));
    assert(q->shape[1] % k->shape[1] == 0 && k->shape[2] == q->shape[2]);
    assert(row_is_weight(k) && v->dtype == k->dtype && tensor_count(v) == tensor_count(k));
    if (run->gpu) {
        dispatch(run, dst, q, k, v, at, window);
        return;
    }
    struct cpu_attend a = {.q = tensor_f32(q),
                           .k = k->data,
                           .v = v->data,
                           .bf16 = k->dtype == TENSOR_BF16,
                           .heads = q->shape[1],
                           .kv_heads = k->shape[1],
                           .head_dim = q->shape[2],
                           .at = (size_t)tensor_i32(at)[0],
                           .window = window};
    assert(a.at + q->shape[0] <= k->shape[0]);
    attend_run(run, tensor_f32(dst), &a, q->shape[0]);
}
