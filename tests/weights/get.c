/* get DIR NAME SIZE...: takes a tensor as a model would and prints its dtype and values, one a
 * line. The pointer must suit the dtype; the sanitizer build and the check below see to that. */
#include "common/base/bf16.h"
#include "common/base/die.h"
#include "common/weights/weights.h"

#include <stdio.h>
#include <stdlib.h>

static float value(const struct tensor *t, size_t i) {
    if (t->dtype == TENSOR_BF16)
        return bf16_to_f32(((const uint16_t *)t->data)[i]);
    return ((const float *)t->data)[i];
}

int main(int argc, char **argv) {
    struct err e = {.code = 0};
    struct weights *w;
    struct tensor t;
    size_t shape[4] = {0};
    die_init("get");
    if (argc < 3 || argc > 7)
        die(ERR_USAGE, "usage: get DIR NAME SIZE...");
    for (int i = 3; i < argc; i++)
        shape[i - 3] = strtoul(argv[i], NULL, 10);
    if (weights_open(&w, argv[1], &e))
        die_err(&e);
    if (weights_has(w, "no such tensor"))
        die(ERR_SOFTWARE, "weights_has is true of anything");
    if (weights_get(w, &t, &e, argv[2], shape))
        die_err(&e);
    if (!weights_has(w, argv[2]) || (uintptr_t)t.data % tensor_dtype_size(t.dtype))
        die(ERR_SOFTWARE, "data at an odd place");
    printf("%s\n", tensor_dtype_name(t.dtype));
    for (size_t i = 0; i < tensor_count(&t); i++)
        printf("%.9g\n", value(&t, i));
    weights_close(w);
    return 0;
}
