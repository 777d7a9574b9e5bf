/* expect CONFIG: how many tensors and parameters a checkpoint with this config.json has, one line a
 * component. The released model's totals are known from its own files. */
#include "common/weights/expect.h"
#include "common/base/die.h"
#include "common/weights/json_read.h"

#include <stdio.h>
#include <stdlib.h>

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

int main(int argc, char **argv) {
    struct err e = {.code = 0};
    struct config c = {.model = NULL};
    char *json;
    size_t size;
    die_init("expect");
    if (argc != 2)
        die(ERR_USAGE, "usage: expect CONFIG");
    if (json_read_file(&json, &size, argv[1], 1 << 20, &e) || config_parse(&c, json, size, &e))
        die_err(&e);
    struct sum all = {0, 0};
    for (enum expect_component i = 0; i < EXPECT_COMPONENTS; i++) {
        struct sum s = {0, 0};
        expect_tensors(&c, i, add, &s);
        printf("%s %zu %zu\n", expect_name(i), s.tensors, s.parameters);
        all.tensors += s.tensors;
        all.parameters += s.parameters;
    }
    printf("all %zu %zu\n", all.tensors, all.parameters);
    config_free(&c);
    free(json);
    return 0;
}
