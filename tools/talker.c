#include "tools/talker.h"

#include "common/nn/weight.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK = 128,          /* prefill rows: enough that an expert's weights serve several of them */
    CODEC_SPECIALS = 1024 /* ids above the codes; the reference suppresses so many, whatever the
                             codebook's size */
};

/* ---- load ---- */

static int load_projection(struct talker_projection *p, struct run *run, const struct config *c,
                           struct weights *w, const char *name, struct err *e) {
    char full[128];
    size_t in = c->thinker.hidden, mid = c->talker.projection, out = c->talker.text.hidden;
    const struct {
        const char *suffix;
        struct tensor *t;
        size_t rows, columns;
    } parts[] = {{"linear_fc1.weight", &p->fc1, mid, in},
                 {"linear_fc1.bias", &p->b1, mid, 0},
                 {"linear_fc2.weight", &p->fc2, out, mid},
                 {"linear_fc2.bias", &p->b2, out, 0}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(full, sizeof full, "talker.%s.%s", name, parts[i].suffix);
        if (nn_weight(run, w, parts[i].t, e, full, (size_t[4]){parts[i].rows, parts[i].columns}))
            return e->code;
    }
    return 0;
}

static int load(struct talker *t, struct run *run, struct weights *w, struct err *e) {
    const struct config_decoder *c = &t->config->talker.text;
    if (nn_decoder_load(&t->decoder, run, c, w, "talker.model.", "talker", e) ||
        nn_weight(run, w, &t->embed, e, "talker.model.codec_embedding.weight",
                  (size_t[4]){c->vocab, c->hidden}) ||
        nn_weight(run, w, &t->head, e, "talker.codec_head.weight",
                  (size_t[4]){c->vocab, c->hidden}) ||
        load_projection(&t->text, run, t->config, w, "text_projection", e) ||
        load_projection(&t->media, run, t->config, w, "hidden_projection", e))
        return e->code;
    return 0;
}

int talker_create(struct talker *t, struct run *run, const struct config *c, struct weights *w,
                  size_t context, struct err *e) {
    size_t width = c->talker.text.hidden;
    *t = (struct talker){.config = c};
    if (load(t, run, w, e))
        return e->code;
    nn_cache_init(&t->cache, run, &c->talker.text, context);
    nn_cache_stay(&t->cache, run, &t->decoder);
    t->inbox = run_new_2d(run, RUN_SESSION, TENSOR_F32, context, width);
    t->specials = run_new_2d(run, RUN_SESSION, TENSOR_F32, TALKER_SPECIALS, width);
    t->row = run_new_2d(run, RUN_SESSION, TENSOR_F32, 1, width);
    t->start_codes = run_new_1d(run, RUN_SESSION, TENSOR_I32, TALKER_START);
    t->sampler = run_new_1d(run, RUN_SESSION, TENSOR_I32, sizeof(struct op_sampler) / 4);
    t->seen = run_new_1d(run, RUN_SESSION, TENSOR_I32, c->talker.text.vocab);
    t->hidden = run_new_2d(run, RUN_SESSION, TENSOR_F32, 1, width);
    t->codes = run_new_2d(run, RUN_SESSION, TENSOR_I32, 1, c->talker.n_groups);
    t->codec_sum = run_new_2d(run, RUN_SESSION, TENSOR_F32, 1, width);
    return 0;
}

/* ---- input rows ---- */

/* dst [n, Dt] = projection of host rows f32 [n, D]. */
static void project(struct talker *t, struct run *run, const struct tensor *dst,
                    const struct talker_projection *p, const float *rows) {
    size_t n = dst->shape[0];
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, n, t->config->thinker.hidden);
    struct tensor mid = run_new_2d(run, RUN_STEP, TENSOR_F32, n, t->config->talker.projection);
    run_write(run, &x, rows);
    op_linear(run, &mid, &x, &p->fc1, &p->b1, OP_SILU);
    op_linear(run, dst, &mid, &p->fc2, &p->b2, OP_NONE);
}

void talker_put_specials(struct talker *t, struct run *run, const float *embed) {
    project(t, run, &t->specials, &t->text, embed);
    run_step(run);
}

void talker_put(struct talker *t, struct run *run, size_t at, const float *rows, size_t n,
                bool media) {
    while (n > 0) {
        size_t part = n < BLOCK ? n : BLOCK;
        struct tensor dst = tensor_rows(&t->inbox, at, part);
        project(t, run, &dst, media ? &t->media : &t->text, rows);
        run_step(run);
        rows += part * t->config->thinker.hidden;
        at += part;
        n -= part;
    }
}

void talker_say(struct talker *t, struct run *run, const float *embed) {
    project(t, run, &t->row, &t->text, embed);
}

void talker_say_special(struct talker *t, struct run *run, enum talker_special special) {
    struct tensor row = tensor_rows(&t->specials, special, 1);
    op_copy(run, &t->row, &row);
}

/* ---- forward ---- */

/* Runs x f32 [T, Dt], which is used up, through the layers, behind what is in the cache; gives the
 * normed rows. */
static struct tensor forward(struct talker *t, struct run *run, const struct tensor *x) {
    struct tensor positions = nn_cache_positions(&t->cache, run, x->shape[0]);
    struct tensor rope = nn_decoder_rope(&t->decoder, run, &positions);
    run_trace(run, &positions, "talker.position_ids");
    run_trace(run, x, "talker.embed");
    nn_decoder_layers(&t->decoder, run, &t->cache, x, &rope, 0, t->decoder.config->n_layers);
    struct tensor y = nn_decoder_norm(&t->decoder, run, x);
    run_trace(run, &y, "talker.norm");
    nn_cache_advance(&t->cache, run, x->shape[0]);
    return y;
}

/* Draws code 0 of the next frame from the last of the normed rows. */
static void draw(struct talker *t, struct run *run, const struct tensor *y) {
    struct tensor last = tensor_rows(y, y->shape[0] - 1, 1);
    op_copy(run, &t->hidden, &last);
    struct tensor logits = run_new_2d(run, RUN_STEP, TENSOR_F32, 1, t->head.shape[0]);
    op_linear(run, &logits, &t->hidden, &t->head, NULL, OP_NONE);
    run_trace(run, &logits, "talker.logits");
    struct tensor code0 = tensor_1d(TENSOR_I32, t->codes.data, 1);
    op_sample(run, &code0, &logits, &t->sampler, &t->seen, 0);
}

void talker_prefill(struct talker *t, struct run *run, size_t end, bool rest) {
    for (;;) {
        size_t at = t->cache.length, stop = (at / BLOCK + 1) * BLOCK;
        if (stop > end)
            stop = rest ? end : at;
        if (stop <= at)
            return;
        struct tensor x = tensor_rows(&t->inbox, at, stop - at);
        forward(t, run, &x);
        run_step(run);
    }
}

void talker_sampler(struct talker *t, struct run *run, struct op_sampler sampler) {
    sampler.suppress_from = (int32_t)(t->config->talker.text.vocab - CODEC_SPECIALS);
    sampler.suppress_keep = t->config->talker.codec_eos;
    run_write(run, &t->sampler, &sampler);
    run_zero(run, &t->seen);
}

void talker_start(struct talker *t, struct run *run, const float *header, const float *first,
                  int32_t speaker) {
    const struct config_talker *c = &t->config->talker;
    const int32_t codes[TALKER_START] = {-1,
                                         -1,
                                         -1,
                                         c->codec_nothink,
                                         c->codec_think_bos,
                                         c->codec_think_eos,
                                         speaker,
                                         c->codec_pad,
                                         c->codec_bos};
    struct tensor x = tensor_rows(&t->inbox, t->cache.length, TALKER_START);
    struct tensor head = tensor_rows(&x, 0, TALKER_HEADER);
    struct tensor last = tensor_rows(&x, TALKER_START - 1, 1);
    project(t, run, &head, &t->text, header);
    for (size_t i = TALKER_HEADER; i < TALKER_START - 1; i++) {
        enum talker_special which = i < TALKER_START - 2 ? TALKER_PAD : TALKER_BOS;
        struct tensor row = tensor_rows(&x, i, 1), special = tensor_rows(&t->specials, which, 1);
        op_copy(run, &row, &special);
    }
    project(t, run, &last, &t->text, first);
    run_write(run, &t->start_codes, codes);
    op_embed_add(run, &x, &t->embed, &t->start_codes);

    struct tensor y = forward(t, run, &x);
    draw(t, run, &y);
}

void talker_step(struct talker *t, struct run *run) {
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, 1, tensor_row(&t->row));
    op_copy(run, &x, &t->codec_sum);
    op_add(run, &x, &t->row);
    struct tensor y = forward(t, run, &x);
    draw(t, run, &y);
}

void talker_replayed(struct talker *t) {
    nn_cache_replayed(&t->cache, 1);
}

void talker_rehearse(struct talker *t, struct run *run) {
    static const size_t lengths[] = {BLOCK, 32, 8, 2, 1};
    size_t room = t->cache.capacity - TALKER_START - 1, width = t->config->thinker.hidden;
    float *rows = arena_xrealloc(NULL, BLOCK * width, sizeof *rows);
    talker_put_specials(t, run, rows);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i] < room ? lengths[i] : room;
        nn_cache_truncate(&t->cache, run, 0);
        talker_put(t, run, 0, rows, n, i % 2);
        talker_prefill(t, run, n, true);
    }
    talker_start(t, run, rows, rows, 0);
    talker_say(t, run, rows);
    talker_say_special(t, run, TALKER_PAD);
    free(rows);
}
