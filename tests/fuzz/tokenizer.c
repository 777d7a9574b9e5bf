/* Fuzzes the files of a tokenizer, text, and chat messages. The input is up to four fields with
 * bytes 0xff between them: tokenizer.json and tokenizer_config.json, or vocab.json, merges.txt and
 * tokenizer_config.json; then a text, which is also read as a line of messages. A first byte 't' or
 * 'v' says which. */
#include "common/text/tokenizer.h"
#include "common/text/chat.h"

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
        text_decode(&d, ids->data[i], &text);
        must(text_utf8_valid(text.data, text.n) == text.n);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    struct text_files files = {0};
    struct text_tokenizer *t;
    struct err e = {.code = 0};
    if (data[0] == 't') {
        files.tokenizer_json = next_field(&at, end);
    } else {
        files.vocab_json = next_field(&at, end);
        files.merges_txt = next_field(&at, end);
    }
    files.config_json = next_field(&at, end);
    struct text_file text = {at, (size_t)(end - at)};
    int code = text_parse(&t, &files, &e);
    must(code == 0 || ((code == ERR_DATA || code == ERR_CONFIG) && e.text[0] && !t));
    if (code == 0)
        check_text(t, &text);
    text_close(t);
    check_messages(&text);
    return 0;
}
