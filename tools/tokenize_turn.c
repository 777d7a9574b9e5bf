#include "tools/tokenize_turn.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

/* ---- frames of a turn wait here until its prompt is known ---- */

static void hold(struct tokenize_turns *t, struct frame *f) {
    if (t->n_held == t->held_room) {
        t->held_room = t->held_room ? 2 * t->held_room : 16;
        t->held = arena_xrealloc(t->held, t->held_room, sizeof(struct frame *));
    }
    t->held[t->n_held++] = f;
}

static void drop_held(struct tokenize_turns *t) {
    for (size_t i = 0; i < t->n_held; i++)
        frame_free(t->held[i]);
    t->n_held = 0;
}

static void drop_clips(struct tokenize_turns *t) {
    for (size_t i = 0; i < t->n_clips; i++)
        frame_free(t->clips[i]);
    t->n_clips = 0;
}

static bool is_clip(const struct frame *f) {
    return f->kind == FRAME_TENSOR && strcmp(f->name, "audio_embeds") == 0;
}

static const struct frame *held_of_kind(const struct tokenize_turns *t, enum frame_kind kind) {
    for (size_t i = 0; i < t->n_held; i++)
        if (t->held[i]->kind == kind)
            return t->held[i];
    return NULL;
}

/* The clips of the turn belong to messages that later turns repeat. */
static void keep_clips(struct tokenize_turns *t) {
    t->clips = arena_xrealloc(t->clips, t->n_clips + t->n_held, sizeof(struct frame *));
    for (size_t i = 0; i < t->n_held; i++) {
        if (!is_clip(t->held[i]))
            continue;
        t->clips[t->n_clips++] = t->held[i];
        t->held[i] = NULL;
    }
}

/* Rows of that width; 0: of any but none, which could be as many as one likes. */
static bool is_rows(const struct tensor *clip, size_t width) {
    return clip->rank == 2 && (width ? clip->shape[1] == width : clip->shape[1] > 0) &&
           (clip->dtype == TENSOR_F32 || clip->dtype == TENSOR_BF16);
}

static int refuse_clip(size_t width, struct err *e) {
    return width ? err_set(e, ERR_DATA, "audio_embeds: not rows of %zu f32 or bf16", width)
                 : err_set(e, ERR_DATA, "audio_embeds: not rows of f32 or bf16");
}

/* The clips of this turn, and before them those of earlier messages if `all`. turn->rows is for the
 * caller to free. */
static int count_clips(const struct tokenize_turns *t, bool all, struct tokenize_turn *turn,
                       struct err *e) {
    size_t *rows = arena_xrealloc(NULL, t->n_clips + t->n_held, sizeof *rows);
    turn->rows = rows;
    turn->n_clips = 0;
    for (size_t i = 0; all && i < t->n_clips; i++)
        rows[turn->n_clips++] = t->clips[i]->tensor.shape[0];
    for (size_t i = 0; i < t->n_held; i++) {
        const struct tensor *clip = &t->held[i]->tensor;
        if (!is_clip(t->held[i]))
            continue;
        if (!is_rows(clip, t->width))
            refuse_clip(t->width, e);
        rows[turn->n_clips++] = clip->shape[0];
    }
    return e->code;
}

/* ---- writing ---- */

static bool is_own_key(const msgpack_object *key, const struct tokenize_turns *t) {
    const struct {
        const char *name;
        bool own;
    } keys[] = {{"kind", true},
                {"turn", true},
                {"continue", true},
                {"voice", t->voice != NULL},
                {"seed", t->seed != NULL}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].own && key->type == MSGPACK_OBJECT_STR &&
            key->via.str.size == strlen(keys[i].name) &&
            memcmp(key->via.str.ptr, keys[i].name, key->via.str.size) == 0)
            return true;
    return false;
}

/* What the upstream's turn frame says beyond what we say ourselves, e.g. sampling options. */
static void copy_keys(struct frame_head *h, const struct frame *from,
                      const struct tokenize_turns *t) {
    const msgpack_object_map *map = &from->map.data.via.map;
    for (uint32_t i = 0; i < map->size; i++) {
        char key[64];
        const msgpack_object *name = &map->ptr[i].key;
        if (is_own_key(name, t) || name->type != MSGPACK_OBJECT_STR ||
            name->via.str.size >= sizeof key)
            continue;
        memcpy(key, name->via.str.ptr, name->via.str.size);
        key[name->via.str.size] = 0;
        frame_head_object(h, key, &map->ptr[i].val);
    }
}

static void send_turn(struct tokenize_turns *t, bool again) {
    struct frame_head h;
    const struct frame *upstream = held_of_kind(t, FRAME_TURN);
    stream_head(&h, "turn", t->stage->turn);
    frame_head_bool(&h, "continue", again);
    if (t->voice)
        frame_head_string(&h, "voice", t->voice);
    if (t->seed) {
        msgpack_object seed = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = *t->seed};
        frame_head_object(&h, "seed", &seed);
    }
    if (upstream)
        copy_keys(&h, upstream, t);
    stage_send(t->stage, &h, NULL, 0);
}

/* What came in this turn, and before it the clips of earlier messages, if they are said again. */
static void send_held(struct tokenize_turns *t) {
    for (size_t i = 0; i < t->n_clips; i++)
        stage_tensor(t->stage, "audio_embeds", &t->clips[i]->tensor);
    for (size_t i = 0; i < t->n_held; i++) {
        const struct frame *f = t->held[i];
        if (is_clip(f) && t->n_clips > 0) /* they are counted anew */
            stage_tensor(t->stage, "audio_embeds", &f->tensor);
        else if (f->kind != FRAME_TURN && f->kind != FRAME_MESSAGE && f->kind != FRAME_DONE)
            stage_forward(t->stage, f);
    }
}

static void send_prompt(struct tokenize_turns *t, bool again) {
    const struct text_ids *ids = &t->prompts->prompt;
    struct tensor prompt = tensor_1d(TENSOR_I32, ids->data, ids->n);
    struct frame_head h;
    send_turn(t, again);
    send_held(t);
    stage_tensor(t->stage, "prompt", &prompt);
    stage_done_head(t->stage, &h, "stop", held_of_kind(t, FRAME_DONE));
    frame_head_int(&h, "prompt", (int64_t)ids->n);
    stage_send(t->stage, &h, NULL, 0);
}

/* ---- turns ---- */

/* True if this turn is to go on where the last one ended, if there was one. */
static bool is_continued(const struct tokenize_turns *t) {
    bool again = false;
    const struct frame *upstream = held_of_kind(t, FRAME_TURN);
    if (upstream)
        frame_bool(upstream, "continue", &again);
    return again || t->again;
}

static void say_text(struct tokenize_turns *t, struct tokenize_text user,
                     struct tokenize_text assistant, struct err *e) {
    struct tokenize_turn turn = {
        .user = user, .assistant = assistant, .again = is_continued(t) && t->prompts->going_on};
    drop_clips(t);
    if (count_clips(t, false, &turn, e) == 0 && tokenize_prompt(t->prompts, &turn, e) == 0)
        send_prompt(t, turn.again);
    free(turn.rows);
}

/* Takes the line in; false if it is lost or no answer is due. */
static bool take_line(struct tokenize_turns *t, const struct tokenize_text *line, struct err *e) {
    bool wanted = false, restarted = false;
    struct tokenize_turn turn = {.n_clips = 0};
    if (count_clips(t, false, &turn, e) == 0)
        tokenize_message(t->prompts, line, &turn, is_continued(t), &wanted, &restarted, e);
    if (restarted)
        drop_clips(t);
    free(turn.rows);
    return wanted;
}

static void say_messages(struct tokenize_turns *t, struct tokenize_text line, struct err *e) {
    bool again = is_continued(t) && t->prompts->going_on;
    if (take_line(t, &line, e)) {
        struct tokenize_turn turn = {.assistant = t->assistant, .again = again};
        if (count_clips(t, true, &turn, e) == 0 && tokenize_messages(t->prompts, &turn, e) == 0)
            send_prompt(t, again);
        free(turn.rows);
    }
    if (!e->code)
        keep_clips(t);
}

void tokenize_turn_text(struct tokenize_turns *t, struct tokenize_text user,
                        struct tokenize_text assistant) {
    struct err e = {.code = 0};
    stage_start_turn(t->stage);
    say_text(t, user, assistant, &e);
    if (e.code)
        stage_lose_turn(t->stage, &e);
}

void tokenize_turn_json(struct tokenize_turns *t, struct tokenize_text line) {
    struct err e = {.code = 0};
    stage_start_turn(t->stage);
    say_messages(t, line, &e);
    if (e.code)
        stage_lose_turn(t->stage, &e);
}

/* A second prompt behind the first would make nonsense of both. */
static bool has_prompt(const struct tokenize_turns *t) {
    for (size_t i = 0; i < t->n_held; i++)
        if (t->held[i]->kind == FRAME_TENSOR && strcmp(t->held[i]->name, "prompt") == 0)
            return true;
    return false;
}

/* All of a turn has come. */
static void finish_turn(struct tokenize_turns *t) {
    struct err e = {.code = 0};
    const struct frame *message = held_of_kind(t, FRAME_MESSAGE);
    if (has_prompt(t))
        err_set(&e, ERR_DATA, "the turn has a prompt already: omni-tokenize has been there");
    else if (message && t->user.data)
        err_set(&e, ERR_DATA, "the stream brings messages; leave out the text");
    else if (message)
        say_messages(
            t, (struct tokenize_text){(const char *)message->payload, message->payload_len}, &e);
    else
        say_text(t, t->user, t->assistant, &e);
    if (e.code)
        stage_lose_turn(t->stage, &e);
    drop_held(t);
}

void tokenize_turn_frame(struct tokenize_turns *t, struct frame *f) {
    if (f->turn < 0) {
        stage_forward(t->stage, f);
        frame_free(f);
        return;
    }
    if (f->kind == FRAME_ERROR) { /* the stage has forwarded it */
        if (stage_turn_lost(t->stage, f))
            drop_held(t);
        frame_free(f);
        return;
    }
    bool last = f->kind == FRAME_DONE;
    hold(t, f);
    if (last)
        finish_turn(t);
}

void tokenize_turns_end(struct tokenize_turns *t) {
    struct err e = {.code = 0};
    if (t->n_held > 0) {
        err_set(&e, ERR_PROTOCOL, "turn %lld ends without done", (long long)t->stage->turn);
        stage_lose_turn(t->stage, &e);
    }
    drop_held(t);
    drop_clips(t);
    free(t->held);
    free(t->clips);
}
