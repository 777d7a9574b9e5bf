#include "tools/codepred_turn.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

static int begin_turn(struct codepred_turn *t, const struct frame *f, struct err *e) {
    struct sampling s = t->said;
    uint64_t seed = t->seed;
    double temp;
    bool greedy = frame_map_real(frame_get(f, "talker"), "temp", &temp) && temp == 0;
    if (t->in_turn)
        return err_set(e, ERR_PROTOCOL, "turn %" PRId64 " begins before the last one is done",
                       f->turn);
    t->in_turn = true;
    t->has_hidden = false;
    t->n_frames = 0;
    stage_forward(t->stage, f);
    if (speech_codepred_turn(&s, greedy, f, e) || sampling_seed(&seed, f, e))
        return e->code;
    codepred_sampler(
        &t->model, t->run,
        sampling_start(&s, seed, OP_STAGE_CODEPRED, f->turn, t->config->predictor.vocab));
    return 0;
}

/* A copy of a result in host memory goes out. */
static void send_tensor(struct codepred_turn *t, const char *name, const struct tensor *result) {
    struct tensor copy = *result;
    copy.data = arena_alloc(&t->run->memory[RUN_STEP], tensor_bytes(result));
    run_read(t->run, result, copy.data);
    stage_tensor(t->stage, name, &copy);
}

static int take_hidden(struct codepred_turn *t, const struct frame *f, struct err *e) {
    const struct tensor *h = &f->tensor;
    if (h->dtype != TENSOR_F32 || h->rank != 2 || h->shape[0] != 1 ||
        h->shape[1] != tensor_row(&t->hidden))
        return err_set(e, ERR_DATA, "talker_hidden is not f32 [1, %zu]", tensor_row(&t->hidden));
    run_write(t->run, &t->hidden, f->payload);
    t->has_hidden = true;
    return 0;
}

static int take_code0(struct codepred_turn *t, const struct frame *f, struct err *e) {
    double started = clock_now();
    if (f->tensor.dtype != TENSOR_I32 || f->tensor.rank != 1 || f->tensor.shape[0] != 1)
        return err_set(e, ERR_DATA, "code0 is not i32 [1]");
    int32_t code = *tensor_i32(&f->tensor);
    if (code < 0 || (size_t)code >= t->config->text.vocab)
        return err_set(e, ERR_DATA, "code0 %d is not of the talker's vocabulary", code);
    if (!t->has_hidden)
        return err_set(e, ERR_DATA, "code0 without talker_hidden");
    t->has_hidden = false;
    struct tensor code0 = tensor_1d(TENSOR_I32, t->codes.data, 1);
    run_write(t->run, &code0, &code);
    if (!run_replay(t->run, &t->frame)) {
        run_record(t->run, &t->frame);
        codepred_frame(&t->model, t->run, &t->hidden, &t->codes, &t->sum);
        run_recorded(t->run, &t->frame);
    }
    send_tensor(t, "codes", &t->codes);
    send_tensor(t, "codec_sum", &t->sum);
    run_step(t->run);
    t->n_frames++;
    t->all_frames++;
    t->working += clock_now() - started;
    return 0;
}

static int take_tensor(struct codepred_turn *t, const struct frame *f, struct err *e) {
    bool hidden = strcmp(f->name, "talker_hidden") == 0, code0 = strcmp(f->name, "code0") == 0,
         codes = strcmp(f->name, "codes") == 0;
    if (!hidden && !code0 && !codes) {
        stage_forward(t->stage, f);
        return 0;
    }
    if (!t->in_turn || f->turn != t->stage->turn)
        return err_set(e, ERR_PROTOCOL, "%s of turn %" PRId64 " outside of it", f->name, f->turn);
    if (codes && !t->n_frames) /* ours go out in place of the talker's, if we can make any */
        return err_set(e, ERR_DATA, "codes without talker_hidden: omni-talker --emit-hidden");
    if (codes)
        return 0;
    return hidden ? take_hidden(t, f, e) : take_code0(t, f, e);
}

static int end_turn(struct codepred_turn *t, const struct frame *f, struct err *e) {
    char reason[32];
    struct frame_head h;
    if (!t->in_turn || f->turn != t->stage->turn)
        return err_set(e, ERR_PROTOCOL, "done of turn %" PRId64 " outside of it", f->turn);
    if (!t->n_frames && stage_lacks_talker(f))
        return err_set(e, ERR_DATA, "a turn without talker_hidden: omni-talker --emit-hidden");
    frame_string(f, "reason", reason, sizeof reason);
    stage_done_head(t->stage, &h, reason, f);
    frame_head_int(&h, "frames", (int64_t)t->n_frames);
    stage_send(t->stage, &h, NULL, 0);
    t->in_turn = false;
    return 0;
}

static int dispatch(struct codepred_turn *t, const struct frame *f, struct err *e) {
    switch (f->kind) {
    case FRAME_TURN:
        return begin_turn(t, f, e);
    case FRAME_TENSOR:
        return take_tensor(t, f, e);
    case FRAME_DONE:
        return end_turn(t, f, e);
    case FRAME_ERROR: /* of a turn; the stage has sent it on */
        t->in_turn = t->in_turn && !stage_turn_lost(t->stage, f);
        return 0;
    default:
        stage_forward(t->stage, f);
        return 0;
    }
}

int codepred_turn_take(struct codepred_turn *t, const struct frame *f, struct err *e) {
    struct err what = {.code = 0};
    if (dispatch(t, f, &what) == 0)
        return 0;
    if (what.code == ERR_PROTOCOL) {
        *e = what;
        return e->code;
    }
    stage_lose_turn(t->stage, &what);
    t->in_turn = false;
    return 0;
}

int codepred_turn_create(struct codepred_turn *t, struct stage *stage, struct run *run,
                         const struct config *c, struct weights *w, struct err *e) {
    *t = (struct codepred_turn){.stage = stage, .run = run, .config = &c->talker};
    if (codepred_create(&t->model, run, c, w, e))
        return e->code;
    t->hidden = run_new_2d(run, RUN_SESSION, TENSOR_F32, 1, c->talker.text.hidden);
    t->codes = run_new_2d(run, RUN_SESSION, TENSOR_I32, 1, c->talker.n_groups);
    t->sum = run_new_2d(run, RUN_SESSION, TENSOR_F32, 1, c->talker.text.hidden);
    return 0;
}
