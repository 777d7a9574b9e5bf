#include "tools/thinker.h"

#include "common/nn/weight.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

int thinker_open(struct thinker *t, struct run *run, const struct config *c, struct weights *w,
                 size_t context, struct err *e) {
    *t = (struct thinker){.config = c, .run = run, .weights = w, .context = context};
    thinker_history_init(&t->history, c);
    return nn_weight(run, w, &t->table, e, "thinker.model.embed_tokens.weight",
                     (size_t[4]){c->thinker.vocab, c->thinker.hidden});
}

static int find_layers(struct thinker *t, struct err *e) {
    const struct config_decoder *c = &t->config->thinker;
    if (nn_decoder_load(&t->decoder, t->run, c, t->weights, "thinker.model.", "thinker", e))
        return e->code;
    return nn_weight(t->run, t->weights, &t->head, e, "thinker.lm_head.weight",
                     (size_t[4]){c->vocab, c->hidden});
}

void thinker_close(struct thinker *t) {
    thinker_history_free(&t->history);
}

/* ---- rows of the embedding table ---- */

/* Layer-0 inputs of ids, as a step tensor [n, D]. */
static struct tensor embed(struct thinker *t, const int32_t *ids, size_t n) {
    struct tensor x = run_new_2d(t->run, RUN_STEP, TENSOR_F32, n, t->config->thinker.hidden);
    struct tensor device_ids = run_new_1d(t->run, RUN_STEP, TENSOR_I32, n);
    run_write(t->run, &device_ids, ids);
    op_embed(t->run, &x, &t->table, &device_ids);
    return x;
}

/* How many rows of the history from `at` on and before last are media rows. */
static size_t media_rows(const struct thinker_history *h, size_t at, size_t last) {
    size_t n = 0;
    while (at + n < last && h->media_row[at + n] >= 0)
        n++;
    return n;
}

/* The same of rows of the history, media rows in their places. */
static struct tensor embed_rows(struct thinker *t, size_t first, size_t last) {
    const struct thinker_history *h = &t->history;
    struct tensor x = embed(t, h->ids + first, last - first);
    for (size_t i = first, n; i < last; i += n ? n : 1) {
        n = media_rows(h, i, last);
        struct tensor places = tensor_rows(&x, i - first, n);
        if (n)
            run_write(t->run, &places, h->media + (size_t)h->media_row[i] * tensor_row(&x));
    }
    return x;
}

void thinker_tts_rows(struct thinker *t, float *rows) {
    const struct config *c = t->config;
    run_step(t->run);
    struct tensor x = embed(t, (int32_t[]){c->tts_bos, c->tts_eos, c->tts_pad}, 3);
    run_read(t->run, &x, rows);
}

void thinker_embed(struct thinker *t, size_t first, size_t last, float *rows) {
    run_step(t->run);
    struct tensor x = embed_rows(t, first, last);
    run_read(t->run, &x, rows);
}

/* ---- the conversation ---- */

/* Are there n more rows in the context? If not, what the user can do. */
static int check_room(const struct thinker *t, size_t before, size_t n, struct err *e) {
    if (before + n <= t->context)
        return 0;
    if (before == 0)
        return err_set(
            e, ERR_DATA,
            "the prompt of %zu rows does not fit into the context of %zu: shorten it, or "
            "give a larger -c",
            n, t->context);
    return err_set(e, ERR_DATA,
                   "the context of %zu rows is used up: begin a new conversation, or give a larger "
                   "-c",
                   t->context);
}

static int check_prompt(const struct thinker *t, size_t before, const int32_t *ids, size_t n,
                        size_t n_media, struct err *e) {
    size_t vocab = t->config->thinker.vocab;
    if (n == 0)
        return err_set(e, ERR_DATA, "the turn has no prompt: omni-tokenize has to come before");
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocab)
            return err_set(e, ERR_DATA, "prompt: id %d at %zu is not in the vocabulary of %zu",
                           ids[i], i, vocab);
    size_t n_places = thinker_count_media(t->config, ids, n);
    if (n_places != n_media)
        return err_set(e, ERR_DATA, "the prompt has places for %zu audio rows, but %zu came",
                       n_places, n_media);
    return check_room(t, before, n, e);
}

size_t thinker_filled(const struct thinker *t) {
    return t->cache.length;
}

/* Keeps what the new conversation has in common with the old one, as far as it has run. The last
 * row is always run again: its output is needed. */
static size_t reuse(struct thinker *t, const int32_t *ids, size_t n, const float *media) {
    size_t common = thinker_history_common(&t->history, ids, n, media);
    if (common > thinker_filled(t))
        common = thinker_filled(t);
    if (common == n)
        common--;
    thinker_history_truncate(&t->history, common);
    if (t->awake)
        nn_cache_truncate(&t->cache, t->run, common);
    return common;
}

int thinker_hear(struct thinker *t, bool again, const int32_t *ids, size_t n, const float *media,
                 size_t n_media, size_t *first, struct err *e) {
    bool ends = again && t->history.n > 0;
    size_t before = again ? t->history.n + ends : 0, known = 0;
    if (check_prompt(t, before, ids, n, n_media, e))
        return e->code;
    if (ends)
        thinker_history_append_one(&t->history, t->config->im_end);
    else if (!again)
        known = reuse(t, ids, n, media);
    size_t known_media = thinker_count_media(t->config, ids, known);
    if (known_media)
        media += known_media * t->config->thinker.hidden;
    thinker_history_append(&t->history, ids + known, n - known, media);
    *first = before;
    return 0;
}

/* ---- running ---- */

void thinker_forward(struct thinker *t, struct nn_cache *cache, const struct tensor *x,
                     const struct tensor *hidden) {
    struct run *run = t->run;
    size_t rows = x->shape[0], accept = hidden ? t->config->talker.accept_layer : 0;
    struct tensor positions = nn_cache_positions(cache, run, rows);
    run_trace(run, &positions, "thinker.position_ids");
    run_trace(run, x, "thinker.embed");
    struct tensor rope = nn_decoder_rope(&t->decoder, run, &positions);
    nn_decoder_layers(&t->decoder, run, cache, x, &rope, 0, accept);
    if (hidden)
        op_copy(run, hidden, x);
    nn_decoder_layers(&t->decoder, run, cache, x, &rope, accept, t->config->thinker.n_layers);
    struct tensor y = nn_decoder_norm(&t->decoder, run, x);
    run_trace(run, &y, "thinker.norm");
    nn_cache_advance(cache, run, rows);
    struct tensor last = tensor_rows(&y, rows - 1, 1);
    op_copy(run, &t->last, &last);
}

/* Keeps the media rows of hidden, which are those of history from first on. */
static void keep_hidden(struct thinker *t, const struct tensor *hidden, size_t first) {
    struct thinker_history *h = &t->history;
    for (size_t i = 0, n; i < hidden->shape[0]; i += n ? n : 1) {
        n = media_rows(h, first + i, first + hidden->shape[0]);
        struct tensor from = tensor_rows(hidden, i, n);
        if (n)
            run_read(t->run, &from,
                     h->hidden + (size_t)h->media_row[first + i] * tensor_row(hidden));
    }
}

void thinker_prefill(struct thinker *t, size_t last) {
    size_t first = t->cache.length, rows = last - first;
    const struct thinker_history *h = &t->history;
    run_step(t->run);
    struct tensor x = embed_rows(t, first, last);
    if (!t->config->has_talker || !thinker_count_media(h->config, h->ids + first, rows)) {
        thinker_forward(t, &t->cache, &x, NULL);
        return;
    }
    struct tensor hidden =
        run_new_2d(t->run, RUN_STEP, TENSOR_F32, rows, t->config->thinker.hidden);
    thinker_forward(t, &t->cache, &x, &hidden);
    keep_hidden(t, &hidden, first);
}

/* seen: 1 for ids of the history. */
static void write_seen(struct thinker *t) {
    size_t vocab = t->config->thinker.vocab;
    int32_t *seen = arena_xrealloc(NULL, vocab, sizeof *seen);
    memset(seen, 0, vocab * sizeof *seen);
    for (size_t i = 0; i < t->history.n; i++)
        seen[t->history.ids[i]] = 1;
    run_write(t->run, &t->seen, seen);
    free(seen);
}

void thinker_start(struct thinker *t, const struct op_sampler *s) {
    if (s->rep != 1) /* otherwise it makes no difference what was seen */
        write_seen(t);
    run_write(t->run, &t->sampler, s);
}

void thinker_logits(struct thinker *t, const struct tensor *logits) {
    op_linear(t->run, logits, &t->last, &t->head, NULL, OP_NONE);
    run_trace(t->run, logits, "thinker.logits");
}

static void draw(struct thinker *t) {
    struct tensor logits = run_new_2d(t->run, RUN_STEP, TENSOR_F32, 1, t->config->thinker.vocab);
    thinker_logits(t, &logits);
    op_sample(t->run, &t->token, &logits, &t->sampler, &t->seen, 0);
    op_embed(t->run, &t->x, &t->table, &t->token);
}

/* ---- tokens ---- */

size_t thinker_ahead(const struct thinker *t) {
    return t->run->gpu && !t->run->trace ? THINKER_AHEAD : 1;
}

static void ask(struct thinker *t) {
    struct thinker_letter *l = &t->asked[t->n_asked++];
    l->letter = run_post(t->run, &t->drawn, l->drawn);
}

void thinker_draw(struct thinker *t) {
    run_step(t->run);
    draw(t);
    ask(t);
}

void thinker_step(struct thinker *t) {
    run_step(t->run);
    if (run_replay(t->run, &t->step)) {
        nn_cache_replayed(&t->cache, 1);
    } else {
        run_record(t->run, &t->step);
        thinker_forward(t, &t->cache, &t->x, NULL);
        draw(t);
        run_recorded(t->run, &t->step);
    }
    ask(t);
}

int32_t thinker_take(struct thinker *t, float *embed) {
    int32_t token;
    size_t width = t->config->thinker.hidden;
    struct thinker_letter first = t->asked[0];
    run_collect(t->run, &first.letter);
    memcpy(embed, first.drawn, width * sizeof *embed);
    memcpy(&token, first.drawn + width, sizeof token);
    t->n_asked--;
    for (size_t i = 0; i < t->n_asked; i++)
        t->asked[i] = t->asked[i + 1];
    t->asked[t->n_asked] = first; /* its room is used again */
    return token;
}

void thinker_keep(struct thinker *t, int32_t token) {
    thinker_history_append_one(&t->history, token);
}

void thinker_forget(struct thinker *t) {
    t->n_asked = 0;
    if (t->cache.length > t->history.n) /* the stop token has run */
        nn_cache_truncate(&t->cache, t->run, t->history.n);
}

/* ---- waking up ---- */

/* What a GPU needs for prompts of any length and for tokens; else made when first needed. */
static void rehearse(struct thinker *t) {
    static const size_t lengths[] = {THINKER_CHUNK, 512, 128, 32, 8, 2, 1};
    if (!run_rehearse(t->run))
        return;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i] < t->context ? lengths[i] : t->context;
        run_step(t->run);
        struct tensor ids = run_new_1d(t->run, RUN_STEP, TENSOR_I32, n);
        struct tensor x = run_new_2d(t->run, RUN_STEP, TENSOR_F32, n, t->config->thinker.hidden);
        struct tensor hidden = run_new_like(t->run, RUN_STEP, &x);
        op_embed(t->run, &x, &t->table, &ids);
        nn_cache_truncate(&t->cache, t->run, 0);
        thinker_forward(t, &t->cache, &x, &hidden);
    }
    nn_cache_truncate(&t->cache, t->run, 0);
    thinker_step(t);
    thinker_forget(t);
    nn_cache_truncate(&t->cache, t->run, 0);
    run_rehearsed(t->run);
}

int thinker_wake(struct thinker *t, struct err *e) {
    if (t->awake)
        return 0;
    struct run_mark before = run_mark(t->run, RUN_MODEL);
    if (find_layers(t, e)) {
        run_release(t->run, RUN_MODEL, before);
        return e->code;
    }
    const struct config_decoder *c = &t->config->thinker;
    nn_cache_init(&t->cache, t->run, c, t->context);
    nn_cache_stay(&t->cache, t->run, &t->decoder);
    t->last = run_new_2d(t->run, RUN_SESSION, TENSOR_F32, 1, c->hidden);
    t->drawn = run_new_1d(t->run, RUN_SESSION, TENSOR_F32, c->hidden + 1);
    t->x = tensor_2d(TENSOR_F32, t->drawn.data, 1, c->hidden);
    t->token = tensor_rows(&t->drawn, c->hidden, 1);
    t->token.dtype = TENSOR_I32;
    t->sampler =
        run_new_1d(t->run, RUN_SESSION, TENSOR_I32, sizeof(struct op_sampler) / sizeof(int32_t));
    t->seen = run_new_1d(t->run, RUN_SESSION, TENSOR_I32, c->vocab);
    run_zero(t->run, &t->seen);
    for (size_t i = 0; i < THINKER_AHEAD; i++)
        t->asked[i].drawn =
            arena_alloc(&t->run->memory[RUN_SESSION], (c->hidden + 1) * sizeof(float));
    t->awake = true;
    rehearse(t);
    return 0;
}
