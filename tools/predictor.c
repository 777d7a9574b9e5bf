#include "tools/predictor.h"

#include "common/base/die.h"

#include <stdlib.h>
#include <string.h>

int predictor_open(struct predictor *p, struct stage *s, struct run *run, const struct config *c,
                   struct weights *w, const char *command, struct err *e) {
    *p = (struct predictor){.stage = s, .run = run, .is_outside = command != NULL};
    if (!command)
        return codepred_create(&p->inside, run, c, w, e);
    s->peer = &p->outside.out;
    return coprocess_open(&p->outside, command, die_program(), c, e);
}

int predictor_close(struct predictor *p, struct err *e) {
    return p->is_outside ? coprocess_close(&p->outside, e) : 0;
}

int predictor_turn(struct predictor *p, const struct frame *turn, const struct speech_options *o,
                   struct err *e) {
    if (!p->is_outside) {
        codepred_sampler(&p->inside, p->run,
                         sampling_start(&o->codepred, o->seed, OP_STAGE_CODEPRED, turn->turn,
                                        p->inside.config->predictor.vocab));
        return 0;
    }
    struct frame_head h;
    speech_turn_head(&h, turn, o);
    return coprocess_send(&p->outside, &h, e);
}

/* ---- co-process ---- */

/* Its error frame for this turn becomes ours. */
static int lost_turn(const struct frame *f, struct err *e) {
    char text[400] = "";
    int64_t code;
    if (!frame_int(f, "code", &code) || code < 1 || code > 255)
        code = ERR_DATA;
    frame_string(f, "text", text, sizeof text);
    return err_set(e, (int)code, "co-process: %s", text);
}

static bool is_tensor(const struct frame *f, const char *name) {
    return f->kind == FRAME_TENSOR && strcmp(f->name, name) == 0;
}

/* Reads the co-process's next frame that is meant for us; traces and notes are sent on. */
static struct frame *next(struct predictor *p, struct err *e) {
    for (;;) {
        struct frame *f = coprocess_read(&p->outside, e);
        if (!f)
            return NULL;
        if (f->kind == FRAME_ERROR && f->turn == p->stage->turn)
            lost_turn(f, e);
        else if (is_tensor(f, "talker_hidden") || is_tensor(f, "code0"))
            err_set(e, ERR_PROTOCOL, "co-process '%.200s' is no code predictor",
                    p->outside.command);
        else if (f->kind == FRAME_DONE || is_tensor(f, "codes") || is_tensor(f, "codec_sum"))
            return f;
        else if (f->kind == FRAME_TENSOR || f->kind == FRAME_NOTE)
            stage_forward(p->stage, f);
        frame_free(f);
        if (e->code)
            return NULL;
    }
}

/* dst = the next frame, which must be `name` of dst's type and size, in this turn. */
static int receive(struct predictor *p, const char *name, const struct tensor *dst, struct err *e) {
    struct frame *f = next(p, e);
    if (!f)
        return e->code;
    if (!is_tensor(f, name) || f->turn != p->stage->turn || f->tensor.dtype != dst->dtype ||
        tensor_count(&f->tensor) != tensor_count(dst))
        err_set(e, ERR_PROTOCOL, "co-process '%.200s' does not answer with %s", p->outside.command,
                name);
    else
        run_write(p->run, dst, f->payload);
    frame_free(f);
    return e->code;
}

/* A code outside its codebook would read beyond the talker's tables later. */
static int check_codes(struct predictor *p, const struct talker *t, struct err *e) {
    const struct config_talker *c = &t->config->talker;
    int32_t *codes = arena_alloc(&p->run->memory[RUN_STEP], c->n_groups * sizeof *codes);
    run_read(p->run, &t->codes, codes);
    for (size_t i = 0; i < c->n_groups; i++)
        if (codes[i] < 0 || (size_t)codes[i] >= (i ? c->predictor.vocab : c->text.vocab))
            return err_set(e, ERR_PROTOCOL, "co-process '%.200s': code %d of codebook %zu",
                           p->outside.command, codes[i], i);
    return 0;
}

static int send_copy(struct predictor *p, const char *name, const struct tensor *t, struct err *e) {
    struct tensor copy = *t;
    copy.data = arena_alloc(&p->run->memory[RUN_STEP], tensor_bytes(t));
    run_read(p->run, t, copy.data);
    return coprocess_tensor(&p->outside, p->stage->turn, name, &copy, e);
}

static int ask(struct predictor *p, struct talker *t, struct err *e) {
    struct tensor code0 = tensor_1d(TENSOR_I32, t->codes.data, 1);
    if (send_copy(p, "talker_hidden", &t->hidden, e) || send_copy(p, "code0", &code0, e) ||
        receive(p, "codes", &t->codes, e) || receive(p, "codec_sum", &t->codec_sum, e))
        return e->code;
    return check_codes(p, t, e);
}

int predictor_frame(struct predictor *p, struct talker *t, struct err *e) {
    if (p->is_outside)
        return ask(p, t, e);
    codepred_frame(&p->inside, p->run, &t->hidden, &t->codes, &t->codec_sum);
    return 0;
}

int predictor_done(struct predictor *p, struct err *e) {
    struct frame_head h;
    if (!p->is_outside)
        return 0;
    stage_done_head(p->stage, &h, "stop", NULL);
    if (coprocess_send(&p->outside, &h, e))
        return e->code;
    struct frame *f = next(p, e);
    if (f && f->kind != FRAME_DONE)
        err_set(e, ERR_PROTOCOL, "co-process '%.200s' does not end its turn", p->outside.command);
    frame_free(f);
    return e->code;
}

int predictor_lose(struct predictor *p, int64_t turn, const struct err *what, struct err *e) {
    return p->is_outside ? coprocess_lose(&p->outside, turn, what, e) : 0;
}
