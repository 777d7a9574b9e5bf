/* Which tensors go into a file, and of which type each is. */
#include "common/base/arena.h"
#include "tools/quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool quantize_type_parse(const char *name, struct quantize_type *type) {
    static const enum tensor_dtype known[] = {TENSOR_F32,  TENSOR_BF16, TENSOR_F16,  TENSOR_Q8_0,
                                              TENSOR_Q4_0, TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K};
    type->mixed = strcasecmp(name, "q4_k_m") == 0;
    type->dtype = TENSOR_Q4_K;
    for (size_t i = 0; i < sizeof known / sizeof *known && !type->mixed; i++) {
        type->dtype = known[i];
        if (strcasecmp(name, tensor_dtype_name(known[i])) == 0)
            return true;
    }
    return type->mixed;
}

/* Of n layers, those that q4_k_m keeps better: the first and last eighth and every third between
 * (llama.cpp's use_more_bits). */
static bool delicate_layer(size_t i, size_t n) {
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

/* llama.cpp's mixture Q4_K_M (llama_tensor_get_type): q6_K for the output, and for values and the
 * MLPs' last matrices of the delicate layers. */
static enum tensor_dtype mixed_dtype(const struct quantize_tensor *t, size_t n_layers) {
    const char *number = strstr(t->name, "blk.");
    bool delicate = number && delicate_layer(strtoul(number + 4, NULL, 10), n_layers);
    bool matters = strstr(t->name, ".attn_v.") || strstr(t->name, ".ffn_down");
    bool output = strcmp(t->name, "output.weight") == 0;
    return output || (delicate && matters) ? TENSOR_Q6_K : TENSOR_Q4_K;
}

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Small, or read by kernels that want numbers. */
static bool stays_f32(const struct quantize_tensor *t) {
    return t->rank != 2 || t->shape[0] == 1 || strstr(t->name, "ffn_gate_inp") ||
           !ends_with(t->name, ".weight");
}

/* Rows must be whole blocks. An expert's three matrices go together: the rows of the last are as
 * long as the others have rows. */
static bool fits(const struct quantize_tensor *t, enum tensor_dtype dtype) {
    size_t block = tensor_dtype_block(dtype);
    return t->shape[1] % block == 0 && (!strstr(t->name, "_exps.") || t->shape[0] % block == 0);
}

static enum tensor_dtype choose(const struct quantize_tensor *t, struct quantize_type type,
                                size_t n_layers) {
    if (stays_f32(t))
        return TENSOR_F32;
    enum tensor_dtype dtype = type.mixed ? mixed_dtype(t, n_layers) : type.dtype;
    if (fits(t, dtype))
        return dtype;
    return fits(t, TENSOR_Q8_0) ? TENSOR_Q8_0 : TENSOR_BF16;
}

/* ---- the walk ------------------------------------------------------------------------------- */

struct walk {
    struct quantize_file *file;
    struct quantize_type type;
    size_t n_layers;
    size_t there; /* tensors the checkpoint has */
};

static struct quantize_tensor *new_tensor(struct quantize_file *f) {
    if (f->n == f->room) {
        f->room = f->room ? 2 * f->room : 256;
        f->tensors = arena_xrealloc(f->tensors, f->room, sizeof *f->tensors);
    }
    f->tensors[f->n] = (struct quantize_tensor){.n_slices = 0};
    return &f->tensors[f->n++];
}

/* Slices of a stacked tensor come near each other. */
static struct quantize_tensor *find_recent(struct quantize_file *f, const char *name) {
    enum { NEAR = 8 };
    for (size_t i = f->n; i-- > 0 && f->n - i <= NEAR;)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    return NULL;
}

static void add_tensor(void *ctx, const char *name, const size_t *shape) {
    struct walk *walk = ctx;
    size_t n_blocks = walk->file->source->config.code2wav.n_blocks, slice;
    char there[GGUF_NAME_MAX];
    bool stacked;
    walk->there += weights_has(walk->file->source->weights, name);
    if (!gguf_name_write(there, name, n_blocks, &stacked, &slice))
        return;
    struct quantize_tensor *t = stacked ? find_recent(walk->file, there) : NULL;
    if (t) {
        t->n_slices = slice + 1;
        return;
    }
    t = new_tensor(walk->file);
    memcpy(t->name, there, sizeof there);
    gguf_name_read(t->checkpoint, there, n_blocks);
    t->n_slices = stacked;
    for (; shape[t->rank]; t->rank++)
        t->shape[t->rank] = shape[t->rank];
    t->dtype = choose(t, walk->type, walk->n_layers);
}

static size_t count_layers(const struct config *c, enum expect_component which) {
    switch (which) {
    case EXPECT_THINKER:
        return c->thinker.n_layers;
    case EXPECT_AUDIO:
        return c->audio.n_layers;
    case EXPECT_TALKER:
        return c->talker.text.n_layers;
    case EXPECT_CODEPRED:
        return c->talker.predictor.n_layers;
    default:
        return c->code2wav.text.n_layers;
    }
}

/* llama.cpp reads the encoder's table of positions from the file. */
static void add_positions(struct quantize_file *f) {
    enum { POSITIONS = 1500 };
    struct quantize_tensor *t = new_tensor(f);
    snprintf(t->name, sizeof t->name, "a.position_embd.weight");
    t->rank = 2;
    t->shape[0] = POSITIONS;
    t->shape[1] = f->source->config.audio.d_model;
    t->dtype = TENSOR_F32;
    t->sinusoids = true;
}

bool quantize_add(struct quantize_file *f, enum expect_component which, struct quantize_type type) {
    const struct config *c = &f->source->config;
    size_t before = f->n;
    struct walk walk = {.file = f, .type = type, .n_layers = count_layers(c, which)};
    expect_tensors(c, which, add_tensor, &walk);
    if (!walk.there)
        f->n = before; /* the component is not in this checkpoint */
    else if (which == EXPECT_AUDIO)
        add_positions(f);
    return walk.there > 0;
}
