#include "common/ops/attention_gpu.h"
#include "common/base/size.h"
#include "common/ops/matrix.h"
#include "common/ops/row.h"
#include "shaders/attention.h"
#include "shaders/attention_out_lanes.h"
#include "shaders/attention_row.h"
#include "shaders/programs.h"

enum {
    MANY = 256,   /* queries of a kv head from which tiles of them fill a GPU without splits */
    GROUPS = 256, /* workgroups that are enough to fill it, */
    ROW_GROUPS = ATTENTION_ROW_GROUPS, /* and with attention_row */
    ENOUGH_ROWS = 1024,                /* that tiles of 128 of them fill a GPU */
    ROW_THREADS = 256,                 /* of a workgroup of attention_row */
    /* Of attention_out_lanes. */
    LANES_THREADS = 256, /* of a workgroup */
    LANES_LEAST = 4,     /* that share a row */
    OUT_ROWS = 2,        /* it reads its weights for each */
    WARM_LOADS = 12,     /* of a thread */
    LANES_FOURS = 8,     /* fours of numbers that a lane has of a row, at most */
};

/* ---- few rows ---- */

bool attention_takes_fresh(const struct op_self_attention *s) {
    return s->q->shape[0] == 1;
}

/* How a workgroup of attention_split or attention_row is made up, and how many there are. */
struct plan {
    size_t queries, keys, threads;
    size_t tiles, splits; /* of the queries of a kv head; of the keys */
    bool row;             /* it is attention_row */
};

/* Of all that is read, in one number: what they are multiples of. */
static uint64_t addresses(const struct op_self_attention *s) {
    return run_address(s->q) | run_address(s->k) | run_address(s->v) | run_address(s->k_cache) |
           run_address(s->v_cache) | run_address(s->rope) | run_address(s->q_norm) |
           run_address(s->k_norm);
}

/* True if attention_row is for this. */
static bool takes_row(const struct run *run, const struct attention_job *j) {
    const struct op_self_attention *s = j->fresh;
    size_t head_dim = j->q->shape[2];
    if (!s || j->window || gpu_info(run->gpu)->shared < ATTENTION_ROW_SHARED)
        return false;
    return (addresses(s) | run_address(j->dst)) % 16 == 0 &&
           (head_dim == 32 || head_dim == 64 || head_dim == 128);
}

/* Few, so that there are many workgroups; each team of attention_row has one. */
static size_t row_keys(const struct attention_job *j) {
    enum { KEYS = 32, EACH = 8 /* numbers of a thread */ };
    return size_most(KEYS, ROW_THREADS * EACH / j->q->shape[2]);
}

/* How many keys there are is known to the device only; the splits are as many as are of use when
 * the cache is full. */
static struct plan choose_plan(const struct run *run, const struct attention_job *j) {
    size_t rows = j->q->shape[0], kv_heads = j->k->shape[1], capacity = j->k->shape[0];
    size_t queries = rows * j->q->shape[1] / kv_heads;
    size_t seen = j->window ? size_least(j->window + rows, capacity) : capacity;
    struct plan p = {.queries = 8, .keys = 32, .threads = 256, .row = takes_row(run, j)};
    if (p.row)
        p = (struct plan){.queries = ATTENTION_ROW_QUERIES,
                          .keys = row_keys(j),
                          .threads = ROW_THREADS,
                          .row = true};
    else if (j->fresh && seen > 32)
        p = (struct plan){.queries = 4, .keys = 64, .threads = 256};
    else if (j->fresh)
        p = (struct plan){.queries = 2, .keys = 16, .threads = 128};
    p.tiles = size_divide_up(queries, p.queries);
    p.splits =
        size_least(size_least(size_divide_up(seen, p.keys) + (j->window > 0), ATTENTION_SPLIT_MAX),
                   (p.row ? ROW_GROUPS : GROUPS) / (p.tiles * kv_heads));
    p.splits += p.splits == 0;
    return p;
}

static struct attention_split_args split_args(struct run *run, const struct attention_job *j) {
    return (struct attention_split_args){.dst = run_address(j->dst),
                                         .q = run_address(j->q),
                                         .k = run_address(j->k),
                                         .v = run_address(j->v),
                                         .at = run_address(j->at),
                                         .done = run_address(&run->counters),
                                         .rows = (uint32_t)j->q->shape[0],
                                         .heads = (uint32_t)j->q->shape[1],
                                         .kv_heads = (uint32_t)j->k->shape[1],
                                         .window = (uint32_t)j->window,
                                         .capacity = (uint32_t)j->k->shape[0]};
}

static void add_fresh(struct attention_split_args *a, const struct op_self_attention *s) {
    a->new_k = run_address(s->k);
    a->new_v = run_address(s->v);
    a->rope = run_address(s->rope);
    a->q_norm = run_address(s->q_norm);
    a->k_norm = run_address(s->k_norm);
    a->eps = s->eps;
}

static void few(struct run *run, const struct attention_job *j, struct plan p) {
    const struct op_self_attention *s = j->fresh;
    size_t kv_heads = j->k->shape[1], head_dim = j->q->shape[2], tiles = p.tiles * kv_heads;
    struct run_mark mark = run_mark(run, RUN_STEP);
    struct tensor found =
        run_new_2d(run, RUN_STEP, TENSOR_F32, tiles * p.splits, p.queries * (head_dim + 2));
    struct attention_split_args a = split_args(run, j);
    bool norm_bf16 = s && s->q_norm && s->q_norm->dtype == TENSOR_BF16;
    struct run_kernel kernel = {.program = p.row ? &shader_attention_row : &shader_attention_split,
                                .constants = {(uint32_t)head_dim, j->k->dtype == TENSOR_BF16,
                                              s != NULL, norm_bf16, (uint32_t)p.queries,
                                              (uint32_t)p.keys, j->window == 0, (uint32_t)p.threads,
                                              (uint32_t)(j->q->shape[1] / kv_heads)},
                                .args = &a,
                                .args_size = sizeof a,
                                .groups = {p.tiles, kv_heads, p.splits},
                                .reads = {j->q, j->k, j->v, j->at},
                                .writes = {j->dst, &found, &run->counters}};
    a.found = run_address(&found);
    if (s) {
        add_fresh(&a, s);
        kernel.reads[4] = s->k;
        kernel.reads[5] = s->v;
        kernel.reads[6] = s->rope;
        kernel.writes[3] = j->k;
        kernel.writes[4] = j->v;
    }
    run_dispatch(run, &kernel);
    run_release(run, RUN_STEP, mark);
}

/* ---- with the output projection ---- */

static struct attention_out_lanes_args out_args(const struct op_self_attention *s) {
    return (struct attention_out_lanes_args){.q = run_address(s->q),
                                             .k = run_address(s->k_cache),
                                             .v = run_address(s->v_cache),
                                             .at = run_address(s->at),
                                             .new_k = run_address(s->k),
                                             .new_v = run_address(s->v),
                                             .rope = run_address(s->rope),
                                             .q_norm = run_address(s->q_norm),
                                             .k_norm = run_address(s->k_norm),
                                             .dst = run_address(s->sum),
                                             .w = run_address(s->out),
                                             .kv_heads = (uint32_t)s->k->shape[1],
                                             .outs = (uint32_t)s->out->shape[0],
                                             .next = run_address(s->next),
                                             .eps = s->eps};
}

/* The lanes that share a head of the newest row; 0: there are none. */
static size_t choose_lanes(size_t head_dim) {
    size_t lanes = 16;
    while (lanes > LANES_LEAST && head_dim % (4 * lanes))
        lanes /= 2;
    bool fits = head_dim % (4 * lanes) == 0 && head_dim % 8 == 0;
    return fits && lanes * LANES_FOURS * 4 >= head_dim ? lanes : 0;
}

/* Bytes of shared memory: new rows, what is found of keys, values, parts of the projection. */
static size_t lanes_shared(const struct attention_lanes *p, size_t head_dim) {
    enum { REST = 512 };
    size_t rows = 2 * p->queries + 2, found = p->keys * p->queries * (p->lanes + 2);
    size_t parts = p->threads * ATTENTION_OUT_ROWS * (ATTENTION_OUT_TEAM + 4) / ATTENTION_OUT_TEAM;
    return (rows * (head_dim + p->lanes) + found + p->keys * head_dim + parts) * sizeof(float) +
           REST;
}

struct attention_lanes attention_lanes(const struct run *run, size_t heads, size_t kv_heads,
                                       size_t head_dim, size_t capacity, size_t outs) {
    size_t sharing = heads / kv_heads, lanes = choose_lanes(head_dim);
    struct attention_lanes p = {.queries = sharing > 2 ? 4 : 2, .threads = LANES_THREADS};
    if (lanes == 0 || sharing != p.queries)
        return p;
    size_t teams = p.threads / lanes, each = size_most(size_divide_up(capacity, teams), 1);
    p.keys = teams * (each == 3 ? 4 : each);
    p.lanes = lanes;
    p.tiles = size_divide_up(outs, p.threads / ATTENTION_OUT_TEAM * ATTENTION_OUT_ROWS);
    if (each > 4 || p.tiles > RUN_COUNTERS ||
        lanes_shared(&p, head_dim) > gpu_info(run->gpu)->shared)
        p.lanes = 0;
    return p;
}

/* Each kv head's queries and keys must be one workgroup's. */
static struct attention_lanes plan_lanes(const struct run *run, const struct op_self_attention *s) {
    if (s->window || (addresses(s) | run_address(s->out)) % 16)
        return (struct attention_lanes){.lanes = 0};
    return attention_lanes(run, s->q->shape[1], s->k->shape[1], s->q->shape[2],
                           s->k_cache->shape[0], s->out->shape[0]);
}

/* Loads of 16 bytes of what comes next that each of so many threads has registers for. */
static uint32_t warm_loads(const struct op_self_attention *s, size_t threads) {
    if (!s->next || run_address(s->next) % 16)
        return 0;
    return (uint32_t)size_least(tensor_bytes(s->next) / 16 / threads, WARM_LOADS);
}

/* Row number `row` of those that there are. */
static void dispatch_out(struct run *run, const struct op_self_attention *s, size_t row,
                         const struct attention_lanes *p) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    struct attention_out_lanes_args a = out_args(s);
    uint32_t capacity = (uint32_t)s->k_cache->shape[0];
    struct tensor parts = run_new_2d(run, RUN_STEP, TENSOR_F32, 1, a.kv_heads * a.outs + 1);
    a.ahead = (uint32_t)row;
    a.parts = run_address(&parts);
    a.done = run_address(&run->counters);
    run_dispatch(run,
                 &(struct run_kernel){
                     .program = &shader_attention_out_lanes,
                     .constants = {(uint32_t)s->q->shape[2], s->k_cache->dtype == TENSOR_BF16,
                                   (uint32_t)p->lanes, s->q_norm && s->q_norm->dtype == TENSOR_BF16,
                                   (uint32_t)p->queries, (uint32_t)p->keys, (uint32_t)p->threads,
                                   s->out->dtype == TENSOR_BF16, capacity,
                                   warm_loads(s, p->tiles * a.kv_heads * p->threads)},
                     .args = &a,
                     .args_size = sizeof a,
                     .groups = {p->tiles, a.kv_heads},
                     .reads = {s->q, s->k, s->v, s->k_cache, s->v_cache, s->at, s->rope},
                     .writes = {s->sum, s->k_cache, s->v_cache, &parts, &run->counters}});
    run_release(run, RUN_STEP, mark);
}

bool attention_out_gpu(struct run *run, const struct op_self_attention *s) {
    size_t rows = s->q->shape[0];
    if (!s->out || s->out_scale || tensor_is_quantised(s->out->dtype) || rows > OUT_ROWS)
        return false;
    for (size_t t = 0; t < rows; t++) {
        struct tensor q = tensor_rows(s->q, t, 1), k = tensor_rows(s->k, t, 1);
        struct tensor v = tensor_rows(s->v, t, 1), dst = tensor_rows(s->dst, t, 1);
        struct tensor rope = tensor_rows(s->rope, t, 1), sum = tensor_rows(s->sum, t, 1);
        struct op_self_attention one = *s;
        one.q = &q;
        one.k = &k;
        one.v = &v;
        one.dst = &dst;
        one.rope = &rope;
        one.sum = &sum;
        struct attention_lanes p = plan_lanes(run, &one);
        if (p.lanes == 0)
            return false; /* which is so of the first row, or of none */
        dispatch_out(run, &one, t, &p);
    }
    return true;
}

/* ---- many rows ---- */

static struct attention_args many_args(const struct attention_job *j) {
    return (struct attention_args){.dst = run_address(j->dst),
                                   .q = run_address(j->q),
                                   .k = run_address(j->k),
                                   .v = run_address(j->v),
                                   .at = run_address(j->at),
                                   .rows = (uint32_t)j->q->shape[0],
                                   .heads = (uint32_t)j->q->shape[1],
                                   .kv_heads = (uint32_t)j->k->shape[1],
                                   .window = (uint32_t)j->window};
}

/* By matrices as large as a tile: more rows share keys, fewer leave room for more workgroups. */
static void many_tensors(struct run *run, const struct attention_job *j) {
    struct attention_args a = many_args(j);
    uint32_t rows = a.rows >= ENOUGH_ROWS ? 128 : 64;
    run_dispatch(run,
                 &(struct run_kernel){.program = &shader_attention_matrix2,
                                      .constants = {2 * rows, rows, 64, (uint32_t)j->q->shape[2],
                                                    j->dst->dtype == TENSOR_BF16},
                                      .args = &a,
                                      .args_size = sizeof a,
                                      .groups = {size_divide_up(a.rows, rows), a.heads},
                                      .reads = {j->q, j->k, j->v, j->at},
                                      .writes = {j->dst}});
}

static void many(struct run *run, const struct attention_job *j) {
    size_t kv_heads = j->k->shape[1], queries = j->q->shape[0] * j->q->shape[1] / kv_heads;
    size_t tiles = size_divide_up(queries, ATTENTION_QUERIES);
    struct attention_args a = many_args(j);
    assert(tiles <= RUN_MAX_GROUPS);
    run_dispatch(run, &(struct run_kernel){
                          .program = &shader_attention,
                          .constants = {(uint32_t)j->q->shape[2], j->k->dtype == TENSOR_BF16},
                          .args = &a,
                          .args_size = sizeof a,
                          .groups = {tiles, kv_heads},
                          .reads = {j->q, j->k, j->v, j->at},
                          .writes = {j->dst}});
}

void attention_gpu(struct run *run, const struct attention_job *j) {
    size_t queries = j->q->shape[0] * j->q->shape[1] / j->k->shape[1], head_dim = j->q->shape[2];
    struct plan p = choose_plan(run, j);
    assert(head_dim <= 128 && head_dim % 2 == 0 && j->k->dtype == j->v->dtype);
    /* With so many kv heads that counters are short there are enough workgroups without splits. */
    bool counted = p.tiles * j->k->shape[1] <= RUN_COUNTERS;
    assert(counted || !j->fresh);
    if (queries < MANY && counted)
        few(run, j, p);
    else if (tensors_usable(run, &shader_attention_matrix2) && j->k->dtype == TENSOR_BF16 &&
             head_dim % 64 == 0)
        many_tensors(run, j);
    else
        many(run, j);
}
