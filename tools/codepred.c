#include "tools/codepred.h"

#include "common/nn/weight.h"

#include <stdio.h>

enum { FIRST = 1 /* draw of one row: the one before has two */ };

/* Codebook 0 is embedded with the talker's own table; tables and heads of the predictor count from
 * codebook 1. */
static int load_tables(struct codepred *p, struct run *run, struct weights *w, struct err *e) {
    const struct config_decoder *c = &p->config->predictor;
    size_t n_groups = p->config->n_groups;
    char name[128];
    p->embed = arena_zalloc(&run->memory[RUN_MODEL], n_groups * sizeof *p->embed);
    p->heads = arena_zalloc(&run->memory[RUN_MODEL], n_groups * sizeof *p->heads);
    if (nn_weight(run, w, &p->embed[0], e, "talker.model.codec_embedding.weight",
                  (size_t[4]){p->config->text.vocab, c->hidden}))
        return e->code;
    for (size_t j = 0; j + 1 < n_groups; j++) {
        snprintf(name, sizeof name, "talker.code_predictor.model.codec_embedding.%zu.weight", j);
        if (nn_weight(run, w, &p->embed[j + 1], e, name, (size_t[4]){c->vocab, c->hidden}))
            return e->code;
        snprintf(name, sizeof name, "talker.code_predictor.lm_head.%zu.weight", j);
        if (nn_weight(run, w, &p->heads[j], e, name, (size_t[4]){c->vocab, c->hidden}))
            return e->code;
    }
    return 0;
}

/* Positions restart with each frame, so rope and cache rows are the same for all frames. */
static void make_constants(struct codepred *p, struct run *run) {
    int32_t n_groups = (int32_t)p->config->n_groups;
    struct tensor zero = run_new_1d(run, RUN_STEP, TENSOR_I32, 1);
    struct tensor positions = run_new_2d(run, RUN_STEP, TENSOR_F32, (size_t)n_groups, 3);
    run_write(run, &zero, (int32_t[1]){0});
    op_positions(run, &positions, &zero);
    p->rope =
        run_new_2d(run, RUN_SESSION, TENSOR_F32, (size_t)n_groups, p->config->predictor.head_dim);
    struct tensor table = nn_decoder_rope(&p->decoder, run, &positions);
    op_copy(run, &p->rope, &table);

    p->rows = run_new_1d(run, RUN_SESSION, TENSOR_I32, (size_t)n_groups);
    for (int32_t i = 0; i < n_groups; i++) {
        struct tensor row = tensor_rows(&p->rows, (size_t)i, 1);
        run_write(run, &row, &i);
    }
    run_step(run);
}

/* The kernel for all draws from FIRST on. */
static struct op_layers *make_passes(struct codepred *p, struct run *run) {
    struct op_passes passes = {.n = p->config->n_groups - 1 - FIRST,
                               .codebook = FIRST + 1,
                               .norm = &p->decoder.norm,
                               .heads = p->heads + FIRST,
                               .embed = p->embed + FIRST + 1,
                               .sampler = &p->sampler};
    return nn_passes_stay(run, &p->decoder, &p->cache, &passes);
}

int codepred_create(struct codepred *p, struct run *run, const struct config *c, struct weights *w,
                    struct err *e) {
    *p = (struct codepred){.config = &c->talker};
    if (nn_decoder_load(&p->decoder, run, &c->talker.predictor, w, "talker.code_predictor.model.",
                        "codepred", e) ||
        load_tables(p, run, w, e))
        return e->code;
    nn_cache_init(&p->cache, run, &c->talker.predictor, c->talker.n_groups);
    p->sampler = run_new_1d(run, RUN_SESSION, TENSOR_I32, sizeof(struct op_sampler) / 4);
    make_constants(p, run);
    p->passes = make_passes(p, run);
    return 0;
}

void codepred_sampler(struct codepred *p, struct run *run, struct op_sampler sampler) {
    sampler.last_codebook = (int32_t)p->config->n_groups - 1;
    run_write(run, &p->sampler, &sampler);
}

/* Draws codes[j + 1] from x f32 [T, Dt], the rows from `row` of the cache on. Then the last row of
 * x is the embedding of that code, the next step's input, if there is a next step. */
static void draw(struct codepred *p, struct run *run, const struct tensor *x, size_t row, size_t j,
                 const struct tensor *codes) {
    size_t n = x->shape[0];
    uint32_t codebook = (uint32_t)(j + 1);
    struct tensor rope = tensor_rows(&p->rope, row, n);
    p->cache.at = tensor_rows(&p->rows, row, 1);
    nn_decoder_layers(&p->decoder, run, &p->cache, x, &rope, 0, p->config->predictor.n_layers);
    struct tensor last = tensor_rows(x, n - 1, 1);
    struct tensor logits = run_new_2d(run, RUN_STEP, TENSOR_F32, 1, p->heads[j].shape[0]);
    struct op_projection head = {&logits, &p->heads[j]};
    op_norm_linears(run, &head, 1, &last, &p->decoder.norm, p->decoder.config->eps);
    run_trace(run, &logits, "codepred.logits");
    struct tensor code = tensor_rows(codes, codebook, 1);
    if (codebook + 1 < p->config->n_groups)
        op_sample_embed(run, &code, &logits, &p->sampler, NULL, codebook, &last,
                        &p->embed[codebook]);
    else
        op_sample(run, &code, &logits, &p->sampler, NULL, codebook);
}

/* All draws from FIRST on, of one row each. */
static void passes(struct codepred *p, struct run *run, const struct tensor *x,
                   const struct tensor *codes) {
    size_t n_draws = p->config->n_groups - 1;
    if (p->passes) {
        struct tensor rope = tensor_rows(&p->rope, FIRST + 1, n_draws - FIRST);
        struct tensor at = tensor_rows(&p->rows, FIRST + 1, n_draws - FIRST);
        op_passes(run, p->passes, x, &rope, &at, codes);
    }
    for (size_t j = FIRST; j < n_draws; j++)
        draw(p, run, x, j + 1, j, codes);
    if (p->passes)
        op_layers_end(run);
}

void codepred_frame(struct codepred *p, struct run *run, const struct tensor *hidden,
                    const struct tensor *codes, const struct tensor *sum) {
    size_t width = tensor_row(hidden);
    struct tensor list = tensor_1d(TENSOR_I32, codes->data, p->config->n_groups);
    struct tensor code0 = tensor_rows(&list, 0, 1);
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, 2, width);
    struct tensor first = tensor_rows(&x, 0, 1), second = tensor_rows(&x, 1, 1);
    op_copy(run, &first, hidden);
    op_embed(run, &second, &p->embed[0], &code0);
    draw(p, run, &x, 0, 0, &list);
    passes(p, run, &second, &list);
    op_embed_sum(run, sum, p->embed, codes, 1);
}
