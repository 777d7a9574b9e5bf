/* expect [-l] CONFIG: how many tensors and parameters a checkpoint with this config.json has, one
 * line a component; with -l a line a tensor: component, name, sizes. The released model's totals
 * are known from its own files. */
#include "common/weights/expect.h"
#include "common/base/die.h"
#include "common/wire/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sum {
    size_t tensors, parameters;
};

static void add(void *ctx, const char *name, const size_t *shape) {
    struct sum *s = ctx;
    size_t n = *name != 0; /* every tensor has a name */
    for (size_t i = 0; shape[i]; i++)
        n *= shape[i];
    s->tensors++;
    s->parameters += n;
}

struct list {
    const char *component;
};

static void list(void *ctx, const char *name, const size_t *shape) {
    const struct list *l = ctx;
    printf("%s %s", l->component, name);
    for (size_t i = 0; shape[i]; i++)
        printf(" %zu", shape[i]);
    putchar('\n');
}

static void count_all(const struct config *c) {
    struct sum all = {0, 0};
    for (enum expect_component i = 0; i < EXPECT_COMPONENTS; i++) {
        struct sum s = {0, 0};
        expect_tensors(c, i, add, &s);
        printf("%s %zu %zu\n", expect_name(i), s.tensors, s.parameters);
        all.tensors += s.tensors;
        all.parameters += s.parameters;
    }
    printf("all %zu %zu\n", all.tensors, all.parameters);
}

int main(int argc, char **argv) {
    struct err e = {.code = 0};
    struct config c = {.model = NULL};
    char *json;
    size_t size;
    die_init("expect");
    bool names = argc == 3 && strcmp(argv[1], "-l") == 0;
    if (argc != 2 + names)
        die(ERR_USAGE, "usage: expect [-l] CONFIG");
    if (io_read_file(&json, &size, argv[argc - 1], 1 << 20, &e) || config_parse(&c, json, size, &e))
        die_err(&e);
    for (enum expect_component i = 0; names && i < EXPECT_COMPONENTS; i++)
        expect_tensors(&c, i, list, &(struct list){expect_name(i)});
    if (!names)
        count_all(&c);
    config_free(&c);
    free(json);
    return 0;
}
