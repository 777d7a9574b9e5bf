#include "common/ops/resident.h"
#include "shaders/attention_split.h"
#include "shaders/moe_few.h"
#include "shaders/norm_gated.h"
#include "shaders/norm_linears.h"
#include "shaders/product.h"
#include "shaders/programs.h"
#include "shaders/resident.h"
#include "shaders/stream.h"

#include <string.h>

enum {
    POOL, /* the constants of shaders/resident.comp, see shaders/resident.h */
    W_BF16,
    NORM,
    HEAD_DIM,
    KV_BF16,
    NORM_BF16,
    CHOSEN,
    INNER,
    SHARED_INNER,
    KINDS,
    RING,
    KEYS,
    ROUTER,
    ROWS_MOST = 2, /* shaders/lib/stream.glsl */
    /* Bytes of shared memory beside the pool, without and with draws, and what these need of it. */
    SHARED_REST = 24 << 10,
    SHARED_SAMPLE = 60 << 9,
    POOL_SAMPLE = 16 << 10
};

static bool has_draws(const struct run *run) {
    return gpu_info(run->gpu)->shared >= SHARED_SAMPLE + POOL_SAMPLE;
}

/* Words that the pool has; more than 48 KiB in all cost other memory on the chip. */
static uint32_t pool(const struct run *run) {
    size_t all = gpu_info(run->gpu)->shared, most = 48 << 10;
    return (uint32_t)(((all < most ? all : most) - (has_draws(run) ? SHARED_SAMPLE : SHARED_REST)) /
                      4);
}

/* True if constant i is or becomes `value`. */
static bool settle(struct run *run, size_t i, uint32_t value) {
    struct run_resident *r = &run->resident;
    if (!r->known[i])
        r->constants[i] = value;
    r->known[i] = true;
    return r->constants[i] == value;
}

/* Matrices are f32 (0) or bf16 (1), all alike; quantised ones (2 ..) are not for it. */
static bool settle_weights(struct run *run, uint32_t is_bf16) {
    return is_bf16 <= 1 && settle(run, W_BF16, is_bf16);
}

/* Products of one or two rows, read eight weights at a time, with room for the rows and the squares
 * of their eights. */
static bool is_stream(struct run *run, const struct run_kernel *k, size_t rows, size_t width) {
    return k->constants[1] && rows <= ROWS_MOST && rows * (width + width / 8) <= pool(run) &&
           settle_weights(run, k->constants[0]);
}

/* True if the matrices and the results of one row lie one behind the other. */
static bool is_one(const struct norm_linears_args *a, size_t weight_bytes) {
    uint64_t w = a->w[0], dst = a->dst[0];
    for (size_t i = 0; i < 4 && a->outs[i]; i++) {
        if (a->w[i] != w || a->dst[i] != dst)
            return false;
        w += a->outs[i] * (uint64_t)a->width * weight_bytes;
        dst += a->outs[i] * sizeof(float);
    }
    return a->rows == 1 || a->outs[1] == 0;
}

static bool linears(struct run *run, const struct run_kernel *k, struct stream_args *s) {
    const struct norm_linears_args *a = k->args;
    *s = (struct stream_args){.x = a->x,
                              .norm = a->norm,
                              .rows = a->rows,
                              .width = a->width,
                              .eps = a->eps,
                              .tasks = a->outs[0] + a->outs[1] + a->outs[2] + a->outs[3],
                              .flags = is_one(a, k->constants[0] ? 2 : 4) ? 0 : STREAM_APART};
    memcpy(s->w, a->w, sizeof s->w);
    memcpy(s->dst, a->dst, sizeof s->dst);
    memcpy(s->outs, a->outs, sizeof s->outs);
    return is_stream(run, k, a->rows, a->width) && settle(run, NORM, k->constants[4]);
}

static bool gated(struct run *run, const struct run_kernel *k, struct stream_args *s) {
    const struct norm_gated_args *a = k->args;
    *s = (struct stream_args){.w = {a->gate, a->up},
                              .dst = {a->dst},
                              .x = a->x,
                              .norm = a->norm,
                              .outs = {a->outs},
                              .tasks = a->outs,
                              .rows = a->rows,
                              .width = a->width,
                              .flags = STREAM_PAIRS,
                              .eps = a->eps};
    return is_stream(run, k, a->rows, a->width) && settle(run, NORM, k->constants[4]);
}

static bool product(struct run *run, const struct run_kernel *k, struct stream_args *s) {
    const struct product_args *a = k->args;
    *s = (struct stream_args){.w = {a->w},
                              .dst = {a->dst},
                              .x = a->x,
                              .outs = {a->outs},
                              .tasks = a->outs,
                              .rows = a->rows,
                              .width = a->taps * a->width,
                              .act = a->act,
                              .flags = a->add ? STREAM_ADD : 0};
    return !a->b && !a->scale && is_stream(run, k, a->rows, s->width);
}

/* ---- others ---- */

/* A compiler for a CPU takes minutes where loops are unrolled much. */
static uint32_t ring(const struct run *run) {
    return gpu_info(run->gpu)->hardware ? 4 : 1;
}

static uint32_t keys(const struct run *run) {
    return gpu_info(run->gpu)->hardware ? 64 : 16;
}

/* As many splits of the keys as in the plan of attention_gpu.c, if what they find has room, else
 * none. */
static bool attention(struct run *run, const struct run_kernel *k, uint32_t groups[3]) {
    const struct attention_split_args *a = k->args;
    bool fresh = k->constants[2], soft = !gpu_info(run->gpu)->hardware;
    groups[0] = (a->heads / a->kv_heads + RESIDENT_QUERIES - 1) / RESIDENT_QUERIES;
    groups[1] = a->kv_heads;
    bool room = groups[0] * RESIDENT_QUERIES <= k->groups[0] * k->constants[4];
    groups[2] = room && k->groups[2] ? (uint32_t)k->groups[2] : 1;
    return fresh && a->window == 0 && (room || a->capacity <= keys(run) || soft) &&
           settle(run, HEAD_DIM, k->constants[0]) && settle(run, KV_BF16, k->constants[1]) &&
           (!a->q_norm || settle(run, NORM_BF16, k->constants[3]));
}

static bool moe_hidden(struct run *run, const struct run_kernel *k, uint32_t groups[3]) {
    const struct moe_hidden_args *a = k->args;
    groups[0] = groups[1] = groups[2] = 1;
    return k->groups[1] == 1 && a->n_experts <= RESIDENT_EXPERTS && k->constants[1] &&
           k->constants[2] && settle_weights(run, k->constants[0]) &&
           settle(run, NORM, k->constants[4]) && settle(run, CHOSEN, k->constants[7]) &&
           settle(run, INNER, k->constants[8]) && settle(run, ROUTER, k->constants[9]);
}

static bool moe_down(struct run *run, const struct run_kernel *k, uint32_t groups[3]) {
    groups[0] = groups[1] = groups[2] = 1;
    return k->groups[1] == 1 && k->constants[1] && settle_weights(run, k->constants[0]) &&
           settle(run, CHOSEN, k->constants[3]) && settle(run, INNER, k->constants[4]) &&
           settle(run, SHARED_INNER, k->constants[5]);
}

static bool sample(struct run *run, const struct run_kernel *k, uint32_t groups[3]) {
    groups[0] = groups[1] = groups[2] = 1;
    return has_draws(run) && !k->constants[0] &&
           (!k->constants[1] || settle_weights(run, k->constants[2]));
}

static const struct {
    const struct gpu_program *program;
    bool (*fill)(struct run *run, const struct run_kernel *k, struct stream_args *s);
} streams[] = {
    {&shader_norm_linears, linears}, {&shader_norm_gated, gated}, {&shader_product_few, product}};

static const struct {
    const struct gpu_program *program;
    uint32_t step;
    bool (*fill)(struct run *run, const struct run_kernel *k, uint32_t groups[3]);
} others[] = {{&shader_attention_split, RESIDENT_ATTENTION, attention},
              {&shader_attention_row, RESIDENT_ATTENTION, attention},
              {&shader_moe_hidden, RESIDENT_MOE_HIDDEN, moe_hidden},
              {&shader_moe_down, RESIDENT_MOE_DOWN, moe_down},
              {&shader_sample, RESIDENT_SAMPLE, sample}};

void resident_step(struct run *run, const struct run_kernel *k, struct gpu_dispatch *d,
                   struct stream_args *s) {
    d->step = RESIDENT_NONE;
    d->stream = s;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (streams[i].program == k->program && streams[i].fill(run, k, s))
            d->step = RESIDENT_STREAM;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].program == k->program && others[i].fill(run, k, d->step_groups))
            d->step = others[i].step;
    if (d->step)
        run->resident.constants[KINDS] |= 1U << d->step;
}

struct gpu_resident resident_kernel(const struct run *run) {
    struct gpu_resident k = {.program = &shader_resident};
    memcpy(k.constants, run->resident.constants, sizeof k.constants);
    /* Without the code for draws the compiler in NVIDIA's driver 580.159 dies of attention's. */
    k.constants[KINDS] |= has_draws(run) ? 1U << RESIDENT_SAMPLE : 0;
    k.constants[POOL] = pool(run);
    k.constants[RING] = ring(run);
    k.constants[KEYS] = keys(run);
    return k;
}
