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
    /* up's result is the new part of depthwise's input, and y. */
    struct tensor y, in = nn_conv_input(&u->depthwise, run, nn_conv_columns(&u->up, x), &y);
    nn_conv_into(&u->up, run, x, &y, NULL);
    struct tensor z = nn_conv_run(&u->depthwise, run, &in);
    struct tensor normed = for_product(run, &z, &u->wide_w);
    op_layer_norm(run, &normed, &z, &u->norm_w, &u->norm_b, CONVNEXT_EPS);
    struct tensor wide =
        run_new_2d(run, RUN_STEP, op_between_dtype(run, y.shape[0], &u->wide_w, &u->narrow_w),
                   y.shape[0], u->wide_w.shape[0]);
    op_linear(run, &wide, &normed, &u->wide_w, &u->wide_b, OP_GELU);
    op_linear_add(run, &y, &wide, &u->narrow_w, &u->narrow_b, &u->gamma);
    run_trace(run, &y, "code2wav.upsample.%zu", i);
    return y;
}

/* A convolution behind a snake. The op that makes x makes the snake of x too, straight into the
 * convolution's input. */
struct behind {
    const struct code2wav_snake *snake;
    struct nn_conv *conv;
    struct tensor in, fresh; /* of nn_conv_input() */
};

/* For n columns of x. */
static struct behind behind(struct run *run, const struct code2wav_snake *s, struct nn_conv *c,
                            size_t n) {
    struct behind b = {.snake = s, .conv = c};
    b.in = nn_conv_input(c, run, n, &b.fresh);
    return b;
}

static struct op_snake snake_of(const struct code2wav_snake *s, const struct tensor *dst) {
    return (struct op_snake){.dst = dst, .alpha = &s->alpha, .beta = &s->beta};
}

/* The convolution's result, [n, channels], and its snake into the next one's input. */
static struct tensor run_behind(struct run *run, struct behind *b, const struct behind *next,
                                size_t channels) {
    struct tensor y =
        run_new_2d(run, RUN_STEP, TENSOR_F32, nn_conv_columns(b->conv, &b->in), channels);
    struct op_snake snake = snake_of(next->snake, &next->fresh);
    nn_conv_into(b->conv, run, &b->in, &y, &snake);
    return y;
}

/* x += conv2(snake2(conv1(..))), where b is conv1. */
static void add_unit(struct run *run, struct code2wav_unit *u, struct behind *b,
                     const struct behind *next, const struct tensor *x) {
    struct run_mark scratch = run_mark(run, RUN_STEP);
    struct behind inner = behind(run, &u->snake2, &u->conv2, x->shape[0]);
    struct op_snake snake = snake_of(next->snake, &next->fresh);
    run_behind(run, b, &inner, x->shape[1]);
    op_conv_snake(run, x, &inner.in, &u->conv2.w, &u->conv2.b, 1, true, &snake);
    run_release(run, RUN_STEP, scratch);
}

/* What comes behind unit u of block i: the next unit, the next block, or the end. */
static struct behind behind_unit(struct code2wav *v, size_t i, size_t u, size_t n) {
    struct code2wav_block *k = &v->blocks[i];
    if (u + 1 < CODE2WAV_UNITS)
        return behind(v->run, &k->units[u + 1].snake1, &k->units[u + 1].conv1, n);
    if (i + 1 < v->config->n_blocks)
        return behind(v->run, &k[1].snake, &k[1].up, n);
    return behind(v->run, &v->snake, &v->exit, n);
}

/* *b, block i's transposed convolution, becomes what is behind the block. False: there are no
 * columns yet. */
static bool block(struct code2wav *v, size_t i, struct behind *b) {
    struct code2wav_block *k = &v->blocks[i];
    struct run *run = v->run;
    size_t n = nn_conv_columns(b->conv, &b->in);
    struct behind at = behind(run, &k->units[0].snake1, &k->units[0].conv1, n), next;
    struct tensor x = run_behind(run, b, &at, v->config->decoder_dim >> (i + 1));
    if (n == 0)
        return false;
    for (size_t u = 0; u < CODE2WAV_UNITS; u++, at = next) {
        next = behind_unit(v, i, u, n);
        add_unit(run, &k->units[u], &at, &next, &x);
    }
    run_trace(run, &x, "code2wav.decoder.%zu", i + 1);
    *b = at;
    return true;
}

/* The first n codes to v->sound; gives the number of samples. */
static size_t make_sound(struct code2wav *v, size_t n) {
    struct run *run = v->run;
    struct tensor fresh, x = transform(v, n);
    for (size_t i = 0; i < v->config->n_upsamplers; i++)
        x = upsample(v, i, &x);
    struct tensor in = nn_conv_input(&v->entry, run, x.shape[0], &fresh);
    op_copy(run, &fresh, &x);
    struct behind entry = {.conv = &v->entry, .in = in};
    struct behind at = behind(run, &v->blocks[0].snake, &v->blocks[0].up, x.shape[0]);
    x = run_behind(run, &entry, &at, v->config->decoder_dim);
    run_trace(run, &x, "code2wav.decoder.0");
    /* A column or two may not be enough for the first blocks to say anything yet. */
    for (size_t i = 0; i < v->config->n_blocks; i++)
        if (!block(v, i, &at))
            return 0;
    x = nn_conv_run(&v->exit, run, &at.in);
    struct tensor to = tensor_rows(&v->sound, 0, x.shape[0]);
    op_clamp(run, &to, &x, -1, 1);
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
