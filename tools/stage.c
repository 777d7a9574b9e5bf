#include "tools/stage.h"

#include "common/base/clock.h"
#include "common/base/die.h"
#include "tools/queue.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_BYTES = 256 << 20, PIPE_BYTES = 1 << 20 };

static volatile sig_atomic_t interrupts;

static void on_sigint(int sig) {
    (void)sig;
    if (interrupts++)
        _exit(ERR_INTERRUPTED);
}

bool stage_interrupted(void) {
    return interrupts > 0;
}

static void catch_sigint(void) {
    struct sigaction old, act = {.sa_handler = on_sigint, .sa_flags = SA_RESTART};
    sigaction(SIGINT, NULL, &old);
    if (old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &act, NULL);
}

/* die() inside a stage: tell those downstream before leaving. */
static void last_words(void *ctx, int code, const char *text) {
    struct stage *s = ctx;
    struct err what = {.code = 0}, e = {.code = 0};
    err_set(&what, code, "%s", text);
    if (code != ERR_PIPE && s->out.fd >= 0)
        stream_error(&s->out, -1, &what, &e);
}

static void check(const struct err *e) {
    if (e->code)
        die_err(e);
}

void stage_open(struct stage *s, const struct opt *o, int in, int out) {
    *s = (struct stage){.turn = -1, .lost_turn = -1, .verbose = o->verbose, .started = clock_now()};
    if (out >= 0 && isatty(out))
        die(ERR_USAGE, "the output is a binary stream; send it to a pipe or a file");
    if (in >= 0 && isatty(in))
        die(ERR_USAGE, "the input is a binary stream, not a terminal");
    stream_out_init(&s->out, out, die_program());
    die_hook(last_words, s);
    catch_sigint();
    if (out >= 0)
        fcntl(out, F_SETPIPE_SZ, PIPE_BYTES); /* where allowed; no pipe, no harm */
    if (in >= 0 && !(s->in = queue_open(in, QUEUE_BYTES)))
        die(ERR_MEMORY, "cannot start the reader thread");
}

/* ---- begin ---- */

struct size {
    const char *name;
    int64_t value;
};

enum { N_SIZES = 4 };

static void sizes_of(const struct config *c, struct size sizes[N_SIZES]) {
    sizes[0] = (struct size){"D", (int64_t)c->thinker.hidden};
    sizes[1] = (struct size){"Dt", (int64_t)c->talker.text.hidden};
    sizes[2] = (struct size){"G", (int64_t)c->code2wav.n_groups};
    sizes[3] = (struct size){"codebook", (int64_t)c->code2wav.codebook};
}

static void hash_text(const struct config *c, char text[17]) {
    snprintf(text, 17, "%016" PRIx64, c->hash);
}

static void pack_string(msgpack_packer *pk, const char *s) {
    msgpack_pack_str(pk, strlen(s));
    msgpack_pack_str_body(pk, s, strlen(s));
}

static void describe_model(struct frame_head *h, const struct config *c) {
    char hash[17];
    hash_text(c, hash);
    frame_head_string(h, "model", c->model);
    frame_head_string(h, "hash", hash);
    struct size sizes[N_SIZES];
    sizes_of(c, sizes);
    frame_head_map(h, "sizes", N_SIZES);
    for (size_t i = 0; i < N_SIZES; i++) {
        pack_string(&h->pk, sizes[i].name);
        msgpack_pack_int64(&h->pk, sizes[i].value);
    }
    if (!c->code2wav.factor)
        return;
    frame_head_map(h, "rates", 2);
    pack_string(&h->pk, "frames");
    msgpack_pack_double(&h->pk, (double)c->code2wav.sample_rate / (double)c->code2wav.factor);
    pack_string(&h->pk, "samples");
    msgpack_pack_int64(&h->pk, (int64_t)c->code2wav.sample_rate);
}

void stage_begin(struct stage *s, const struct config *c) {
    s->config = c;
    struct frame_head h;
    stream_head(&h, "begin", -1);
    frame_head_int(&h, "omni", 1);
    frame_head_string(&h, "producer", s->out.producer);
    frame_head_string(&h, "version", OMNI_VERSION);
    if (c)
        describe_model(&h, c);
    stage_send(s, &h, NULL, 0);
}

/* The upstream's begin: same sizes, and better the same model. */
static void check_begin(struct stage *s, const struct frame *f) {
    int64_t version;
    if (f->kind != FRAME_BEGIN || !frame_int(f, "omni", &version) || version != 1)
        die(ERR_PROTOCOL, "stream does not start with a begin frame of version 1");
    char theirs[17], ours[17];
    if (!s->config || !frame_string(f, "hash", theirs, sizeof theirs))
        return;
    struct size sizes[N_SIZES];
    sizes_of(s->config, sizes);
    for (size_t i = 0; i < N_SIZES; i++) {
        int64_t size;
        if (frame_map_int(frame_get(f, "sizes"), sizes[i].name, &size) && size && sizes[i].value &&
            size != sizes[i].value)
            die(ERR_DATA, "the stream's model has %s = %" PRId64 ", ours %" PRId64, sizes[i].name,
                size, sizes[i].value);
    }
    hash_text(s->config, ours);
    if (strcmp(theirs, ours) != 0)
        die_warn("the stream was made with another model (config %s, ours %s)", theirs, ours);
}

/* ---- reading ---- */

/* The upstream is gone for good: its last words go on, and we leave with its code. */
static void fatal_error(struct stage *s, const struct frame *f) {
    struct err e = {.code = 0};
    int64_t code;
    stream_forward(&s->out, f, &e);
    s->out.ended = true;
    if (!frame_int(f, "code", &code) || code < 1 || code > 255)
        code = ERR_PROTOCOL;
    _exit((int)code);
}

static void lost(struct stage *s, int64_t turn, int code) {
    s->lost_turn = turn;
    if (!s->exit_code)
        s->exit_code = code;
}

static void turn_error(struct stage *s, const struct frame *f) {
    int64_t code;
    if (!frame_int(f, "code", &code) || code < 1 || code > 255)
        code = ERR_DATA;
    stage_forward(s, f);
    lost(s, f->turn, (int)code);
}

static void turn_begins(struct stage *s, const struct frame *f) {
    if (f->turn <= s->turn)
        die(ERR_PROTOCOL, "turn %" PRId64 " follows turn %" PRId64, f->turn, s->turn);
    s->turn = f->turn;
    interrupts = 0;
}

static struct frame *take(struct stage *s) {
    struct err e = {.code = 0};
    struct frame *f = queue_take(s->in, &e);
    check(&e);
    if (!f)
        die(ERR_PROTOCOL, "stream ends without an end frame");
    return f;
}

static void read_begin(struct stage *s) {
    struct frame *f = take(s);
    if (f->kind == FRAME_ERROR && f->turn < 0)
        fatal_error(s, f);
    check_begin(s, f);
    frame_free(f);
    s->begun = true;
    s->frames_in = 1;
}

/* The upstream counts its frames; frames that got lost on the way are noticed here. */
static void check_end(struct stage *s, const struct frame *f) {
    int64_t frames;
    if (!frame_int(f, "frames", &frames) || frames != s->frames_in)
        die(ERR_PROTOCOL, "end frame does not count the %" PRId64 " frames before it",
            s->frames_in);
}

struct frame *stage_next(struct stage *s) {
    if (!s->begun)
        read_begin(s);
    for (;;) {
        struct frame *f = take(s);
        if (f->kind == FRAME_END) {
            check_end(s, f);
            frame_free(f);
            return NULL;
        }
        if (f->kind == FRAME_BEGIN)
            die(ERR_PROTOCOL, "a second begin frame");
        if (f->kind == FRAME_ERROR && f->turn < 0)
            fatal_error(s, f);
        s->frames_in++;
        if (f->turn >= 0 && f->turn == s->lost_turn) {
            frame_free(f);
            continue;
        }
        if (f->kind == FRAME_TURN)
            turn_begins(s, f);
        if (f->kind == FRAME_ERROR)
            turn_error(s, f);
        return f;
    }
}

bool stage_ready(struct stage *s) {
    return queue_ready(s->in);
}

/* ---- writing ---- */

void stage_forward(struct stage *s, const struct frame *f) {
    struct err e = {.code = 0};
    stream_forward(&s->out, f, &e);
    check(&e);
}

void stage_send(struct stage *s, struct frame_head *h, const void *payload, size_t n) {
    struct err e = {.code = 0};
    stream_write(&s->out, h, payload, n, &e);
    check(&e);
}

void stage_tensor(struct stage *s, const char *name, const struct tensor *t) {
    struct err e = {.code = 0};
    stream_tensor(&s->out, s->turn, name, t, &e);
    check(&e);
}

void stage_text(struct stage *s, const char *text, size_t n) {
    struct err e = {.code = 0};
    stream_text(&s->out, s->turn, text, n, &e);
    check(&e);
}

void stage_done_head(struct stage *s, struct frame_head *h, const char *reason,
                     const struct frame *upstream) {
    stream_head(h, "done", s->turn);
    frame_head_string(h, "reason", reason);
    if (upstream)
        frame_head_via(h, upstream);
}

void stage_lose_turn(struct stage *s, const struct err *what) {
    struct err e = {.code = 0};
    die_warn("%s", what->text);
    if (s->out.fd >= 0)
        stream_error(&s->out, s->turn, what, &e);
    check(&e);
    lost(s, s->turn, what->code);
}

static void send_trace(void *ctx, const char *name, const struct tensor *t) {
    stage_tensor(ctx, name, t);
}

void stage_trace(struct stage *s, struct run *run, const struct opt *o) {
    if (!o->trace)
        return;
    run->trace = send_trace;
    run->trace_ctx = s;
    run->trace_glob = o->trace;
}

int stage_close(struct stage *s) {
    struct err e = {.code = 0};
    if (s->out.fd >= 0)
        stream_end(&s->out, &e);
    check(&e);
    stream_out_free(&s->out);
    if (s->verbose)
        fprintf(stderr, "%s: %.2f s\n", s->out.producer, clock_now() - s->started);
    return s->exit_code;
}
