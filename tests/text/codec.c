/* codec DIR: stdin is records, each "N\n" and N bytes. For each it prints a line of the ids that
 * the tokenizer of DIR gives, a tab, and what they decode to in hex.
 * codec DIR -b: stdin is one text; prints the seconds that its ids take, best of three. */
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

static void print_records(struct text_tokenizer *t) {
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
}

static void measure(struct text_tokenizer *t) {
    enum { CHUNK = 1 << 20 };
    struct err e = {.code = 0};
    struct text_bytes text = {0};
    struct text_ids ids = {0};
    for (size_t got = CHUNK; got == CHUNK; text.n += got)
        got = fread(text_bytes_reserve(&text, CHUNK), 1, CHUNK, stdin);
    double best = INFINITY;
    for (int run = 0; run < 3; run++) {
        double start = clock_now();
        ids.n = 0;
        if (text_encode(t, text.data, text.n, &ids, &e))
            die_err(&e);
        best = fmin(best, clock_now() - start);
    }
    printf("%.3f s, %zu ids\n", best, ids.n);
    text_ids_free(&ids);
    text_bytes_free(&text);
}

int main(int argc, char **argv) {
    die_init("codec");
    struct err e = {.code = 0};
    struct text_tokenizer *t;
    bool bench = argc == 3 && strcmp(argv[2], "-b") == 0;
    if (argc != 2 && !bench)
        die(ERR_USAGE, "usage: codec DIR [-b]");
    if (text_open(&t, argv[1], &e))
        die_err(&e);
    if (bench)
        measure(t);
    else
        print_records(t);
    text_close(t);
    return 0;
}
