/* omni-codepred: the talker's hidden states to residual codes, see omni-codepred(1). */
#include "common/base/clock.h"
#include "common/base/die.h"
#include "tools/codepred.h"
#include "tools/speech_options.h"
#include "tools/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct tool {
    struct stage stage;
    struct run run;
    struct config config;
    struct codepred model;
    struct sampling said; /* by flags */
    uint64_t seed;
    struct tensor hidden, codes, sum; /* f32 [1, Dt], i32 [1, G], f32 [1, Dt] */
    bool has_hidden;                  /* of the frame whose code 0 comes next */
    size_t n_frames, all_frames;
    double working;
};

static int begin_turn(struct tool *t, const struct frame *f, struct err *e) {
    struct sampling s = t->said;
    uint64_t seed = t->seed;
    double temp;
    bool greedy = frame_map_real(frame_get(f, "talker"), "temp", &temp) && temp == 0;
    t->has_hidden = false;
    t->n_frames = 0;
    stage_forward(&t->stage, f);
    if (speech_codepred_turn(&s, greedy, f, e) || sampling_seed(&seed, f, e))
        return e->code;
    codepred_sampler(
        &t->model, &t->run,
        sampling_start(&s, seed, OP_STAGE_CODEPRED, f->turn, t->config.talker.predictor.vocab));
    return 0;
}

/* A copy of a result in host memory goes out. */
static void send_tensor(struct tool *t, const char *name, const struct tensor *result) {
    struct tensor copy = *result;
    copy.data = arena_alloc(&t->run.memory[RUN_STEP], tensor_bytes(result));
    run_read(&t->run, result, copy.data);
    stage_tensor(&t->stage, name, &copy);
}

static int take_hidden(struct tool *t, const struct frame *f, struct err *e) {
    if (f->tensor.dtype != TENSOR_F32 || tensor_count(&f->tensor) != tensor_count(&t->hidden))
        return err_set(e, ERR_DATA, "talker_hidden is not f32 [1, %zu]", tensor_row(&t->hidden));
    run_write(&t->run, &t->hidden, f->payload);
    t->has_hidden = true;
    return 0;
}

static int take_code0(struct tool *t, const struct frame *f, struct err *e) {
    double started = clock_now();
    if (f->tensor.dtype != TENSOR_I32 || tensor_count(&f->tensor) != 1)
        return err_set(e, ERR_DATA, "code0 is not i32 [1]");
    int32_t code = *(const int32_t *)f->payload;
    if (code < 0 || (size_t)code >= t->config.talker.text.vocab)
        return err_set(e, ERR_DATA, "code0 %d is not of the talker's vocabulary", code);
    if (!t->has_hidden)
        return err_set(e, ERR_DATA, "code0 without talker_hidden");
    t->has_hidden = false;
    struct tensor code0 = tensor_1d(TENSOR_I32, t->codes.data, 1);
    run_write(&t->run, &code0, &code);
    codepred_frame(&t->model, &t->run, &t->hidden, &t->codes, &t->sum);
    send_tensor(t, "codes", &t->codes);
    send_tensor(t, "codec_sum", &t->sum);
    run_step(&t->run);
    t->n_frames++;
    t->all_frames++;
    t->working += clock_now() - started;
    return 0;
}

static int take_tensor(struct tool *t, const struct frame *f, struct err *e) {
    bool hidden = strcmp(f->name, "talker_hidden") == 0, code0 = strcmp(f->name, "code0") == 0,
         codes = strcmp(f->name, "codes") == 0;
    if (!hidden && !code0 && !codes) {
        stage_forward(&t->stage, f);
        return 0;
    }
    if (f->turn != t->stage.turn)
        return err_set(e, ERR_PROTOCOL, "%s of turn %" PRId64 " outside of it", f->name, f->turn);
    if (codes && !t->n_frames) /* ours go out in place of the talker's, if we can make any */
        return err_set(e, ERR_DATA, "codes without talker_hidden: omni-talker --emit-hidden");
    if (codes)
        return 0;
    return hidden ? take_hidden(t, f, e) : take_code0(t, f, e);
}

static void end_turn(struct tool *t, const struct frame *f) {
    char reason[32];
    struct frame_head h;
    frame_string(f, "reason", reason, sizeof reason);
    stage_done_head(&t->stage, &h, reason, f);
    frame_head_int(&h, "frames", (int64_t)t->n_frames);
    stage_send(&t->stage, &h, NULL, 0);
}

static void take(struct tool *t, const struct frame *f) {
    struct err e = {.code = 0};
    if (f->kind == FRAME_TURN)
        begin_turn(t, f, &e);
    else if (f->kind == FRAME_TENSOR)
        take_tensor(t, f, &e);
    else if (f->kind == FRAME_DONE)
        end_turn(t, f);
    else if (f->kind != FRAME_ERROR) /* those the stage has sent on */
        stage_forward(&t->stage, f);
    if (e.code == ERR_PROTOCOL)
        die_err(&e);
    if (e.code)
        stage_lose_turn(&t->stage, &e);
}

static void load(struct tool *t, const struct opt *o) {
    struct err e = {.code = 0};
    struct weights *w;
    run_init(&t->run, o->threads, o->precise);
    if (config_load(&t->config, opt_model(o), &e) || weights_open(&w, o->model, &e))
        die_err(&e);
    const struct config_talker *c = &t->config.talker;
    if (!t->config.has_talker)
        die(ERR_CONFIG, "%s: the model has no talker", o->model);
    stage_begin(&t->stage, &t->config);
    if (codepred_create(&t->model, &t->run, &t->config, w, &e))
        die_err(&e);
    t->hidden = run_new_2d(&t->run, RUN_SESSION, TENSOR_F32, 1, c->text.hidden);
    t->codes = run_new_2d(&t->run, RUN_SESSION, TENSOR_I32, 1, c->n_groups);
    t->sum = run_new_2d(&t->run, RUN_SESSION, TENSOR_F32, 1, c->text.hidden);
}

int main(int argc, char **argv) {
    struct opt o;
    static struct tool t;
    struct sampling_flags flags = {NULL};
    struct poptOption own[SAMPLING_OPTIONS];
    sampling_options(own, &flags, NULL, NULL);
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_SEED | OPT_TRACE, "[OPTION...]",
              "the talker's hidden states to residual codes");
    if (poptPeekArg(o.args))
        die(ERR_USAGE, "unexpected argument '%s'", poptPeekArg(o.args));
    stage_open(&t.stage, &o, STDIN_FILENO, STDOUT_FILENO);
    t.said = speech_codepred_defaults();
    sampling_flags(&t.said, &flags);
    t.seed = opt_seed(&o, 0);
    load(&t, &o);
    stage_trace(&t.stage, &t.run, &o);
    struct frame *f;
    while ((f = stage_next(&t.stage))) {
        take(&t, f);
        frame_free(f);
    }
    if (o.verbose && t.all_frames)
        fprintf(stderr, "%s: %zu frames, %.1f frames/s\n", die_program(), t.all_frames,
                (double)t.all_frames / t.working);
    return stage_close(&t.stage);
}
