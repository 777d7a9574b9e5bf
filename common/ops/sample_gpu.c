#include "common/ops/sample_gpu.h"
#include "common/ops/planes.h"
#include "shaders/programs.h"
#include "shaders/sample.h"
#include "shaders/sample_narrow.h"

static void draw(struct run *run, const struct sample_job *j, const struct sample_args *a,
                 const struct tensor *keys, const struct tensor *ids, const struct tensor *counts) {
    bool embed = j->dst != NULL;
    struct run_kernel k = {
        .program = &shader_sample,
        .constants = {keys != NULL, embed, embed ? planes_weights(j->table->dtype) : 0},
        .args = a,
        .args_size = sizeof *a,
        .groups = {1},
        .reads = {j->logits, j->sampler, keys, ids, counts},
        .writes = {j->token, j->sampler}};
    size_t n = 2;
    if (j->seen)
        k.writes[n++] = j->seen;
    if (j->dst)
        k.writes[n++] = j->dst;
    run_dispatch(run, &k);
}

static void draw_from_many(struct run *run, const struct sample_job *j, struct sample_args *a) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    a->width = (a->n + SAMPLE_LISTS - 1) / SAMPLE_LISTS;
    struct tensor keys = run_new_2d(run, RUN_STEP, TENSOR_I32, SAMPLE_LISTS, a->width);
    struct tensor ids = run_new_2d(run, RUN_STEP, TENSOR_I32, SAMPLE_LISTS, a->width);
    struct tensor counts = run_new_1d(run, RUN_STEP, TENSOR_I32, SAMPLE_LISTS);
    a->keys = run_address(&keys);
    a->ids = run_address(&ids);
    a->counts = run_address(&counts);
    run_dispatch(run, &(struct run_kernel){.program = &shader_sample_narrow,
                                           .args = a,
                                           .args_size = sizeof *a,
                                           .groups = {SAMPLE_LISTS},
                                           .reads = {j->logits, j->sampler, j->seen},
                                           .writes = {&keys, &ids, &counts}});
    draw(run, j, a, &keys, &ids, &counts);
    run_release(run, RUN_STEP, mark);
}

void sample_gpu(struct run *run, const struct sample_job *j) {
    struct sample_args a = {.token = run_address(j->token),
                            .logits = run_address(j->logits),
                            .state = run_address(j->sampler),
                            .seen = run_address(j->seen),
                            .dst = run_address(j->dst),
                            .table = run_address(j->table),
                            .n = (uint32_t)tensor_count(j->logits),
                            .codebook = j->codebook,
                            .embed_width = j->dst ? (uint32_t)tensor_count(j->dst) : 0,
                            .vocab = j->dst ? (uint32_t)j->table->shape[0] : 0};
    if (a.n > SAMPLE_MANY)
        draw_from_many(run, j, &a);
    else
        draw(run, j, &a, NULL, NULL, NULL);
}
