#include "tools/stage.h"

#include "common/base/clock.h"
#include "common/base/die.h"
#include "tools/begin.h"
#include "tools/queue.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { QUEUE_BYTES = 256 << 20, PIPE_BYTES = 1 << 20 };

static volatile sig_atomic_t interrupts;
static const char *volatile unfinished; /* for the handler to remove */

/* The second in a turn, or so soon after the last that no turn between was waited for. */
static void on_sigint(int sig) {
    static const double soon = 0.5; /* seconds */
    static double last = -1;
    double now = clock_now();
    (void)sig;
    if (interrupts++ || now - last < soon) {
        if (unfinished)
            unlink(unfinished);
        _exit(ERR_INTERRUPTED);
    }
    last = now;
}

bool stage_interrupted(void) {
    return interrupts > 0;
}

void stage_unfinished(const char *path) {
    unfinished = path;
}

static void catch_sigint(void) {
    struct sigaction old, act = {.sa_handler = on_sigint, .sa_flags = SA_RESTART};
    sigaction(SIGINT, NULL, &old);
    if (old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &act, NULL);
}

void stage_at_exit(struct stage *s, void (*hook)(void *ctx), void *ctx) {
    s->at_exit = hook;
    s->at_exit_ctx = ctx;
}

static void run_at_exit(struct stage *s) {
    if (s->at_exit)
        s->at_exit(s->at_exit_ctx);
    s->at_exit = NULL;
}

/* die() inside a stage: tell those downstream before leaving. */
static void last_words(void *ctx, int code, const char *text) {
    struct stage *s = ctx;
    struct err what = {.code = 0}, e = {.code = 0};
    run_at_exit(s);
    err_set(&what, code, "%s", text);
    if (code != ERR_PIPE)
        stream_error(&s->out, -1, &what, &e);
    if (s->peer)
        stream_error(s->peer, -1, &what, &e);
}

static void check(const struct err *e) {
    if (e->code)
        die_err(e);
}

/* The same before there is a stage. */
static void first_words(void *ctx, int code, const char *text) {
    struct stage s = {.turn = -1};
    (void)ctx;
    if (isatty(STDOUT_FILENO))
        return;
    stream_out_init(&s.out, STDOUT_FILENO, die_program());
    last_words(&s, code, text);
}

void stage_prepare(void) {
    die_hook(first_words, NULL);
}

void stage_open(struct stage *s, const struct opt *o, int in, int out) {
    if (strcmp(o->device, "list") == 0) {
        run_list_devices();
        opt_printed();
    }
    *s = (struct stage){.turn = -1, .lost_next = -1, .verbose = o->verbose, .started = clock_now()};
    if (out >= 0 && isatty(out))
        die(ERR_USAGE, "the output is a binary stream; send it to a pipe or a file");
    stream_out_init(&s->out, out, die_program());
    die_hook(last_words, s);
    catch_sigint();
    if (out >= 0)
        fcntl(out, F_SETPIPE_SZ, PIPE_BYTES); /* where allowed; no pipe, no harm */
    if (in >= 0)
        stage_input(s, in);
}

void stage_input(struct stage *s, int in) {
    if (isatty(in))
        die(ERR_USAGE, "the input is a binary stream, not a terminal");
    s->in = queue_open(in, QUEUE_BYTES);
    if (!s->in)
        die(ERR_MEMORY, "cannot start the reader thread");
}

/* Says that parts of the config are the released model's, as the GGUF files do not have them. */
static void note_assumed(struct stage *s) {
    static const char what[] = "codec ids, voices and layer for the talker: the released model's";
    struct frame_head h;
    frame_head_init(&h, "note");
    frame_head_string(&h, "from", s->out.producer);
    frame_head_string(&h, "assumed", what);
    stage_send(s, &h, NULL, 0);
    if (s->verbose)
        die_warn("the GGUF files have no omni.* keys; %s", what);
}

void stage_begin(struct stage *s, const struct config *c) {
    s->config = c;
    struct frame_head h;
    begin_head(&h, s->out.producer, c);
    stage_send(s, &h, NULL, 0);
    if (c && c->assumed)
        note_assumed(s);
}

/* ---- reading ---- */

/* The upstream is gone for good: its last words go on, and we leave with its code. */
static void fatal_error(struct stage *s, const struct frame *f) {
    struct err e = {.code = 0};
    int64_t code;
    stream_forward(&s->out, f, &e);
    s->out.ended = true;
    if (s->peer)
        stream_forward(s->peer, f, &e);
    run_at_exit(s);
    if (!frame_int(f, "code", &code) || code < 1 || code > 255)
        code = ERR_PROTOCOL;
    _exit((int)code);
}

static void lost(struct stage *s, int64_t turn, int code) {
    if (turn == s->turn)
        s->lost = true;
    else if (turn > s->turn)
        s->lost_next = turn;
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
    s->lost = false;
    interrupts = 0;
}

static bool is_lost(const struct stage *s, const struct frame *f) {
    return f->turn >= 0 && (f->turn == s->turn ? s->lost : f->turn == s->lost_next);
}

static struct frame *take(struct stage *s) {
    struct err e = {.code = 0};
    struct frame *f = queue_take(s->in, &e);
    check(&e);
    if (!f)
        die(ERR_PROTOCOL,
            s->begun ? "stream ends without an end frame" : "the input is empty, no omni stream");
    return f;
}

static void read_begin(struct stage *s) {
    struct frame *f = take(s);
    if (f->kind == FRAME_ERROR && f->turn < 0)
        fatal_error(s, f);
    struct err e = {.code = 0};
    begin_check(f, s->config, &e);
    check(&e);
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
        if (is_lost(s, f)) {
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

bool stage_turn_lost(const struct stage *s, const struct frame *f) {
    return f->kind == FRAME_ERROR && f->turn == s->turn;
}

void stage_start_turn(struct stage *s) {
    s->turn++;
    s->lost = false;
    interrupts = 0;
}

bool stage_ready(struct stage *s) {
    return queue_ready(s->in);
}

/* ---- writing ---- */

void stage_forward(struct stage *s, const struct frame *f) {
    struct err e = {.code = 0};
    if (s->out.fd >= 0)
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

bool stage_lacks_talker(const struct frame *done) {
    return !frame_get(done, "frames") && (frame_get(done, "tokens") || frame_get(done, "prompt"));
}

void stage_lose_turn(struct stage *s, const struct err *what) {
    struct err e = {.code = 0};
    die_warn("%s", what->text);
    stream_error(&s->out, s->turn, what, &e);
    check(&e);
    lost(s, s->turn, what->code);
}

static void send_trace(void *ctx, const char *name, const struct tensor *t) {
    stage_tensor(ctx, name, t);
}

void stage_trace(struct stage *s, struct run *run, const struct opt *o) {
    if (o->verbose > 1)
        run_time(run);
    if (!o->trace)
        return;
    run->trace = send_trace;
    run->trace_ctx = s;
    run->trace_glob = o->trace;
}

/* Which form recorded steps have, and what each took where that was measured. */
static void say_steps(const struct gpu_steps *s) {
    if (s->stay)
        fprintf(stderr, "; %zu of %zu recorded steps by %u workgroups that stay", s->stay, s->n,
                s->groups);
    if (s->measured)
        fprintf(stderr, "; %zu measured: %.3f ms by kernels one by one, %.3f ms by what stays",
                s->measured, 1e3 * s->dispatches, 1e3 * s->staying);
}

static void say_gpu(struct run *run) {
    struct gpu_made made = run_made(run);
    struct gpu_time loaded = run_loaded(run);
    struct gpu_steps steps = run_steps(run);
    fprintf(stderr,
            ", weights %.1f MB on %s (%s); %.1f MB read in %.3f s, %zu kernels made ready in "
            "%.3f s on %zu threads, waited for %.3f s",
            (double)run_peak(run, RUN_MODEL) / (1 << 20), run_device(run), run_matrix_kernels(run),
            (double)loaded.n / (1 << 20), loaded.seconds, made.n, made.seconds, made.threads,
            made.waited);
    say_steps(&steps);
    fputc('\n', stderr);
    run_say_times(run, stderr);
}

void stage_say_memory(struct run *run) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    fprintf(stderr, "%s: at most %.1f MB resident; caches %.1f MB, activations %.1f MB",
            die_program(), (double)used.ru_maxrss / 1024,
            (double)run_peak(run, RUN_SESSION) / (1 << 20),
            (double)run_peak(run, RUN_STEP) / (1 << 20));
    if (run->gpu)
        say_gpu(run);
    else
        fprintf(stderr, " on the CPU (%s)\n", run_device(run));
}

int stage_close(struct stage *s) {
    struct err e = {.code = 0};
    stream_end(&s->out, &e);
    check(&e);
    stream_out_free(&s->out);
    if (s->verbose)
        fprintf(stderr, "%s: %.2f s\n", s->out.producer, clock_now() - s->started);
    return s->exit_code;
}
