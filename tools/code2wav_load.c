/* The weights of code2wav: names and shapes. */
#include "common/nn/weight.h"
#include "tools/code2wav.h"

#include <stdio.h>

enum { KERNEL = 7, EXPANSION = 4, NAME_ROOM = 128 };

static int get(struct run *run, struct weights *w, struct tensor *t, const char *prefix,
               const char *suffix, size_t rows, size_t columns, struct err *e) {
    char name[2 * NAME_ROOM];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return nn_weight(run, w, t, e, name, (size_t[4]){rows, columns});
}

static int load_snake(struct code2wav_snake *s, struct run *run, struct weights *w,
                      const char *prefix, size_t width, struct err *e) {
    if (get(run, w, &s->alpha, prefix, "alpha", width, 0, e))
        return e->code;
    return get(run, w, &s->beta, prefix, "beta", width, 0, e);
}

static int load_upsampler(struct code2wav *v, struct weights *w, size_t i, struct err *e) {
    struct code2wav_upsampler *u = &v->upsamplers[i];
    size_t width = v->config->text.hidden;
    char up[NAME_ROOM], next[NAME_ROOM], depthwise[NAME_ROOM];
    snprintf(up, sizeof up, "code2wav.upsample.%zu.0.conv.", i);
    snprintf(next, sizeof next, "code2wav.upsample.%zu.1.", i);
    snprintf(depthwise, sizeof depthwise, "code2wav.upsample.%zu.1.dwconv.conv.", i);
    if (nn_conv_load_transposed(&u->up, v->run, w, up, width, width, 1, v->config->upsamplers[i],
                                e) ||
        nn_conv_load_depthwise(&u->depthwise, v->run, w, depthwise, width, KERNEL, e) ||
        get(v->run, w, &u->norm_w, next, "norm.weight", width, 0, e) ||
        get(v->run, w, &u->norm_b, next, "norm.bias", width, 0, e) ||
        get(v->run, w, &u->wide_w, next, "pwconv1.weight", EXPANSION * width, width, e) ||
        get(v->run, w, &u->wide_b, next, "pwconv1.bias", EXPANSION * width, 0, e) ||
        get(v->run, w, &u->narrow_w, next, "pwconv2.weight", width, EXPANSION * width, e) ||
        get(v->run, w, &u->narrow_b, next, "pwconv2.bias", width, 0, e))
        return e->code;
    return get(v->run, w, &u->gamma, next, "gamma", width, 0, e);
}

static int load_unit(struct code2wav *v, struct code2wav_unit *u, struct weights *w,
                     const char *prefix, size_t width, size_t dilation, struct err *e) {
    char name[4][NAME_ROOM];
    const char *const parts[4] = {"act1.", "act2.", "conv1.conv.", "conv2.conv."};
    for (size_t i = 0; i < 4; i++)
        snprintf(name[i], NAME_ROOM, "%s%s", prefix, parts[i]);
    if (load_snake(&u->snake1, v->run, w, name[0], width, e) ||
        load_snake(&u->snake2, v->run, w, name[1], width, e) ||
        nn_conv_load(&u->conv1, v->run, w, name[2], width, width, KERNEL, dilation, e))
        return e->code;
    return nn_conv_load(&u->conv2, v->run, w, name[3], width, width, 1, 1, e);
}

/* Block i takes decoder_dim / 2^i channels to half of them. */
static int load_block(struct code2wav *v, struct weights *w, size_t i, struct err *e) {
    static const size_t dilations[CODE2WAV_UNITS] = {1, 3, 9};
    struct code2wav_block *b = &v->blocks[i];
    size_t in = v->config->decoder_dim >> i, out = in / 2;
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "code2wav.decoder.%zu.block.0.", i + 1);
    if (load_snake(&b->snake, v->run, w, name, in, e))
        return e->code;
    snprintf(name, sizeof name, "code2wav.decoder.%zu.block.1.conv.", i + 1);
    if (nn_conv_load_transposed(&b->up, v->run, w, name, in, out, 2, v->config->rates[i], e))
        return e->code;
    for (size_t u = 0; u < CODE2WAV_UNITS; u++) {
        snprintf(name, sizeof name, "code2wav.decoder.%zu.block.%zu.", i + 1, u + 2);
        if (load_unit(v, &b->units[u], w, name, out, dilations[u], e))
            return e->code;
    }
    return 0;
}

static int load_transformer(struct code2wav *v, struct weights *w, struct err *e) {
    const struct config_code2wav *c = v->config;
    v->tables = arena_alloc(&v->run->memory[RUN_MODEL], c->n_groups * sizeof *v->tables);
    if (nn_weight_parts(v->run, w, v->tables, c->n_groups, e, "code2wav.code_embedding.weight",
                        (size_t[4]){c->n_groups * c->codebook, c->text.hidden}))
        return e->code;
    return nn_decoder_load(&v->transformer, v->run, &c->text, w, "code2wav.pre_transformer.",
                           "code2wav", e);
}

static int load_decoder(struct code2wav *v, struct weights *w, struct err *e) {
    const struct config_code2wav *c = v->config;
    size_t width = c->decoder_dim >> c->n_blocks;
    char name[NAME_ROOM];
    if (nn_conv_load(&v->entry, v->run, w, "code2wav.decoder.0.conv.", c->text.hidden,
                     c->decoder_dim, KERNEL, 1, e))
        return e->code;
    for (size_t i = 0; i < c->n_blocks; i++)
        if (load_block(v, w, i, e))
            return e->code;
    snprintf(name, sizeof name, "code2wav.decoder.%zu.", c->n_blocks + 1);
    if (load_snake(&v->snake, v->run, w, name, width, e))
        return e->code;
    snprintf(name, sizeof name, "code2wav.decoder.%zu.conv.", c->n_blocks + 2);
    return nn_conv_load(&v->exit, v->run, w, name, width, 1, KERNEL, 1, e);
}

int code2wav_load(struct code2wav *v, struct run *run, const struct config_code2wav *c,
                  struct weights *w, size_t max_frames, struct err *e) {
    *v = (struct code2wav){.run = run, .config = c, .max_frames = max_frames};
    if (load_transformer(v, w, e))
        return e->code;
    for (size_t i = 0; i < c->n_upsamplers; i++)
        if (load_upsampler(v, w, i, e))
            return e->code;
    if (load_decoder(v, w, e))
        return e->code;
    nn_cache_init(&v->cache, run, &c->text, 2 * (c->text.window - 1) + max_frames);
    v->position = run_new_1d(run, RUN_SESSION, TENSOR_I32, 1);
    v->codes = run_new_2d(run, RUN_SESSION, TENSOR_I32, max_frames, c->n_groups);
    v->sound = run_new_1d(run, RUN_SESSION, TENSOR_F32, max_frames * c->factor);
    v->steps = arena_zalloc(&run->memory[RUN_SESSION], (max_frames + 1) * sizeof *v->steps);
    code2wav_reset(v);
    return 0;
}
