/* codec DIR: stdin is records, each "N\n" and N bytes. For each it prints a line of the ids that
 * the tokenizer of DIR gives, a tab, and what they decode to in hex. */
#include "common/base/die.h"
#include "common/text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static void print_record(struct text_tokenizer *t, const struct text_bytes *text) {
    struct err e = {.code = 0};
    struct text_ids ids = {0};
    struct text_bytes back = {0};
    struct text_decoder d = {.tokenizer = t};
    if (text_encode(t, text->data, text->n, &ids, &e))
        die_err(&e);
    for (size_t i = 0; i < ids.n; i++) {
        printf("%s%d", i ? " " : "", (int)ids.data[i]);
        text_decode(&d, ids.data[i], &back);
    }
    text_decode_end(&d, &back);
    putchar('\t');
    for (size_t i = 0; i < back.n; i++)
        printf("%02x", (unsigned char)back.data[i]);
    putchar('\n');
    text_ids_free(&ids);
    text_bytes_free(&back);
}

int main(int argc, char **argv) {
    die_init("codec");
    struct err e = {.code = 0};
    struct text_tokenizer *t;
    if (argc != 2)
        die(ERR_USAGE, "usage: codec DIR");
    if (text_open(&t, argv[1], &e))
        die_err(&e);
    struct text_bytes text = {0};
    size_t n;
    while (scanf("%zu", &n) == 1 && getchar() == '\n') {
        text.n = 0;
        if (fread(text_bytes_reserve(&text, n), 1, n, stdin) != n)
            die(ERR_DATA, "a record is cut");
        text.n = n;
        print_record(t, &text);
    }
    text_bytes_free(&text);
    text_close(t);
    return 0;
}
