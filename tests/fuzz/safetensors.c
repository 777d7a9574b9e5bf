/* Fuzzes the safetensors header: whatever is accepted must lie inside the file, without overlaps.
 */
#include "common/weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct st_file f;
    struct arena a = {0};
    struct err e = {.code = 0};
    if (st_parse(&f, data, size, "fuzz", &a, &e) == 0) {
        size_t total = 0;
        volatile unsigned char last;
        for (size_t i = 0; i < f.n_tensors; i++) {
            const struct st_tensor *t = &f.tensors[i];
            if (t->view.data && tensor_bytes(&t->view) != t->bytes)
                abort();
            if (t->view.data && t->bytes)
                last = ((unsigned char *)t->view.data)[t->bytes - 1];
            total += t->bytes;
        }
        (void)last;
        if (total > size)
            abort();
    } else if (e.code != ERR_DATA || !e.text[0] || strlen(e.text) >= sizeof e.text) {
        abort();
    }
    arena_free(&a);
    return 0;
}
