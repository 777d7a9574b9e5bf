#include "tools/thinker_turn.h"

#include "common/base/arena.h"
#include "common/base/bf16.h"
#include "common/base/die.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void thinker_turn_init(struct thinker_turn *t, struct stage *s, struct thinker *thinker,
                       const char *model, const struct sampling *defaults, uint64_t seed,
                       size_t n_beams) {
    *t = (struct thinker_turn){.stage = s,
                               .thinker = thinker,
                               .model = model,
                               .defaults = *defaults,
                               .default_seed = seed,
                               .n_beams = n_beams};
    t->buffer =
        arena_xrealloc(NULL, THINKER_CHUNK, thinker->config->thinker.hidden * sizeof *t->buffer);
}

void thinker_turn_free(struct thinker_turn *t) {
    text_close(t->tokenizer);
    text_ids_free(&t->prompt);
    text_bytes_free(&t->text);
    thinker_beams_close(&t->beams);
    free(t->media);
    free(t->buffer);
}

int thinker_turn_wake(struct thinker_turn *t, struct err *e) {
    if (!t->tokenizer && text_open(&t->tokenizer, t->model, e))
        return e->code;
    if (thinker_wake(t->thinker, e))
        return e->code;
    if (t->n_beams > 1 && t->beams.n == 0)
        thinker_beams_open(&t->beams, t->thinker, t->n_beams);
    return 0;
}

/* ---- gathering ---- */

static int turn_options(struct thinker_turn *t, const struct frame *f, struct err *e) {
    t->again = false;
    if (frame_get(f, "continue") && !frame_bool(f, "continue", &t->again))
        return err_set(e, ERR_DATA, "turn frame: continue is not true or false");
    t->sampling = t->defaults;
    t->seed = t->default_seed;
    if (sampling_turn(&t->sampling, f, "thinker", e))
        return e->code;
    return sampling_seed(&t->seed, f, e);
}

static int take_prompt(struct thinker_turn *t, const struct tensor *ids, struct err *e) {
    if (ids->dtype != TENSOR_I32 || ids->rank != 1)
        return err_set(e, ERR_DATA, "prompt: not a row of i32");
    text_ids_add_all(&t->prompt, tensor_i32(ids), ids->shape[0]);
    return 0;
}

static int take_media(struct thinker_turn *t, const struct tensor *rows, struct err *e) {
    size_t width = t->thinker->config->thinker.hidden;
    if ((rows->dtype != TENSOR_F32 && rows->dtype != TENSOR_BF16) || rows->rank != 2 ||
        rows->shape[1] != width)
        return err_set(e, ERR_DATA, "audio_embeds: not rows of %zu f32 or bf16", width);
    size_t n = t->n_media + rows->shape[0];
    if (n > t->media_room) {
        t->media_room = n;
        t->media = arena_xrealloc(t->media, n, width * sizeof *t->media);
    }
    float *to = t->media + t->n_media * width;
    const uint16_t *half = rows->data;
    if (rows->dtype == TENSOR_F32 && rows->shape[0])
        memcpy(to, rows->data, tensor_bytes(rows));
    for (size_t i = 0; rows->dtype == TENSOR_BF16 && i < tensor_count(rows); i++)
        to[i] = bf16_to_f32(half[i]);
    t->n_media = n;
    return 0;
}

/* Names of what this stage writes: from upstream they are another thinker's, and replaced. */
static bool is_product(const char *name) {
    static const char *const names[] = {"tokens", "rows", "thinker_embed", "thinker_hidden",
                                        "tts_embed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void tensor_frame(struct thinker_turn *t, const struct frame *f, struct err *e) {
    bool prompt = strcmp(f->name, "prompt") == 0, media = strcmp(f->name, "audio_embeds") == 0;
    if ((prompt || media) && (!t->open || f->turn != t->stage->turn))
        die(ERR_PROTOCOL, "%s of turn %" PRId64 " comes outside that turn", f->name, f->turn);
    if (prompt)
        take_prompt(t, &f->tensor, e);
    if (media)
        take_media(t, &f->tensor, e);
    if (!media && !is_product(f->name))
        stage_forward(t->stage, f);
}

static void turn_frame(struct thinker_turn *t, const struct frame *f, struct err *e) {
    if (t->open)
        die(ERR_PROTOCOL, "turn %" PRId64 " begins inside another", f->turn);
    t->open = true;
    t->prompt.n = 0;
    t->n_media = 0;
    stage_forward(t->stage, f);
    turn_options(t, f, e);
}

static void done_frame(struct thinker_turn *t, const struct frame *f) {
    if (!t->open || f->turn != t->stage->turn)
        die(ERR_PROTOCOL, "done of turn %" PRId64 " comes outside that turn", f->turn);
    t->open = false;
    thinker_turn_answer(t, f);
}

void thinker_turn_frame(struct thinker_turn *t, const struct frame *f) {
    struct err e = {.code = 0};
    switch (f->kind) {
    case FRAME_TURN:
        turn_frame(t, f, &e);
        break;
    case FRAME_TENSOR:
        tensor_frame(t, f, &e);
        break;
    case FRAME_DONE:
        done_frame(t, f);
        break;
    case FRAME_TEXT: /* another thinker's, like its tokens */
        break;
    case FRAME_ERROR: /* forwarded already */
        t->open = t->open && !stage_turn_lost(t->stage, f);
        break;
    default:
        stage_forward(t->stage, f);
    }
    if (e.code) {
        stage_lose_turn(t->stage, &e);
        t->open = false;
    }
}

void thinker_turn_end(const struct thinker_turn *t) {
    if (t->open)
        die(ERR_PROTOCOL, "stream ends inside turn %" PRId64, t->stage->turn);
}
