#include "tools/code2wav.h"

#include <stdlib.h>

static const float CONVNEXT_EPS = 1e-6F;

void code2wav_reset(struct code2wav *v) {
    v->n_frames = 0;
    v->steady = false;
    run_write(v->run, &v->position, (int32_t[1]){0});
    nn_cache_truncate(&v->cache, v->run, 0);
    for (size_t i = 0; i < v->config->n_upsamplers; i++)
        nn_conv_reset(&v->upsamplers[i].depthwise, v->run);
    nn_conv_reset(&v->entry, v->run);
    for (size_t i = 0; i < v->config->n_blocks; i++) {
        nn_conv_reset(&v->blocks[i].up, v->run);
        for (size_t u = 0; u < CODE2WAV_UNITS; u++)
            nn_conv_reset(&v->blocks[i].units[u].conv1, v->run);
    }
    nn_conv_reset(&v->exit, v->run);
}

/* The first n codes to rows of the transformer, all its layers and its norm: [n, H]. */
static struct tensor transform(struct code2wav *v, size_t n) {
    const struct config_code2wav *c = v->config;
    struct run *run = v->run;
    struct tensor ids = tensor_rows(&v->codes, 0, n);
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, n, c->text.hidden);
    struct tensor positions = run_new_2d(run, RUN_STEP, TENSOR_F32, n, 3);
    op_embed_sum(run, &x, v->tables, &ids, 1 / (float)c->n_groups);
    run_trace(run, &x, "code2wav.embed");
    /* Where a row is in the cache says nothing about its position: the cache slides. */
    op_positions(run, &positions, &v->position);
    struct tensor rope = nn_decoder_rope(&v->transformer, run, &positions);
    nn_decoder_layers(&v->transformer, run, &v->cache, &x, &rope, 0, c->text.n_layers);
    nn_cache_advance(&v->cache, run, n);
    op_advance(run, &v->position, n);
    struct tensor y = nn_decoder_norm(&v->transformer, run, &x);
    run_trace(run, &y, "code2wav.norm");
    return y;
}

/* As many numbers as x, for a product with w. */
static struct tensor for_product(struct run *run, const struct tensor *x, const struct tensor *w) {
    return run_new_2d(run, RUN_STEP, op_matrix_dtype(run, x->shape[0], w), x->shape[0],
                      x->shape[1]);
}

/* up(x), then ConvNeXt: y += gamma * narrow(gelu(wide(norm(depthwise(y))))). */
static struct tensor upsample(struct code2wav *v, size_t i, const struct tensor *x) {
    struct code2wav_upsampler *u = &v->upsamplers[i];
    struct run *run = v->run;
    struct tensor fresh, z, normed, wide, in = nn_conv_input(&u->up, run, x->shape[0], &fresh);
    op_copy(run, &fresh, x);
    struct tensor y = nn_conv_run(&u->up, run, &in);
    in = nn_conv_input(&u->depthwise, run, y.shape[0], &fresh);
    op_copy(run, &fresh, &y);
    z = nn_conv_run(&u->depthwise, run, &in);
    normed = for_product(run, &z, &u->wide_w);
    op_layer_norm(run, &normed, &z, &u->norm_w, &u->norm_b, CONVNEXT_EPS);
    wide = run_new_2d(run, RUN_STEP, op_between_dtype(run, y.shape[0], &u->wide_w, &u->narrow_w),
                      y.shape[0], u->wide_w.shape[0]);
    op_linear(run, &wide, &normed, &u->wide_w, &u->wide_b, OP_GELU);
    op_linear_add(run, &y, &wide, &u->narrow_w, &u->narrow_b, &u->gamma);
    run_trace(run, &y, "code2wav.upsample.%zu", i);
    return y;
}

/* conv(snake(x)); snake writes straight into the convolution's input. */
static struct tensor snake_conv(struct run *run, const struct code2wav_snake *s, struct nn_conv *c,
                                const struct tensor *x) {
    struct tensor fresh, in = nn_conv_input(c, run, x->shape[0], &fresh);
    op_snakebeta(run, &fresh, x, &s->alpha, &s->beta);
    return nn_conv_run(c, run, &in);
}

/* x += conv2(snake2(conv1(snake1(x)))). */
static void add_unit(struct run *run, struct code2wav_unit *u, const struct tensor *x) {
    struct run_mark scratch = run_mark(run, RUN_STEP);
    struct tensor y = snake_conv(run, &u->snake1, &u->conv1, x);
    struct tensor w = tensor_reshape_2d(&u->conv2.w, u->conv2.w.shape[0], u->conv2.w.shape[2]);
    struct tensor z = for_product(run, &y, &w);
    op_snakebeta(run, &z, &y, &u->snake2.alpha, &u->snake2.beta);
    op_linear_add(run, x, &z, &w, &u->conv2.b, NULL);
    run_release(run, RUN_STEP, scratch);
}

static struct tensor block(struct code2wav *v, size_t i, const struct tensor *x) {
    struct code2wav_block *b = &v->blocks[i];
    struct tensor y = snake_conv(v->run, &b->snake, &b->up, x);
    if (y.shape[0] == 0)
        return y;
    for (size_t u = 0; u < CODE2WAV_UNITS; u++)
        add_unit(v->run, &b->units[u], &y);
    run_trace(v->run, &y, "code2wav.decoder.%zu", i + 1);
    return y;
}

/* The first n codes to sound, as a step tensor. */
static struct tensor decode(struct code2wav *v, size_t n) {
    struct run *run = v->run;
    struct tensor fresh, x = transform(v, n);
    for (size_t i = 0; i < v->config->n_upsamplers; i++)
        x = upsample(v, i, &x);
    struct tensor in = nn_conv_input(&v->entry, run, x.shape[0], &fresh);
    op_copy(run, &fresh, &x);
    x = nn_conv_run(&v->entry, run, &in);
    run_trace(run, &x, "code2wav.decoder.0");
    /* A column or two may not be enough for the first blocks to say anything yet. */
    for (size_t i = 0; i < v->config->n_blocks && x.shape[0]; i++)
        x = block(v, i, &x);
    if (x.shape[0] == 0)
        return x;
    x = snake_conv(run, &v->snake, &v->exit, &x);
    op_clamp(run, &x, -1, 1);
    return x;
}

/* The same to v->sound; gives the number of samples. */
static size_t make_sound(struct code2wav *v, size_t n) {
    struct tensor x = decode(v, n), to = tensor_rows(&v->sound, 0, x.shape[0]);
    if (x.shape[0])
        op_copy(v->run, &to, &x);
    return x.shape[0];
}

/* A steady push is the same sequence of ops whenever n is the same. */
static size_t make_steady_sound(struct code2wav *v, size_t n) {
    if (run_replay(v->run, &v->steps[n])) {
        nn_cache_replayed(&v->cache, n);
        return n * v->config->factor;
    }
    run_record(v->run, &v->steps[n]);
    size_t n_samples = make_sound(v, n);
    run_recorded(v->run, &v->steps[n]);
    return n_samples;
}

struct tensor code2wav_push(struct code2wav *v, const int32_t *codes, size_t n) {
    const struct config_decoder *c = &v->config->text;
    struct tensor ids = tensor_rows(&v->codes, 0, n);
    run_step(v->run);
    run_write(v->run, &ids, codes);
    nn_cache_slide(&v->cache, v->run, c->n_layers, c->window - 1, n);
    size_t n_samples = v->steady ? make_steady_sound(v, n) : make_sound(v, n);
    v->steady = n_samples > 0;
    v->n_frames += n;
    return tensor_rows(&v->sound, 0, n_samples);
}

void code2wav_rehearse(struct code2wav *v) {
    if (!run_rehearse(v->run))
        return;
    int32_t *codes = arena_xrealloc(NULL, tensor_bytes(&v->codes), 1);
    code2wav_push(v, codes, 1);
    for (size_t n = 1; n < v->max_frames; n *= 2)
        code2wav_push(v, codes, n);
    struct tensor sound = code2wav_push(v, codes, v->max_frames);
    float *samples = arena_xrealloc(NULL, tensor_bytes(&sound), 1);
    run_read(v->run, &sound, samples);
    free(codes);
    free(samples);
    code2wav_reset(v);
    run_rehearsed(v->run);
}
