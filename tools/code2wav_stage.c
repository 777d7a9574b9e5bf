#include "tools/code2wav_stage.h"

#include "common/base/clock.h"
#include "common/base/die.h"
#include "tools/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void check(const struct err *e) {
    if (e->code)
        die_err(e);
}

static void on_sound(void *ctx, const float *samples, size_t n) {
    struct code2wav_stage *t = ctx;
    struct err e = {.code = 0};
    struct tensor pcm = tensor_1d(TENSOR_F32, (void *)samples, n);
    stage_tensor(&t->stage, "pcm", &pcm);
    if (!t->silent)
        sink_write(&t->sink, samples, n, &e);
    check(&e);
}

void code2wav_stage_load(struct code2wav_stage *t, const char *dir, size_t chunk, bool compat) {
    struct err e = {.code = 0};
    model_open(&t->config, &t->weights, dir, MODEL_CODE2WAV);
    code2wav_load(&t->net, &t->run, &t->config.code2wav, t->weights, chunk, &e);
    check(&e);
    code2wav_rehearse(&t->net);
    vocoder_init(&t->vocoder, &t->net, chunk, compat);
    t->vocoder.out = on_sound;
    t->vocoder.ctx = t;
}

void code2wav_stage_free(struct code2wav_stage *t) {
    run_free(&t->run);
    weights_close(t->weights);
    config_free(&t->config);
}

static void begin_turn(struct code2wav_stage *t) {
    struct err e = {.code = 0};
    if (t->open)
        die(ERR_PROTOCOL, "turn %" PRId64 " begins before the last one is done", t->stage.turn);
    vocoder_reset(&t->vocoder);
    if (!t->silent)
        sink_turn(&t->sink, t->stage.turn, &e);
    check(&e);
    t->open = true;
    t->in_text = false;
    t->busy = 0;
}

static void end_text(struct code2wav_stage *t) {
    if (t->in_text)
        fputc('\n', stderr);
    t->in_text = false;
}

static void lose_turn(struct code2wav_stage *t) {
    end_text(t);
    sink_lose(&t->sink);
    t->open = false;
}

static void check_turn(const struct code2wav_stage *t, const struct frame *f, const char *what) {
    if (!t->open || f->turn != t->stage.turn)
        die(ERR_PROTOCOL, "%s outside of a turn", what);
}

/* codes i32 [F, n_groups]. An interrupt drops what is still to come, up to the turn's done. */
static void take_codes(struct code2wav_stage *t, const struct frame *f) {
    size_t n_groups = t->config.code2wav.n_groups;
    const struct tensor *codes = &f->tensor;
    struct err e = {.code = 0};
    double start = clock_now();
    check_turn(t, f, "codes");
    if (codes->dtype != TENSOR_I32 || codes->rank != 2 || codes->shape[1] != n_groups)
        err_set(&e, ERR_DATA, "codes are not i32 [F, %zu]", n_groups);
    for (size_t i = 0; !e.code && i < codes->shape[0] && !stage_interrupted(); i++)
        vocoder_push(&t->vocoder, tensor_i32(codes) + i * n_groups, &e);
    t->busy += clock_now() - start;
    if (e.code) {
        end_text(t);
        stage_lose_turn(&t->stage, &e);
        lose_turn(t);
    }
}

static void say_done(struct code2wav_stage *t, const struct frame *f) {
    char reason[32] = "interrupt";
    if (!stage_interrupted() && !frame_string(f, "reason", reason, sizeof reason))
        strcpy(reason, "stop");
    struct frame_head h;
    stage_done_head(&t->stage, &h, reason, f);
    frame_head_int(&h, "samples", (int64_t)t->vocoder.n_samples);
    stage_send(&t->stage, &h, NULL, 0);
}

static void end_turn(struct code2wav_stage *t, const struct frame *f) {
    struct err e = {.code = 0};
    double start = clock_now();
    check_turn(t, f, "done");
    if (!t->vocoder.n_frames && stage_lacks_talker(f)) {
        err_set(&e, ERR_DATA, "a turn without codes: omni-talker has to come before");
        stage_lose_turn(&t->stage, &e);
        lose_turn(t);
        return;
    }
    if (!stage_interrupted())
        vocoder_flush(&t->vocoder);
    t->busy += clock_now() - start;
    if (!t->silent)
        sink_done(&t->sink, &e);
    check(&e);
    say_done(t, f);
    end_text(t);
    t->open = false;
    if (t->stage.verbose)
        fprintf(stderr, "%s: turn %" PRId64 ": %zu frames, %.2f s of sound in %.2f s\n",
                die_program(), t->stage.turn, t->vocoder.n_frames,
                (double)t->vocoder.n_samples / (double)t->config.code2wav.sample_rate, t->busy);
}

static void show_text(struct code2wav_stage *t, const struct frame *f) {
    fwrite(f->payload, 1, f->payload_len, stderr);
    t->in_text = true;
}

void code2wav_stage_take(struct code2wav_stage *t, const struct frame *f) {
    if (f->kind == FRAME_TENSOR && strcmp(f->name, "codes") == 0) {
        take_codes(t, f);
        return;
    }
    if (f->kind == FRAME_DONE) {
        end_turn(t, f);
        return;
    }
    if (f->kind == FRAME_ERROR) { /* the stage has forwarded it */
        if (stage_turn_lost(&t->stage, f))
            lose_turn(t);
        return;
    }
    if (f->kind == FRAME_TURN)
        begin_turn(t);
    if (f->kind == FRAME_TEXT && t->show_text)
        show_text(t, f);
    stage_forward(&t->stage, f);
}
