#include "tools/thinker_beams.h"

#include "common/base/arena.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- room ---- */

void thinker_beams_open(struct thinker_beams *b, struct thinker *t, size_t n) {
    const struct config_decoder *c = &t->config->thinker;
    *b = (struct thinker_beams){.thinker = t, .n = n};
    for (size_t i = 0; i < n; i++) {
        struct thinker_slot *s = &b->slots[i];
        s->cache = i ? &s->own : &t->cache;
        if (i == 0)
            continue;
        nn_cache_init(s->cache, t->run, c, t->context);
        nn_cache_stay(s->cache, t->run, &t->decoder);
    }
    b->token = run_new_1d(t->run, RUN_SESSION, TENSOR_I32, 1);
    b->logits = run_new_2d(t->run, RUN_SESSION, TENSOR_F32, 1, c->vocab);
    b->read = arena_alloc(&t->run->memory[RUN_SESSION], c->vocab * sizeof *b->read);
}

static void free_guesses(struct thinker_beams *b) {
    for (size_t i = 0; i < THINKER_BEAMS_MOST; i++) {
        free(b->live[i].tokens);
        free(b->next[i].tokens);
        b->live[i].tokens = b->next[i].tokens = NULL;
    }
    free(b->best.tokens);
    b->best.tokens = NULL;
}

void thinker_beams_close(struct thinker_beams *b) {
    free_guesses(b);
}

static void make_guesses(struct thinker_beams *b) {
    free_guesses(b);
    for (size_t i = 0; i < b->n; i++) {
        b->live[i].tokens = arena_xrealloc(NULL, b->limit, sizeof(int32_t));
        b->next[i].tokens = arena_xrealloc(NULL, b->limit, sizeof(int32_t));
    }
    b->best.tokens = arena_xrealloc(NULL, b->limit, sizeof(int32_t));
}

/* ---- ways on ---- */

/* The best first, and of equal ones the lower id, then the better guess. */
static int by_score(const void *a, const void *b) {
    const struct thinker_way *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->token != y->token)
        return x->token < y->token ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* A logit that sums can be made of. */
static float usable(float logit) {
    return isnan(logit) ? -INFINITY : fminf(logit, FLT_MAX);
}

/* log(sum(exp(logits))) */
static double log_sum(const float *logits, size_t n, float largest) {
    double sum = 0;
    assert(n > 0);
    for (size_t i = 0; i < n; i++)
        sum += (double)expf(usable(logits[i]) - largest);
    return (double)largest + log(sum);
}

/* Adds the likeliest ways on from live guess `from`, one more than beams: one may be the end. */
static void add_ways(struct thinker_beams *b, size_t from) {
    struct thinker_way *w = b->ways + b->n_ways;
    size_t n = 0, most = b->n + 1;
    run_read(b->thinker->run, &b->logits, b->read);
    for (size_t i = 0; i < b->n_ids; i++) {
        float l = usable(b->read[i]);
        if (l == -INFINITY || (n == most && (double)l <= w[n - 1].score))
            continue;
        size_t at = n < most ? n++ : n - 1;
        for (; at > 0 && w[at - 1].score < (double)l; at--)
            w[at] = w[at - 1];
        w[at] = (struct thinker_way){.score = (double)l, .from = from, .token = (int32_t)i};
    }
    if (n == 0)
        return;
    double all = log_sum(b->read, b->n_ids, (float)w[0].score);
    for (size_t i = 0; i < n; i++)
        w[i].score += b->live[from].score - all;
    b->n_ways += n;
}

/* ---- running ---- */

/* Runs a guess's last token. */
static void run_guess(struct thinker_beams *b, const struct thinker_guess *g) {
    struct thinker *t = b->thinker;
    struct thinker_slot *s = &b->slots[g->slot];
    run_step(t->run);
    run_write(t->run, &b->token, &g->tokens[g->n - 1]);
    if (run_replay(t->run, &s->step)) {
        nn_cache_replayed(s->cache, 1);
        return;
    }
    run_record(t->run, &s->step);
    struct tensor x = run_new_2d(t->run, RUN_STEP, TENSOR_F32, 1, t->config->thinker.hidden);
    op_embed(t->run, &x, &t->table, &b->token);
    thinker_forward(t, s->cache, &x, NULL);
    thinker_logits(t, &b->logits);
    run_recorded(t->run, &s->step);
}

/* Rows [first, last) of one slot become those of another, which has so many then. */
static void copy_rows(struct thinker_beams *b, size_t to, size_t from, size_t first, size_t last) {
    const struct thinker *t = b->thinker;
    nn_cache_copy(b->slots[to].cache, b->slots[from].cache, t->run, t->config->thinker.n_layers,
                  first, last);
}

/* ---- the search ---- */

void thinker_beams_start(struct thinker_beams *b, size_t limit, size_t n_ids) {
    struct thinker *t = b->thinker;
    b->start = t->cache.length;
    b->limit = limit;
    b->n_ids = n_ids;
    make_guesses(b);
    run_step(t->run);
    for (size_t i = 1; i < b->n; i++)
        copy_rows(b, i, 0, 0, b->start);
    thinker_logits(t, &b->logits);
    b->ended = false;
    b->n_live = 1;
    b->live[0].score = 0;
    b->live[0].n = b->live[0].slot = 0;
    b->n_ways = 0;
    add_ways(b, 0);
}

/* g = a live guess and the way on from it. */
static void follow(struct thinker_beams *b, struct thinker_guess *g, const struct thinker_way *w) {
    const struct thinker_guess *from = &b->live[w->from];
    memcpy(g->tokens, from->tokens, from->n * sizeof *g->tokens);
    g->n = from->n;
    g->slot = from->slot;
    g->score = w->score;
    if (w->token != b->thinker->config->im_end)
        g->tokens[g->n++] = w->token;
}

/* The likeliest ways on become `next`; an end may become the best. How many live on. */
static size_t choose(struct thinker_beams *b) {
    size_t n = 0;
    qsort(b->ways, b->n_ways, sizeof *b->ways, by_score);
    for (size_t i = 0; i < b->n_ways && n < b->n; i++) {
        const struct thinker_way *w = &b->ways[i];
        if (w->token != b->thinker->config->im_end) {
            follow(b, &b->next[n++], w);
        } else if (!b->ended || w->score > b->best.score) {
            follow(b, &b->best, w);
            b->ended = true;
        }
    }
    return n;
}

/* The first to go on from a guess has its slot, each other a free one and a copy of the rows. */
static void share_slots(struct thinker_beams *b) {
    bool taken[THINKER_BEAMS_MOST] = {false}, other[THINKER_BEAMS_MOST] = {false};
    size_t rows = b->start + b->live[0].n - 1;
    for (size_t i = 0; i < b->n_live; i++) {
        other[i] = taken[b->live[i].slot];
        taken[b->live[i].slot] = true;
    }
    run_step(b->thinker->run);
    for (size_t i = 0, slot = 0; i < b->n_live; i++) {
        if (!other[i])
            continue;
        while (taken[slot])
            slot++;
        taken[slot] = true;
        copy_rows(b, slot, b->live[i].slot, b->start, rows);
        b->live[i].slot = slot;
    }
}

static void swap_guesses(struct thinker_beams *b) {
    struct thinker_guess other[THINKER_BEAMS_MOST];
    memcpy(other, b->live, sizeof other);
    memcpy(b->live, b->next, sizeof other);
    memcpy(b->next, other, sizeof other);
}

/* Scores only fall, so no other answer can become likelier. */
static bool is_answered(const struct thinker_beams *b) {
    return b->ended && (b->n_live == 0 || b->best.score >= b->live[0].score);
}

bool thinker_beams_step(struct thinker_beams *b) {
    b->n_live = choose(b);
    if (b->n_live == 0)
        return false;
    swap_guesses(b);
    if (is_answered(b) || b->live[0].n == b->limit)
        return false;
    share_slots(b);
    b->n_ways = 0;
    for (size_t i = 0; i < b->n_live; i++) {
        run_guess(b, &b->live[i]);
        add_ways(b, i);
    }
    return true;
}

const struct thinker_guess *thinker_beams_best(struct thinker_beams *b, bool *ended) {
    nn_cache_truncate(&b->thinker->cache, b->thinker->run, b->start);
    *ended = is_answered(b);
    return *ended ? &b->best : &b->live[0];
}
