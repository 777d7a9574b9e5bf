#include "tools/tokenize.h"

#include <string.h>

/* The template's own tokens must be in the vocabulary, or it would be spelled in letters. */
static int check_template(const struct tokenize *t, struct err *e) {
    static const char *const needed[] = {"<|im_start|>", "<|im_end|>", "system", "user",
                                         "assistant"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (text_id(t->tokenizer, needed[i]) < 0)
            return err_set(e, ERR_CONFIG, "the tokenizer has no token '%s'; use -r", needed[i]);
    return 0;
}

int tokenize_create(struct tokenize *t, const char *model, bool raw, const char *system,
                    struct err *e) {
    *t = (struct tokenize){.raw = raw, .system = system};
    if (text_open(&t->tokenizer, model, e))
        return e->code;
    t->pad = text_id(t->tokenizer, "<|audio_pad|>");
    if (!raw && check_template(t, e))
        err_prefix(e, model);
    return e->code;
}

void tokenize_destroy(struct tokenize *t) {
    text_close(t->tokenizer);
    text_bytes_free(&t->chat);
    text_ids_free(&t->prompt);
}

/* t->prompt = the ids of a text, its clips in their places. A raw text that comes without clips may
 * have its places spelled out already. */
static int encode(struct tokenize *t, const struct text_bytes *text,
                  const struct tokenize_turn *turn, struct err *e) {
    t->prompt.n = 0;
    if (text_encode(t->tokenizer, text->data, text->n, &t->prompt, e))
        return e->code;
    if (t->raw && turn->n_clips == 0)
        return 0;
    return text_chat_expand(&t->prompt, t->pad, turn->rows, turn->n_clips, e);
}

/* The thinker has put the last <|im_end|>, but not the end of its line. */
static void end_of_last_turn(struct tokenize *t) {
    text_bytes_add_string(&t->chat, "\n");
}

static void add_system(struct tokenize *t) {
    text_chat_open(&t->chat, "system");
    text_bytes_add_string(&t->chat, t->system);
    text_chat_close(&t->chat);
}

static void add_user(struct tokenize *t, const struct tokenize_turn *turn) {
    text_chat_open(&t->chat, "user");
    for (size_t i = 0; i < turn->n_clips; i++)
        text_chat_audio(&t->chat);
    text_bytes_add(&t->chat, turn->user.data, turn->user.n);
    text_chat_close(&t->chat);
}

static void add_answer(struct tokenize *t, const struct tokenize_text *beginning) {
    text_chat_open(&t->chat, "assistant");
    text_bytes_add(&t->chat, beginning->data, beginning->n);
}

static void render(struct tokenize *t, const struct tokenize_turn *turn) {
    if (t->raw) {
        text_bytes_add(&t->chat, turn->user.data, turn->user.n);
        return;
    }
    if (turn->again)
        end_of_last_turn(t);
    else if (t->system)
        add_system(t);
    if (turn->user.data || turn->n_clips > 0)
        add_user(t, turn);
    add_answer(t, &turn->assistant);
}

int tokenize_prompt(struct tokenize *t, const struct tokenize_turn *turn, struct err *e) {
    t->chat.n = 0;
    render(t, turn);
    if (encode(t, &t->chat, turn, e) == 0)
        t->going_on = true;
    t->chat.n = 0;
    return e->code;
}

/* A whole conversation stands alone; with `again`, what has been said is not said again. */
static bool starts_anew(const struct tokenize *t, bool again, bool whole) {
    return t->chat.n == 0 || (whole && !again);
}

/* What comes before the first message. */
static void begin_chat(struct tokenize *t, bool again, const struct text_chat_line *line) {
    t->chat.n = 0;
    if (again && t->going_on)
        end_of_last_turn(t);
    else if (t->system && !line->has_system)
        add_system(t);
}

/* The line joins what was said before. */
static void join(struct tokenize *t, const struct text_bytes *said,
                 const struct text_chat_line *line, bool again, bool *restarted) {
    *restarted = starts_anew(t, again, line->whole);
    if (*restarted)
        begin_chat(t, again, line);
    t->mark = *restarted ? 0 : t->chat.n;
    t->line = *line;
    t->only_new = again;
    text_bytes_add(&t->chat, said->data, said->n);
}

int tokenize_message(struct tokenize *t, const struct tokenize_text *json,
                     const struct tokenize_turn *turn, bool again, bool *wanted, bool *restarted,
                     struct err *e) {
    struct text_bytes said = {0};
    struct text_chat_line line;
    /* The line is tokenized by itself to see that its clips fit. */
    if (text_chat_json(&said, json->data, json->n, &line, e) == 0 &&
        encode(t, &said, turn, e) == 0) {
        join(t, &said, &line, again, restarted);
        *wanted = line.whole || line.ends_with_user;
    }
    text_bytes_free(&said);
    return e->code;
}

int tokenize_messages(struct tokenize *t, const struct tokenize_turn *turn, struct err *e) {
    size_t end = t->chat.n;
    if (!t->line.open)
        add_answer(t, &turn->assistant);
    if (encode(t, &t->chat, turn, e) == 0)
        t->going_on = true;
    t->chat.n = e->code ? t->mark : t->line.whole || t->only_new ? 0 : end;
    return e->code;
}
