#include "tools/detokenize.h"

#include "tools/json_text.h"

#include <stdlib.h>
#include <string.h>

void detokenize_free(struct detokenize *d) {
    text_close(d->tokenizer);
    text_ids_free(&d->prompt);
    text_bytes_free(&d->text);
}

static void start_turn(struct detokenize *d) {
    d->held = (struct text_utf8_stream){0};
    d->prompt.n = d->text.n = 0;
    d->has_text = false;
    d->last = 0;
}

/* Without JSON, text leaves as soon as it is whole characters. */
static void pass_on(struct detokenize *d, struct text_bytes *out) {
    if (d->text.n == 0 || d->json)
        return;
    d->last = d->text.data[d->text.n - 1];
    text_bytes_add(out, d->text.data, d->text.n);
    d->text.n = 0;
}

static int add_prompt(struct detokenize *d, const struct frame *f, struct err *e) {
    if (f->tensor.dtype != TENSOR_I32 || f->tensor.rank != 1)
        return err_set(e, ERR_DATA, "prompt is not i32 [P]");
    text_ids_add_all(&d->prompt, tensor_i32(&f->tensor), f->tensor.shape[0]);
    return 0;
}

static int open_tokenizer(struct detokenize *d, struct err *e) {
    if (!d->model)
        err_set(e, ERR_NOINPUT, "no model to read a prompt with: name one with -m");
    else
        text_open(&d->tokenizer, d->model, e);
    d->broken = e->code != 0;
    return e->code;
}

static int decode_prompt(struct detokenize *d, struct err *e) {
    if (!d->tokenizer && open_tokenizer(d, e))
        return e->code;
    struct text_decoder decoder = {.tokenizer = d->tokenizer};
    for (size_t i = 0; i < d->prompt.n; i++) {
        int32_t id = d->prompt.data[i];
        if (id < 0 || (size_t)id >= text_n_ids(d->tokenizer))
            return err_set(e, ERR_DATA, "prompt: %d is no token of the model", (int)id);
        text_decode(&decoder, id, &d->text);
    }
    text_decode_end(&decoder, &d->text);
    return 0;
}

/* Tokens drawn, said by the thinker's done or by the done of a stage behind it. */
static bool count_tokens(const struct frame *done, int64_t *n) {
    for (const msgpack_object *map = &done->map.data; map; map = frame_map_get(map, "via"))
        if (frame_map_int(map, "tokens", n))
            return true;
    return false;
}

static void add_json_line(json_t *line, struct text_bytes *out) {
    char *text = json_dumps(line, JSON_COMPACT);
    text_bytes_add_string(out, text);
    text_bytes_add_string(out, "\n");
    free(text);
    json_decref(line);
}

static void end_as_json(struct detokenize *d, const struct frame *done, struct text_bytes *out) {
    int64_t tokens;
    char reason[32];
    json_t *line = json_object();
    frame_string(done, "reason", reason, sizeof reason);
    json_object_set_new(line, "turn", json_integer(done->turn));
    json_object_set_new(line, "text", json_text(d->text.data, d->text.n));
    json_object_set_new(line, "reason", json_text(reason, strlen(reason)));
    if (count_tokens(done, &tokens))
        json_object_set_new(line, "tokens", json_integer(tokens));
    add_json_line(line, out);
}

static void end_line(struct detokenize *d, struct text_bytes *out) {
    if (d->last != '\n')
        text_bytes_add_string(out, "\n");
}

static int end_turn(struct detokenize *d, const struct frame *done, struct text_bytes *out,
                    struct err *e) {
    text_utf8_end(&d->held, &d->text);
    if (!d->has_text && frame_get(done, "prompt") && decode_prompt(d, e))
        return e->code;
    pass_on(d, out);
    if (d->json)
        end_as_json(d, done, out);
    else
        end_line(d, out);
    start_turn(d);
    return 0;
}

void detokenize_lose(struct detokenize *d, struct text_bytes *out) {
    if (d->last)
        end_line(d, out);
    start_turn(d);
}

void detokenize_tell(const struct detokenize *d, int64_t turn, const char *from,
                     const struct err *why, struct text_bytes *out) {
    if (!d->json)
        return;
    json_t *line = json_object();
    json_object_set_new(line, "turn", json_integer(turn));
    json_object_set_new(line, "error", json_text(why->text, strlen(why->text)));
    json_object_set_new(line, "from", json_text(from, strlen(from)));
    json_object_set_new(line, "code", json_integer(why->code));
    add_json_line(line, out);
}

int detokenize_frame(struct detokenize *d, const struct frame *f, struct text_bytes *out,
                     struct err *e) {
    switch (f->kind) {
    case FRAME_TURN:
        start_turn(d);
        return 0;
    case FRAME_TEXT:
        d->has_text = true;
        text_utf8_feed(&d->held, (const char *)f->payload, f->payload_len, &d->text);
        pass_on(d, out);
        return 0;
    case FRAME_TENSOR:
        return strcmp(f->name, "prompt") == 0 ? add_prompt(d, f, e) : 0;
    case FRAME_DONE:
        return end_turn(d, f, out, e);
    default:
        return 0;
    }
}
