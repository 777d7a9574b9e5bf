#include "tools/speech_frames.h"

#include "common/base/clock.h"

void speech_end(struct speech *s, const char *reason) {
    s->state = SPEECH_SPOKEN;
    s->reason = reason;
    s->n_begun = 0; /* what was begun beyond the end is thrown away */
}

bool speech_heard_all(const struct speech *s) {
    return s->prompt.n_rows > 0 && s->prompt.user_here == s->prompt.n_user;
}

/* ---- how many ---- */

/* True if there is no room for a further frame, which would put `rows` rows into the cache. */
static bool is_full(const struct speech *s, size_t rows) {
    return (int64_t)(s->n_frames + s->n_begun) >= s->options.talker.limit ||
           s->talker.cache.length + rows > s->talker.cache.capacity;
}

/* True if there must be no further frame. */
static bool stop_before_frame(struct speech *s, size_t rows) {
    if (stage_interrupted())
        speech_end(s, "interrupt");
    else if (is_full(s, rows))
        speech_end(s, "length");
    return s->state == SPEECH_SPOKEN;
}

/* Inside this process, talker step and predictor are one fixed sequence of ops: a GPU records it
 * once, and what the predictor makes of the end of speech is thrown away. A co-process is not asked
 * for that, and a trace does not show it: then code 0 is looked at first. */
static bool is_one_piece(const struct speech *s) {
    return !s->predictor.is_outside && !s->run->trace;
}

/* Frames that may be on their way. A GPU makes the next one while the host sends the last. */
static size_t frames_ahead(const struct speech *s) {
    return s->run->gpu && is_one_piece(s) && !s->emit_hidden ? SPEECH_AHEAD : 1;
}

/* Text rows that may be used. The reference does not speak the last token if the thinker was cut by
 * its limit; to do so too, the newest generated row waits until there is another. */
static size_t rows_ready(const struct speech *s) {
    bool hold = s->compat && s->n_generated > 0 && !s->text_ended;
    return rowqueue_length(&s->answer) - (hold && rowqueue_length(&s->answer) > 0);
}

/* True if the next frame can be begun now; the first of those on their way may end the speech, too,
 * which is then found out before. */
static bool can_begin(const struct speech *s) {
    if (s->state != SPEECH_SPEAKING || (rows_ready(s) == 0 && !s->text_ended))
        return false;
    return s->n_begun == 0 ||
           (s->n_begun < frames_ahead(s) && !is_full(s, 1) && !stage_interrupted());
}

/* ---- beginning ---- */

/* The ops of a frame have been given: its codes will be asked for. */
static void add_begun(struct speech *s) {
    struct speech_frame *f = &s->begun[s->n_begun++];
    if (is_one_piece(s))
        f->letter = run_post(s->run, &s->talker.codes, f->codes);
}

static int start_answer(struct speech *s, struct err *e) {
    if (stop_before_frame(s, TALKER_START))
        return 0;
    const float *rows = rowqueue_take(&s->answer, TALKER_HEADER + 1);
    run_step(s->run);
    talker_start(&s->talker, s->run, rows, rows + TALKER_HEADER * s->answer.width,
                 s->options.speaker);
    s->state = SPEECH_SPEAKING;
    if (is_one_piece(s) && predictor_frame(&s->predictor, &s->talker, e))
        return e->code;
    add_begun(s);
    return 0;
}

/* The talker's step, and in one piece with it the predictor. */
static int step(struct speech *s, struct err *e) {
    int code = 0;
    run_step(s->run);
    if (run_replay(s->run, &s->step)) {
        talker_replayed(&s->talker);
        return 0;
    }
    run_record(s->run, &s->step);
    talker_step(&s->talker, s->run);
    if (is_one_piece(s))
        code = predictor_frame(&s->predictor, &s->talker, e);
    run_recorded(s->run, &s->step);
    return code;
}

static int begin_frame(struct speech *s, struct err *e) {
    if (stop_before_frame(s, 1))
        return 0;
    if (rows_ready(s) > 0) {
        talker_say(&s->talker, s->run, rowqueue_take(&s->answer, 1));
    } else {
        talker_say_special(&s->talker, s->run, s->eos_said ? TALKER_PAD : TALKER_EOS);
        s->eos_said = true;
    }
    if (step(s, e))
        return e->code;
    add_begun(s);
    return 0;
}

int speech_rehearse(struct speech *s, struct err *e) {
    if (!run_rehearse(s->run))
        return 0;
    talker_rehearse(&s->talker, s->run);
    int code = step(s, e);
    nn_cache_truncate(&s->talker.cache, s->run, 0);
    add_begun(s);
    s->n_begun = 0;
    run_rehearsed(s->run);
    return code;
}

/* ---- ending ---- */

static void send_frame(struct speech *s, int32_t *codes) {
    const struct config_talker *c = &s->config->talker;
    if (s->emit_hidden) {
        float *hidden = arena_alloc(&s->run->memory[RUN_STEP], tensor_bytes(&s->talker.hidden));
        struct tensor h = tensor_2d(TENSOR_F32, hidden, 1, c->text.hidden);
        struct tensor code0 = tensor_1d(TENSOR_I32, codes, 1);
        run_read(s->run, &s->talker.hidden, hidden);
        stage_tensor(s->stage, "talker_hidden", &h);
        stage_tensor(s->stage, "code0", &code0);
    }
    struct tensor t = tensor_2d(TENSOR_I32, codes, 1, c->n_groups);
    stage_tensor(s->stage, "codes", &t);
    if (s->n_frames++ == 0)
        s->first_frame = clock_now();
}

/* Reads the codes of the frame that was begun first; of its end, maybe code 0 alone. */
static int read_codes(struct speech *s, bool dropped, struct err *e) {
    struct speech_frame *f = &s->begun[0];
    if (is_one_piece(s)) {
        run_collect(s->run, &f->letter);
        return 0;
    }
    struct tensor code0 = tensor_1d(TENSOR_I32, s->talker.codes.data, 1);
    run_read(s->run, &code0, f->codes);
    if (dropped || f->codes[0] == s->config->talker.codec_eos)
        return 0;
    if (predictor_frame(&s->predictor, &s->talker, e))
        return e->code;
    run_read(s->run, &s->talker.codes, f->codes);
    return 0;
}

/* Sends the frame that was begun first, unless it ends the speech. */
static int finish_frame(struct speech *s, struct err *e) {
    bool dropped = s->compat && (int64_t)s->n_frames + 1 >= s->options.talker.limit;
    if (read_codes(s, dropped, e))
        return e->code;
    struct speech_frame done = s->begun[0];
    s->n_begun--;
    for (size_t i = 0; i < s->n_begun; i++)
        s->begun[i] = s->begun[i + 1];
    s->begun[s->n_begun] = done; /* its room is used again */
    if (done.codes[0] == s->config->talker.codec_eos)
        speech_end(s, "stop");
    else if (dropped)
        speech_end(s, "length");
    else
        send_frame(s, done.codes);
    return 0;
}

/* ---- speaking ---- */

static int make_frames(struct speech *s, struct err *e) {
    if (s->state == SPEECH_WAITING && speech_heard_all(s) && rows_ready(s) > TALKER_HEADER &&
        start_answer(s, e))
        return e->code;
    while (can_begin(s) || s->n_begun > 0)
        if (can_begin(s) ? begin_frame(s, e) : finish_frame(s, e))
            return e->code;
    return 0;
}

int speech_speak(struct speech *s, struct err *e) {
    if (!s->deaf)
        talker_prefill(&s->talker, s->run, s->history + s->prompt.user_here, speech_heard_all(s));
    double started = clock_now();
    int code = make_frames(s, e);
    s->working += clock_now() - started;
    if (s->state == SPEECH_SPOKEN) /* nobody will say these */
        rowqueue_take(&s->answer, rowqueue_length(&s->answer));
    return code;
}
