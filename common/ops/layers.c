#include "common/ops/layers.h"
#include "common/base/size.h"
#include "common/ops/attention_gpu.h"
#include "common/ops/planes.h"
#include "shaders/attention_row.h"
#include "shaders/layers.h"
#include "shaders/programs.h"
#include "shaders/sample.h"

enum {
    THREADS = 256,
    LANES = 32,           /* that share a row of weights */
    RUN = 16,             /* numbers of a row of x that a thread makes ready at once */
    KEYS = 32,            /* of a tile of attention */
    PATIENCE = 1 << 10,   /* of waiting workgroups, in 1024 looks: about a second */
    PATIENCE_SOFTWARE = 4 /* there, whoever waits keeps the others from working */
};

/* Weights that a lane has at a time, see shaders/lib/quant.glsl; 0: there is no kernel. */
static size_t lane_weights(enum tensor_dtype dtype) {
    static const size_t weights[TENSOR_DTYPES] = {
        [TENSOR_BF16] = 8,  [TENSOR_Q8_0] = 16, [TENSOR_Q4_0] = 32,
        [TENSOR_Q6_K] = 32, [TENSOR_Q4_K] = 64, /* two units */
        [TENSOR_Q5_K] = 64};
    return weights[dtype];
}

/* A row of x of so many numbers. */
static bool fits(size_t width, enum tensor_dtype dtype) {
    return width % (LANES * lane_weights(dtype)) == 0;
}

/* What is not of the matrices' type. */
static bool is_plain(enum tensor_dtype dtype) {
    return dtype == TENSOR_F32 || dtype == TENSOR_BF16;
}

/* Workgroups that share the keys of four queries, as attention_gpu.c has them. */
static size_t splits(const struct op_layers *l) {
    size_t tiles = size_divide_up(l->capacity, KEYS), n = size_least(tiles, ATTENTION_SPLIT_MAX);
    n = size_least(n, ATTENTION_ROW_GROUPS / (l->heads / ATTENTION_ROW_QUERIES));
    return n + (n == 0);
}

/* What the experts' hidden numbers are together. */
static size_t mix_width(const struct op_layers *l) {
    return l->chosen * l->inner + l->shared_inner;
}

static bool is_dense(const struct op_layers *l) {
    return l->n_experts == 0;
}

/* Addresses of tensors are multiples of 16 all. */
static struct attention_lanes lanes(const struct run *run, const struct op_layers *l) {
    return attention_lanes(run, l->heads, l->kv_heads, l->head_dim, l->capacity, l->hidden);
}

/* As in shaders/lib/layers_room.glsl and passes_lanes.comp. */
static size_t scratch_size(const struct op_layers *l) {
    size_t att = l->heads * l->head_dim, qkv = att + 2 * l->kv_heads * l->head_dim;
    if (is_dense(l))
        return 2 * l->hidden + l->inner + l->kv_heads * l->hidden + size_most(qkv, l->vocab);
    size_t found = splits(l) * l->heads * (l->head_dim + 2);
    return l->hidden + qkv + att + mix_width(l) + found + l->n_experts +
           l->heads / ATTENTION_ROW_QUERIES + 1;
}

/* Bytes of shared memory, about. */
static size_t shared_size(const struct op_layers *l) {
    size_t longest = size_most(size_most(l->heads * l->head_dim, l->hidden), mix_width(l));
    size_t choice = l->n_experts * 12 + l->chosen * 40;
    size_t each = tensor_is_quantised(l->matrices) ? 40 : RUN * sizeof(float);
    return longest / RUN * each + choice + ATTENTION_ROW_SHARED;
}

static bool takes_experts(const struct run *run, const struct op_layers *l) {
    size_t sharing = l->heads / l->kv_heads;
    return lane_weights(l->matrices) && l->head_dim == 128 &&
           sharing % ATTENTION_ROW_QUERIES == 0 &&
           (!l->shared_inner || !tensor_is_quantised(l->matrices)) &&
           l->inner % lane_weights(l->matrices) == 0 && l->n_experts <= OP_GPU_EXPERTS &&
           l->chosen <= OP_GPU_CHOSEN && shared_size(l) <= gpu_info(run->gpu)->shared &&
           is_plain(l->router) && fits(mix_width(l), l->matrices);
}

/* Numbers of the longest row of x. */
static size_t dense_row(const struct op_layers *l) {
    return size_most(size_most(l->heads * l->head_dim, l->hidden), l->inner);
}

/* The longest row, where attention has its new rows too; the teams' sums, where it has the parts of
 * its projection; the draw's room; of attention values, masses, and what is found of keys and new
 * rows; the rest are the teams' totals, the table and squares. */
static size_t dense_shared(const struct run *run, const struct op_layers *l) {
    enum { TEAM_ROOM = 9 << 10, DRAW_ROOM = 209 << 6, REST = 13 << 7 };
    struct attention_lanes p = lanes(run, l);
    size_t values = p.keys * l->head_dim * 2, found = p.keys * p.queries * (p.lanes + 2);
    size_t squares = (p.queries + 2) * p.lanes;
    size_t numbers = dense_row(l) + found + squares + p.queries * l->head_dim;
    return numbers * sizeof(float) + values + TEAM_ROOM + DRAW_ROOM + REST;
}

static bool takes_dense(const struct run *run, const struct op_layers *l) {
    struct attention_lanes p = lanes(run, l);
    return l->matrices == TENSOR_BF16 && p.lanes && p.threads == THREADS &&
           (p.queries + 2) * l->head_dim <= dense_row(l) && fits(l->inner, l->matrices) &&
           dense_shared(run, l) <= gpu_info(run->gpu)->shared;
}

/* What both kinds of layers have. f32 caches are more than shared_size() counts, and passes_lanes
 * would read them as it does weights, which nobody writes meanwhile. */
static bool takes(const struct run *run, const struct op_layers *l) {
    return !run->precise && l->cache == TENSOR_BF16 && is_plain(l->norms) &&
           is_plain(l->head_norms) && l->hidden / RUN <= THREADS && fits(l->hidden, l->matrices) &&
           fits(l->heads * l->head_dim, l->matrices);
}

static void make(struct run *run, struct op_layers *l) {
    l->table = run_new_2d(run, RUN_SESSION, TENSOR_I32, l->n, 2 * LAYERS_WORDS);
    l->scratch = run_new_1d(run, RUN_SESSION, TENSOR_F32, scratch_size(l));
    l->state = run_new_1d(run, RUN_SESSION, TENSOR_I32, 1);
    run_zero(run, &l->scratch);
    run_zero(run, &l->state);
}

bool op_layers_open(struct run *run, struct op_layers *l) {
    if (is_dense(l) || !takes_experts(run, l) || !takes(run, l))
        return false;
    l->n_passes = 1;
    make(run, l);
    return true;
}

static bool takes_passes(const struct op_layers *l, const struct op_passes *p) {
    for (size_t i = 0; i < p->n; i++)
        if (p->heads[i].dtype != l->matrices || p->embed[i].dtype != l->matrices)
            return false;
    size_t vocab = p->heads[0].shape[0];
    return p->norm->dtype == l->norms && vocab % 4 == 0 && vocab <= l->inner &&
           vocab <= SAMPLE_MANY;
}

static void put_passes(struct run *run, const struct op_layers *l, const struct op_passes *p) {
    uint64_t *words = arena_zalloc(&run->memory[RUN_SESSION], p->n * LAYERS_WORDS * sizeof *words);
    for (size_t i = 0; i < p->n; i++) {
        uint64_t *w = words + i * LAYERS_WORDS;
        w[LAYERS_INPUT_NORM] = run_address(p->norm);
        w[LAYERS_Q] = run_address(&p->heads[i]);
        w[PASS_EMBED] = i + 1 < p->n ? run_address(&p->embed[i]) : 0;
        w[PASS_CODEBOOK] = p->codebook + i;
    }
    run_write(run, &l->passes, words);
}

bool op_passes_open(struct run *run, struct op_layers *l, const struct op_passes *p) {
    if (!is_dense(l) || !p->n || !takes_dense(run, l) || !takes_passes(l, p) || !takes(run, l))
        return false;
    l->n_passes = p->n;
    l->vocab = p->heads[0].shape[0];
    l->draws = run_address(p->sampler);
    l->passes = run_new_2d(run, RUN_SESSION, TENSOR_I32, p->n, 2 * LAYERS_WORDS);
    make(run, l);
    put_passes(run, l, p);
    return true;
}

/* The kernel and its constants. */
static struct run_kernel kernel(const struct run *run, const struct op_layers *l) {
    struct run_kernel k = {.constants = {[1] = (uint32_t)l->hidden,
                                         (uint32_t)l->heads,
                                         (uint32_t)l->kv_heads,
                                         (uint32_t)l->head_dim,
                                         (uint32_t)l->n_experts,
                                         (uint32_t)l->chosen,
                                         (uint32_t)l->inner,
                                         l->norms == TENSOR_F32 ? 1 : 2,
                                         l->cache == TENSOR_BF16,
                                         l->head_norms == TENSOR_BF16},
                           .groups = {1}};
    if (is_dense(l)) {
        struct attention_lanes p = lanes(run, l);
        k.program = &shader_passes_lanes;
        k.constants[0] = (uint32_t)p.queries;
        k.constants[5] = (uint32_t)p.lanes;
        k.constants[6] = (uint32_t)p.keys;
        k.constants[11] = (uint32_t)l->vocab;
        return k;
    }
    bool quantised = tensor_is_quantised(l->matrices);
    k.program = quantised ? &shader_layers : &shader_layers_bf16;
    k.constants[0] = quantised ? planes_weights(l->matrices) : (uint32_t)l->shared_inner;
    k.constants[11] = l->router == TENSOR_F32 ? 1 : 2;
    k.constants[12] = (uint32_t)splits(l);
    return k;
}

void op_passes(struct run *run, const struct op_layers *l, const struct tensor *x,
               const struct tensor *rope, const struct tensor *at, const struct tensor *codes) {
    bool hardware = gpu_info(run->gpu)->hardware;
    struct layers_args a = {.layers = run_address(&l->table),
                            .x = run_address(x),
                            .scratch = run_address(&l->scratch),
                            .rope = run_address(rope),
                            .at = run_address(at),
                            .state = run_address(&l->state),
                            .report = gpu_report(run->gpu),
                            .passes = run_address(&l->passes),
                            .draws = l->draws,
                            .codes = run_address(codes),
                            .n_layers = (uint32_t)l->n,
                            .capacity = (uint32_t)l->capacity,
                            .n_passes = (uint32_t)l->n_passes,
                            .normalise = l->normalise,
                            .patience = hardware ? PATIENCE : PATIENCE_SOFTWARE,
                            .eps = l->eps};
    struct layers_args alone = a;
    struct run_kernel k = kernel(run, l), sweep = k;
    alone.sweep = 1;
    k.args = &a;
    sweep.args = &alone;
    k.args_size = sweep.args_size = sizeof a;
    run_instead(run, &k, &sweep);
}

void op_layers(struct run *run, const struct op_layers *l, const struct tensor *x,
               const struct tensor *rope, const struct tensor *at) {
    op_passes(run, l, x, rope, at, NULL);
}

void op_layers_end(struct run *run) {
    gpu_instead_end(run->gpu);
}
