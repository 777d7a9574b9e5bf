#include "common/base/clock.h"
#include "common/base/size.h"
#include "tools/thinker_turn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what the talker gets ---- */

/* rows: indices into the history; first: where the prompt begins in it. */
static void send_indices(struct thinker_turn *t, const size_t *rows, size_t n, size_t first) {
    int32_t indices[THINKER_CHUNK];
    for (size_t i = 0; i < n; i++)
        indices[i] = (int32_t)(rows[i] - first);
    struct tensor list = tensor_1d(TENSOR_I32, indices, n);
    stage_tensor(t->stage, "rows", &list);
}

static void send_buffer(struct thinker_turn *t, const char *name, size_t n) {
    struct tensor rows = tensor_2d(TENSOR_F32, t->buffer, n, t->thinker->config->thinker.hidden);
    stage_tensor(t->stage, name, &rows);
}

/* Layer-0 inputs of those of the rows [at, last) which the talker hears. They are there before the
 * layers have run, so that the talker can run its own meanwhile. */
static void send_embeddings(struct thinker_turn *t, size_t first, size_t at, size_t last) {
    size_t rows[THINKER_CHUNK], width = t->thinker->config->thinker.hidden;
    size_t n = thinker_history_rows(&t->thinker->history, THINKER_TEXT, at, last, rows);
    if (n == 0)
        return;
    thinker_embed(t->thinker, at, last, t->buffer);
    for (size_t i = 0; i < n; i++)
        memmove(t->buffer + i * width, t->buffer + (rows[i] - at) * width,
                width * sizeof *t->buffer);
    send_indices(t, rows, n, first);
    send_buffer(t, "thinker_embed", n);
}

/* Media rows of [at, last) as a middle layer heard them. */
static void send_hidden(struct thinker_turn *t, size_t first, size_t at, size_t last) {
    size_t rows[THINKER_CHUNK], width = t->thinker->config->thinker.hidden;
    const struct thinker_history *h = &t->thinker->history;
    size_t n = thinker_history_rows(h, THINKER_MEDIA, at, last, rows);
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        memcpy(t->buffer + i * width, h->hidden + (size_t)h->media_row[rows[i]] * width,
               width * sizeof *t->buffer);
    send_indices(t, rows, n, first);
    send_buffer(t, "thinker_hidden", n);
}

/* ---- the prompt ---- */

/* End of the step that row `at` belongs to. */
static size_t chunk_end(size_t at, size_t n) {
    size_t end = (at / THINKER_CHUNK + 1) * THINKER_CHUNK;
    return end < n ? end : n;
}

/* Prompts of several chunks take their time. */
static void say_progress(const struct thinker_turn *t, size_t at, size_t n) {
    if (t->stage->verbose && n > THINKER_CHUNK)
        fprintf(stderr, "%s: turn %" PRId64 ": %zu of %zu rows\n", t->stage->out.producer,
                t->stage->turn, at, n);
}

/* Runs what of the history has not run yet (if layers), and sends what the talker hears of the
 * prompt, which begins at first. False if interrupted. */
static bool prefill(struct thinker_turn *t, size_t first, bool layers) {
    struct thinker *th = t->thinker;
    size_t n = th->history.n, at = first;
    bool talker = th->config->has_talker;
    if (layers && thinker_filled(th) < first)
        at = thinker_filled(th); /* the end of the last answer */
    while (at < n) {
        if (stage_interrupted())
            return false;
        size_t last = chunk_end(at, n), from = at > first ? at : first;
        if (talker && from < last)
            send_embeddings(t, first, from, last);
        if (layers && thinker_filled(th) < last) {
            thinker_prefill(th, last);
            say_progress(t, last, n);
        }
        if (talker && from < last)
            send_hidden(t, first, from, last);
        at = last;
    }
    return !stage_interrupted();
}

/* ---- the answer ---- */

static void send_text(struct thinker_turn *t) {
    if (t->text.n)
        stage_text(t->stage, t->text.data, t->text.n);
    t->text.n = 0;
}

/* The token, its embedding (in the buffer) and the characters that it completes. */
static void send_token(struct thinker_turn *t, int32_t token) {
    struct tensor tokens = tensor_1d(TENSOR_I32, &token, 1);
    stage_tensor(t->stage, "tokens", &tokens);
    if (t->thinker->config->has_talker)
        send_buffer(t, "thinker_embed", 1);
    text_decode(&t->decoder, token, &t->text);
    send_text(t);
    if (t->facts.tokens++ == 0)
        t->facts.first = clock_now();
}

/* Ids that there are: tables may be longer than the vocabulary. */
static size_t n_ids(const struct thinker_turn *t) {
    return size_least(text_n_ids(t->tokenizer), t->thinker->config->thinker.vocab);
}

static void start_sampler(struct thinker_turn *t) {
    struct op_sampler s =
        sampling_start(&t->sampling, t->seed, OP_STAGE_THINKER, t->stage->turn, n_ids(t));
    thinker_start(t->thinker, &s);
}

/* True if one more token may be asked for. */
static bool can_step(const struct thinker_turn *t) {
    const struct thinker *th = t->thinker;
    return th->n_asked < thinker_ahead(th) && thinker_filled(th) < th->context &&
           (int64_t)(t->facts.tokens + th->n_asked) != t->sampling.limit;
}

/* Sends tokens, each of which may let a further one be asked for; returns why it ended. */
static const char *send_tokens(struct thinker_turn *t) {
    struct thinker *th = t->thinker;
    while (th->n_asked > 0) {
        if (can_step(t))
            thinker_step(th);
        int32_t token = thinker_take(th, t->buffer);
        if (token == th->config->im_end)
            return "stop";
        thinker_keep(th, token);
        send_token(t, token);
        bool more = th->n_asked > 0 || can_step(t);
        if (more && stage_interrupted())
            return "interrupt";
        if (more && th->n_asked == 0)
            thinker_step(th);
    }
    return "length";
}

/* The answer that a search has found, all at once. */
static const char *send_found(struct thinker_turn *t, const struct thinker_guess *found,
                              bool ended) {
    struct thinker_history *h = &t->thinker->history;
    for (size_t i = 0; i < found->n; i++) {
        thinker_keep(t->thinker, found->tokens[i]);
        if (t->thinker->config->has_talker)
            thinker_embed(t->thinker, h->n - 1, h->n, t->buffer);
        send_token(t, found->tokens[i]);
    }
    return ended ? "stop" : "length";
}

static const char *search(struct thinker_turn *t) {
    struct thinker_beams *b = &t->beams;
    /* The last token does not run. */
    size_t limit = t->thinker->context - t->thinker->history.n + 1;
    bool ended, goes_on = true;
    if (t->sampling.limit >= 0)
        limit = size_least((size_t)t->sampling.limit, limit);
    thinker_beams_start(b, limit, n_ids(t));
    while (goes_on && !stage_interrupted())
        goes_on = thinker_beams_step(b);
    const struct thinker_guess *found = thinker_beams_best(b, &ended);
    return goes_on ? "interrupt" : send_found(t, found, ended);
}

static bool is_greedy(const struct sampling *s) {
    return s->temp == 0 && s->rep == 1;
}

static const char *speak(struct thinker_turn *t) {
    if (t->beams.n > 1 && is_greedy(&t->sampling))
        return search(t);
    start_sampler(t);
    thinker_draw(t->thinker);
    const char *reason = send_tokens(t);
    thinker_forget(t->thinker);
    return reason;
}

/* ---- the end ---- */

static void send_note(struct thinker_turn *t) {
    const struct thinker_facts *f = &t->facts;
    struct frame_head h;
    stream_head(&h, "note", t->stage->turn);
    frame_head_string(&h, "from", t->stage->out.producer);
    frame_head_int(&h, "rows", (int64_t)f->rows);
    frame_head_real(&h, "prefill", f->prefilled - f->start);
    frame_head_int(&h, "tokens", (int64_t)f->tokens);
    frame_head_real(&h, "decode", f->end - f->prefilled);
    stage_send(t->stage, &h, NULL, 0);
}

/* Things in a time, and how many that makes a second. */
static void say_speed(size_t n, const char *what, double seconds) {
    fprintf(stderr, "%zu %s in %.2f s", n, what, seconds);
    if (n && seconds > 0)
        fprintf(stderr, " (%.1f/s)", (double)n / seconds);
}

static void say_summary(const struct thinker_turn *t, const char *reason) {
    const struct thinker_facts *f = &t->facts;
    fprintf(stderr, "%s: turn %" PRId64 ": ", t->stage->out.producer, t->stage->turn);
    say_speed(f->rows, "rows", f->prefilled - f->start);
    fprintf(stderr, ", ");
    say_speed(f->tokens, "tokens", f->end - f->prefilled);
    if (f->tokens)
        fprintf(stderr, ", first after %.2f s", f->first - f->start);
    fprintf(stderr, "; %s\n", reason);
}

static void finish(struct thinker_turn *t, const char *reason, const struct frame *upstream) {
    text_decode_end(&t->decoder, &t->text);
    send_text(t);
    t->facts.end = clock_now();
    send_note(t);
    struct frame_head h;
    stage_done_head(t->stage, &h, reason, upstream);
    frame_head_int(&h, "tokens", (int64_t)t->facts.tokens);
    stage_send(t->stage, &h, NULL, 0);
    if (t->stage->verbose)
        say_summary(t, reason);
}

void thinker_turn_answer(struct thinker_turn *t, const struct frame *upstream) {
    struct err e = {.code = 0};
    size_t first;
    /* Reading aloud needs no layers, unless the talker wants to know what was heard. */
    bool layers = t->sampling.limit != 0 || t->n_media > 0;
    t->facts = (struct thinker_facts){.start = clock_now()};
    if ((layers && thinker_turn_wake(t, &e)) ||
        thinker_hear(t->thinker, t->again, t->prompt.data, t->prompt.n, t->media, t->n_media,
                     &first, &e)) {
        stage_lose_turn(t->stage, &e);
        return;
    }
    t->decoder = (struct text_decoder){.tokenizer = t->tokenizer, .skip_special = true};
    size_t filled = thinker_filled(t->thinker);
    const char *reason = prefill(t, first, layers) ? "prefill" : "interrupt";
    run_wait(t->thinker->run); /* a GPU may still be at it */
    t->facts.prefilled = clock_now();
    t->facts.rows = thinker_filled(t->thinker) - filled;
    if (t->sampling.limit != 0 && strcmp(reason, "prefill") == 0)
        reason = speak(t);
    finish(t, reason, upstream);
}
