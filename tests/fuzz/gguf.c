/* Fuzzes GGUF files: whatever is accepted must lie inside the file, and its names, config and
 * tokenizer must be read or refused in order. */
#include "common/text/tokenizer.h"
#include "common/weights/config.h"
#include "common/weights/gguf_config.h"

#include <stdlib.h>
#include <string.h>

static void check_error(const struct err *e) {
    bool known = e->code == ERR_DATA || e->code == ERR_CONFIG;
    if (!known || !e->text[0] || strlen(e->text) >= sizeof e->text)
        abort();
}

/* The last byte of each tensor is there. */
static void check_tensors(const struct st_tensor *tensors, size_t n) {
    volatile unsigned char last = 0;
    for (size_t i = 0; i < n; i++) {
        const struct st_tensor *t = &tensors[i];
        if (t->view.data && tensor_bytes(&t->view) != t->bytes)
            abort();
        if (t->view.data)
            last = ((unsigned char *)t->view.data)[t->bytes - 1];
    }
    (void)last;
}

static void check_config(struct gguf_file *g) {
    struct gguf_set set = {.files = g, .n = 1};
    struct config c = {.model = NULL};
    struct err e = {.code = 0};
    char *json;
    size_t size;
    bool assumed;
    if (gguf_config(&set, &json, &size, &assumed, &e) || config_parse(&c, json, size, &e))
        check_error(&e);
    free(json);
    config_free(&c);
}

static void check_tokenizer(const struct gguf_file *g) {
    struct text_tokenizer *t;
    struct text_ids ids = {0};
    struct err e = {.code = 0};
    if (text_parse_gguf(&t, g, &e)) {
        check_error(&e);
        return;
    }
    text_encode(t, "say <|im_end|> 12", 17, &ids, &e);
    text_ids_free(&ids);
    text_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gguf_file g;
    struct st_file f;
    struct arena a = {0};
    struct err e = {.code = 0};
    if (gguf_parse(&g, data, size, "fuzz", &a, &e) == 0) {
        check_tensors(g.tensors, g.n_tensors);
        check_config(&g);
        check_tokenizer(&g);
        if (gguf_entries(&g, &f, &a, &e) == 0)
            check_tensors(f.tensors, f.n_tensors);
    }
    if (e.code)
        check_error(&e);
    arena_free(&a);
    return 0;
}
