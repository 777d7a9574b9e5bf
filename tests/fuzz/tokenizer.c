/* Fuzzes the files of a tokenizer, text, and chat messages. The first byte says what follows, with
 * bytes 0xff between the fields:
 *   't'  tokenizer.json, tokenizer_config.json, text
 *   'v'  vocab.json, merges.txt, tokenizer_config.json, text
 *   else text, for a tokenizer with the bytes, a few merges, and added tokens with all flags.
 * The text is also read as a line of messages. */
#include "common/text/tokenizer.h"
#include "common/text/alphabet.h"
#include "common/text/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool truth) {
    if (!truth)
        abort();
}

static struct text_file next_field(const char **at, const char *end) {
    const char *start = *at, *stop = memchr(start, 0xff, (size_t)(end - start));
    *at = stop ? stop + 1 : end;
    return (struct text_file){start, (size_t)((stop ? stop : end) - start)};
}

/* Whatever was in the text, what comes out is characters, bit by bit or at once. */
static void check_decoding(const struct text_tokenizer *t, const struct text_ids *ids) {
    struct text_decoder d = {.tokenizer = t};
    struct text_bytes text = {0};
    for (size_t i = 0; i < ids->n; i++) {
        must(ids->data[i] >= 0 && (size_t)ids->data[i] < text_n_ids(t));
        size_t before = text.n;
        text_decode(&d, ids->data[i], &text);
        must(text.n == before ||
             text_utf8_valid(text.data + before, text.n - before) == text.n - before);
    }
    text_decode_end(&d, &text);
    must(text_utf8_valid(text.data, text.n) == text.n);
    text_bytes_free(&text);
}

static void check_text(struct text_tokenizer *t, const struct text_file *text) {
    struct text_ids ids = {0}, again = {0};
    struct err e = {.code = 0};
    int code = text_encode(t, text->data, text->n, &ids, &e);
    must(code == 0 || code == ERR_DATA);
    if (code == 0) {
        check_decoding(t, &ids);
        must(text_encode(t, text->data, text->n, &again, &e) == 0 && again.n == ids.n);
        must(ids.n == 0 || memcmp(ids.data, again.data, ids.n * sizeof *ids.data) == 0);
    }
    text_ids_free(&ids);
    text_ids_free(&again);
}

static void check_messages(const struct text_file *text) {
    struct text_bytes chat = {0};
    struct text_chat_line line;
    struct err e = {.code = 0};
    text_bytes_add_string(&chat, "x");
    int code = text_chat_json(&chat, text->data, text->n, &line, &e);
    must(code == 0 || (code == ERR_DATA && chat.n == 1));
    must(code != 0 || (chat.n > 1 && text_utf8_valid(chat.data, chat.n) == chat.n));
    text_bytes_free(&chat);
}

/* vocab.json of the 256 bytes and the results of these merges. */
static const char merges[] = "i n\n\xc4\xa0 t\n\xc4\xa0t h\nin in\n\xc3\xa2 \xc4\xa2";

static void write_vocabulary(struct text_bytes *json) {
    static const char *const joined[] = {"in", "\xc4\xa0t", "\xc4\xa0th", "inin",
                                         "\xc3\xa2\xc4\xa2"};
    text_bytes_add_string(json, "{");
    for (int i = 0; i < 256 + 5; i++) {
        char byte = (char)i, id[32];
        text_bytes_add_string(json, i ? ", \"" : "\"");
        if (byte == '"' || byte == '\\')
            text_bytes_add_string(json, "\\");
        if (i < 256)
            text_alphabet_spell(&byte, 1, json);
        else
            text_bytes_add_string(json, joined[i - 256]);
        snprintf(id, sizeof id, "\": %d", i);
        text_bytes_add_string(json, id);
    }
    text_bytes_add_string(json, "}");
}

static const char added[] =
    "{\"added_tokens_decoder\": {"
    "\"300\": {\"content\": \"<|im_end|>\", \"special\": true},"
    "\"301\": {\"content\": \"<|\", \"lstrip\": true, \"normalized\": true},"
    "\"256\": {\"content\": \"in\", \"single_word\": true, \"normalized\": false},"
    "\"303\": {\"content\": \" >\", \"lstrip\": true, \"rstrip\": true, \"special\": true},"
    "\"304\": {\"content\": \"e\\u0301\", \"normalized\": true, \"rstrip\": true}}}";

static struct text_tokenizer *own_tokenizer(void) {
    static struct text_tokenizer *t;
    struct text_bytes vocab = {0};
    struct err e = {.code = 0};
    if (t)
        return t;
    write_vocabulary(&vocab);
    const struct text_files files = {.vocab_json = {vocab.data, vocab.n},
                                     .merges_txt = {merges, sizeof merges - 1},
                                     .config_json = {added, sizeof added - 1}};
    if (text_parse(&t, &files, &e))
        fprintf(stderr, "%s\n", e.text);
    must(t != NULL);
    text_bytes_free(&vocab);
    return t;
}

/* The files in the input; what is behind them is the text. */
static struct text_file check_files(char kind, const char *at, const char *end) {
    struct text_files files = {0};
    struct text_tokenizer *t;
    struct err e = {.code = 0};
    if (kind == 't') {
        files.tokenizer_json = next_field(&at, end);
    } else {
        files.vocab_json = next_field(&at, end);
        files.merges_txt = next_field(&at, end);
    }
    files.config_json = next_field(&at, end);
    const struct text_file text = {at, (size_t)(end - at)};
    int code = text_parse(&t, &files, &e);
    must(code == 0 || ((code == ERR_DATA || code == ERR_CONFIG) && e.text[0] && !t));
    if (code == 0)
        check_text(t, &text);
    text_close(t);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct text_file text = {(const char *)data + 1, size - 1};
    if (data[0] == 't' || data[0] == 'v')
        text = check_files((char)data[0], text.data, text.data + text.n);
    else
        check_text(own_tokenizer(), &text);
    check_messages(&text);
    return 0;
}
