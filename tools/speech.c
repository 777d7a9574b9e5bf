#include "tools/speech_frames.h"

#include "common/base/clock.h"
#include "common/base/die.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tensors in ---- */

/* 65 unless f is `dtype` [n, width] (width 0: [n]). */
static int check_shape(const struct frame *f, enum tensor_dtype dtype, size_t width,
                       struct err *e) {
    const struct tensor *t = &f->tensor;
    bool fits = t->dtype == dtype && t->rank == (width ? 2 : 1) && (!width || t->shape[1] == width);
    if (!fits)
        return width ? err_set(e, ERR_DATA, "tensor '%s' is not rows of %zu %s", f->name, width,
                               tensor_dtype_name(dtype))
                     : err_set(e, ERR_DATA, "tensor '%s' is not a row of %s", f->name,
                               tensor_dtype_name(dtype));
    return 0;
}

static int take_specials(struct speech *s, const struct frame *f, struct err *e) {
    if (check_shape(f, TENSOR_F32, s->config->thinker.hidden, e))
        return e->code;
    if (f->tensor.shape[0] != TALKER_SPECIALS)
        return err_set(e, ERR_DATA, "tensor 'tts_embed' has %zu rows, not %d", f->tensor.shape[0],
                       TALKER_SPECIALS);
    talker_put_specials(&s->talker, s->run, tensor_f32(&f->tensor));
    s->has_specials = true;
    return 0;
}

static int take_prompt(struct speech *s, const struct frame *f, struct err *e) {
    if (check_shape(f, TENSOR_I32, 0, e))
        return e->code;
    if (s->prompt.n_rows)
        return err_set(e, ERR_DATA, "a second prompt in one turn");
    if (!s->has_specials)
        return err_set(e, ERR_DATA,
                       "no tts_embed before the first prompt: omni-thinker has to come before");
    if (prompt_sort(&s->prompt, s->config, tensor_i32(&f->tensor), f->tensor.shape[0], e))
        return e->code;
    s->deaf = s->history + s->prompt.n_user + TALKER_START > s->talker.cache.capacity;
    if (s->deaf)
        speech_end(s, "length");
    return 0;
}

static int take_rows(struct speech *s, const struct frame *f, struct err *e) {
    if (check_shape(f, TENSOR_I32, 0, e))
        return e->code;
    const int32_t *rows = tensor_i32(&f->tensor);
    size_t n = f->tensor.shape[0];
    for (size_t i = 0; i < n; i++)
        if (rows[i] < 0 || (size_t)rows[i] >= s->prompt.n_rows)
            return err_set(e, ERR_DATA, "rows: there is no row %d in a prompt of %zu", rows[i],
                           s->prompt.n_rows);
    s->n_rows = n;
    if (n > 0) {
        s->rows = arena_xrealloc(s->rows, n, sizeof *s->rows);
        memcpy(s->rows, rows, n * sizeof *rows);
    }
    return 0;
}

/* A prompt row of the answer: they come in order. */
static int take_answer_row(struct speech *s, size_t place, const float *row, struct err *e) {
    if (place < s->answer.n_put)
        return 0;
    if (place > s->answer.n_put)
        return err_set(e, ERR_DATA, "row %zu of the answer comes before row %zu", place,
                       s->answer.n_put);
    rowqueue_put(&s->answer, row);
    return 0;
}

/* How many rows from the i-th on are neighbours in the prompt and of one kind. */
static size_t run_of_rows(const struct speech *s, size_t i) {
    enum prompt_kind kind = s->prompt.rows[s->rows[i]].kind;
    size_t n = 1;
    while (i + n < s->n_rows && s->rows[i + n] == s->rows[i] + (int32_t)n &&
           s->prompt.rows[s->rows[i + n]].kind == kind)
        n++;
    return n;
}

/* Rows [i, i + n) of the frame, of one kind, which `media` frames and others bring. */
static int put_rows(struct speech *s, size_t i, size_t n, const float *rows, bool media,
                    struct err *e) {
    const struct prompt_row *first = &s->prompt.rows[s->rows[i]];
    bool wanted = first->kind == (media ? PROMPT_MEDIA : PROMPT_TEXT);
    if (first->kind == PROMPT_ANSWER && !media)
        for (size_t j = 0; j < n; j++)
            if (take_answer_row(s, first->place + j, rows + j * s->answer.width, e))
                return e->code;
    if (!wanted || s->deaf)
        return 0;
    talker_put(&s->talker, s->run, s->history + first->place, rows, n, media);
    for (size_t j = 0; j < n; j++)
        prompt_arrived(&s->prompt, (size_t)s->rows[i] + j);
    return 0;
}

/* thinker_embed and thinker_hidden with `rows`. */
static int take_prompt_rows(struct speech *s, const struct frame *f, bool media, struct err *e) {
    const float *rows = tensor_f32(&f->tensor);
    size_t n = s->n_rows, width = s->config->thinker.hidden;
    if (f->tensor.shape[0] != n)
        return err_set(e, ERR_DATA, "%s has %zu rows, `rows` names %zu", f->name,
                       f->tensor.shape[0], n);
    for (size_t i = 0, same; i < n; i += same) {
        same = run_of_rows(s, i);
        if (put_rows(s, i, same, rows + i * width, media, e))
            return e->code;
    }
    s->n_rows = 0;
    return speech_speak(s, e);
}

/* thinker_embed without `rows`: generated tokens. */
static int take_generated(struct speech *s, const struct frame *f, struct err *e) {
    const float *rows = tensor_f32(&f->tensor);
    for (size_t i = 0; i < f->tensor.shape[0]; i++) {
        if (s->answer.n_put < s->prompt.n_answer || !s->prompt.n_rows)
            return err_set(e, ERR_DATA, "a generated row comes before the prompt's");
        rowqueue_put(&s->answer, rows + i * s->answer.width);
        s->n_generated++;
        if (speech_speak(s, e))
            return e->code;
    }
    return 0;
}

/* ---- turns ---- */

/* Whatever the turn left is gone: the conversation is what it was before it. */
static void drop_turn(struct speech *s) {
    prompt_free(&s->prompt);
    rowqueue_clear(&s->answer);
    s->n_rows = s->n_begun = 0;
    nn_cache_truncate(&s->talker.cache, s->run, s->history);
    s->state = SPEECH_IDLE;
}

static int begin_turn(struct speech *s, const struct frame *f, struct err *e) {
    bool again = false;
    if (s->state != SPEECH_IDLE)
        return err_set(e, ERR_PROTOCOL, "turn %" PRId64 " begins before the last one is done",
                       f->turn);
    s->options = s->said;
    int code = speech_options_turn(&s->options, &s->config->talker, f, e);
    if (s->emit_hidden && !code) {
        struct frame_head h;
        speech_turn_head(&h, f, &s->options);
        stage_send(s->stage, &h, NULL, 0);
    } else {
        stage_forward(s->stage, f);
    }
    if (!frame_bool(f, "continue", &again) && frame_get(f, "continue"))
        code = err_set(e, ERR_DATA, "turn frame: continue is neither true nor false");
    else if (!again)
        s->history = 0;
    drop_turn(s);
    if (code)
        return code;
    talker_sampler(
        &s->talker, s->run,
        sampling_start(&s->options.talker, s->options.seed, OP_STAGE_TALKER, f->turn, 0));
    s->state = SPEECH_WAITING;
    s->deaf = s->text_ended = s->eos_said = false;
    s->n_generated = s->n_frames = 0;
    s->working = 0;
    s->started = s->first_frame = clock_now();
    return predictor_turn(&s->predictor, f, &s->options, e);
}

static void send_note(struct speech *s) {
    struct frame_head h;
    const struct config_code2wav *c = &s->config->code2wav;
    double spoken = (double)s->n_frames * (double)c->factor / (double)c->sample_rate;
    stream_head(&h, "note", s->stage->turn);
    frame_head_string(&h, "from", die_program());
    frame_head_int(&h, "user_rows", (int64_t)s->prompt.n_user);
    frame_head_int(&h, "frames", (int64_t)s->n_frames);
    frame_head_real(&h, "seconds", s->working);
    if (s->n_frames) {
        frame_head_real(&h, "first_frame", s->first_frame - s->started);
        frame_head_real(&h, "rtf", s->working / spoken);
    }
    stage_send(s->stage, &h, NULL, 0);
    s->all_turns++;
    s->all_frames += s->n_frames;
    s->all_working += s->working;
    if (s->stage->verbose)
        fprintf(stderr, "%s: turn %" PRId64 ": %zu frames, %.2f s, the first after %.3f s\n",
                die_program(), s->stage->turn, s->n_frames, s->working,
                s->first_frame - s->started);
}

/* The text is complete: speak the rest of it, unless the turn was cancelled. */
static int speak_to_the_end(struct speech *s, const char *reason, struct err *e) {
    if (!s->prompt.n_rows)
        return err_set(e, ERR_DATA, "a turn without a prompt: omni-thinker has to come before");
    if (stage_interrupted() || strcmp(reason, "interrupt") == 0) {
        if (s->state != SPEECH_SPOKEN)
            speech_end(s, "interrupt");
        return 0;
    }
    s->text_ended = true;
    if (s->compat && s->n_generated > 0 && strcmp(reason, "length") == 0 &&
        rowqueue_length(&s->answer) > 0)
        rowqueue_unput(&s->answer);
    if (!s->deaf && (!speech_heard_all(s) || s->answer.n_put < TALKER_HEADER))
        return err_set(e, ERR_DATA, "the stream lacks rows of the prompt");
    if (speech_speak(s, e))
        return e->code;
    if (s->state == SPEECH_WAITING)
        speech_end(s, "stop"); /* nothing to say */
    return 0;
}

static int end_turn(struct speech *s, const struct frame *f, struct err *e) {
    char reason[32];
    struct frame_head h;
    frame_string(f, "reason", reason, sizeof reason);
    if (speak_to_the_end(s, reason, e) || predictor_done(&s->predictor, e))
        return e->code;
    send_note(s);
    stage_done_head(s->stage, &h, s->reason, f);
    frame_head_int(&h, "frames", (int64_t)s->n_frames);
    stage_send(s->stage, &h, NULL, 0);
    if (speech_heard_all(s) && !s->deaf)
        s->history += s->prompt.n_user;
    drop_turn(s);
    return 0;
}

/* ---- dispatch ---- */

static bool is_named(const struct frame *f, const char *name) {
    return strcmp(f->name, name) == 0;
}

static int take_tensor(struct speech *s, const struct frame *f, struct err *e) {
    bool embed = is_named(f, "thinker_embed"), hidden = is_named(f, "thinker_hidden"),
         prompt = is_named(f, "prompt"), rows = is_named(f, "rows");
    if (is_named(f, "tts_embed"))
        return take_specials(s, f, e);
    if (!embed && !hidden && !prompt && !rows) {
        stage_forward(s->stage, f);
        return 0;
    }
    if (s->state == SPEECH_IDLE || f->turn != s->stage->turn)
        return err_set(e, ERR_PROTOCOL, "%s of turn %" PRId64 " outside of it", f->name, f->turn);
    if (prompt)
        return take_prompt(s, f, e);
    if (rows)
        return take_rows(s, f, e);
    if (check_shape(f, TENSOR_F32, s->config->thinker.hidden, e))
        return e->code;
    return embed && !s->n_rows ? take_generated(s, f, e) : take_prompt_rows(s, f, hidden, e);
}

static int lost_upstream(struct speech *s, struct err *e) {
    struct err what = {.code = 0};
    err_set(&what, ERR_DATA, "the turn is lost");
    drop_turn(s);
    return predictor_lose(&s->predictor, s->stage->turn, &what, e);
}

static int dispatch(struct speech *s, const struct frame *f, struct err *e) {
    switch (f->kind) {
    case FRAME_TURN:
        return begin_turn(s, f, e);
    case FRAME_TENSOR:
        return take_tensor(s, f, e);
    case FRAME_DONE:
        if (s->state == SPEECH_IDLE || f->turn != s->stage->turn)
            return err_set(e, ERR_PROTOCOL, "done of turn %" PRId64 " outside of it", f->turn);
        return end_turn(s, f, e);
    case FRAME_ERROR: /* of a turn; the stage has sent it on */
        return stage_turn_lost(s->stage, f) ? lost_upstream(s, e) : 0;
    default:
        stage_forward(s->stage, f);
        return 0;
    }
}

void speech_free(struct speech *s) {
    prompt_free(&s->prompt);
    rowqueue_free(&s->answer);
    free(s->rows);
}

int speech_take(struct speech *s, const struct frame *f, struct err *e) {
    struct err what = {.code = 0};
    if (dispatch(s, f, &what) == 0)
        return 0;
    if (what.code == ERR_PROTOCOL) {
        *e = what;
        return e->code;
    }
    stage_lose_turn(s->stage, &what);
    drop_turn(s);
    return predictor_lose(&s->predictor, s->stage->turn, &what, e);
}
