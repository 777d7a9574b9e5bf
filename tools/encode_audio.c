#include "tools/encode_audio.h"

#include <stdlib.h>

/* Attention windows encoded together: enough rows that a pass over the weights is worth it. */
enum { WINDOWS_A_BATCH = 4 };

/* Chunks that a GPU convolves together; on a CPU one is enough work. */
enum { CHUNKS_TOGETHER = 8 };

static const float LAYER_NORM_EPS = 1e-5F;

static size_t chunk_frames(const struct config_audio *c) {
    return 2 * c->n_window;
}

static size_t half_up(size_t n) {
    return (n + 1) / 2;
}

/* What three convolutions of stride 2 make of n columns. */
static size_t conv_columns(size_t n) {
    return half_up(half_up(half_up(n)));
}

size_t encoder_rows(const struct config_audio *c, size_t n_frames) {
    size_t chunk = chunk_frames(c);
    return n_frames / chunk * conv_columns(chunk) + conv_columns(n_frames % chunk);
}

static size_t window_frames(const struct config_audio *c) {
    return c->n_window_infer / chunk_frames(c) * chunk_frames(c);
}

size_t encoder_batch(const struct config_audio *c) {
    return WINDOWS_A_BATCH * window_frames(c);
}

static void layer_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                       const struct encoder_norm *norm) {
    op_layer_norm(run, dst, x, &norm->w, &norm->b, LAYER_NORM_EPS);
}

static void linear(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct encoder_linear *l, enum op_act act) {
    op_linear(run, dst, x, &l->w, l->b.rank ? &l->b : NULL, act);
}

/* ---- convolutions ---- */

/* dst = gelu(conv(images)): images [n * H * W, C] seen as [n, H, W, C] to [n * ceil(H/2) *
 * ceil(W/2), C']. */
static void conv(struct run *run, const struct tensor *dst, const struct tensor *images,
                 size_t height, size_t width, const struct encoder_linear *l) {
    struct tensor patches = run_new_2d(run, RUN_STEP, op_matrix_dtype(run, dst->shape[0], &l->w),
                                       dst->shape[0], l->w.shape[1]);
    op_im2col(run, &patches, images, height, width);
    linear(run, dst, &patches, l, OP_GELU);
}

/* n chunks, `width` mel frames each from frame `at` of the batch on, to columns
 * [n * conv_columns(width) * mels / 8, C']. */
static void convolve(struct encoder *enc, size_t at, size_t n, size_t width,
                     const struct tensor *columns) {
    struct run *run = enc->run;
    struct run_mark scratch = run_mark(run, RUN_STEP);
    size_t mels = enc->config->n_mels;
    struct tensor images = tensor_rows(&enc->mel, at * mels, n * width * mels);
    for (size_t i = 0; i < 3; i++) {
        size_t pixels = n * half_up(width) * half_up(mels);
        struct tensor dst = *columns;
        if (i < 2)
            dst = run_new_2d(run, RUN_STEP, op_matrix_dtype(run, pixels, &enc->conv[i].w), pixels,
                             enc->conv[i].w.shape[0]);
        conv(run, &dst, &images, width, mels, &enc->conv[i]);
        width = half_up(width);
        mels = half_up(mels);
        images = dst;
    }
    run_release(run, RUN_STEP, scratch);
}

/* The n frames in chunks of `width` to x [encoder_rows(n), d]. A short last chunk is padded with
 * zeros, which leak into its last columns as in the reference. */
static void encode_chunks(struct encoder *enc, size_t n, size_t width, const struct tensor *x) {
    struct run *run = enc->run;
    struct run_mark scratch = run_mark(run, RUN_STEP);
    size_t chunks = (n + width - 1) / width, each = conv_columns(width);
    size_t row = enc->conv_out.w.shape[1], channels = enc->conv[2].w.shape[0];
    size_t together = run->gpu ? CHUNKS_TOGETHER : 1;
    struct tensor all = run_new_2d(
        run, RUN_STEP, op_between_dtype(run, chunks * each, &enc->conv[2].w, &enc->conv_out.w),
        chunks * each, row);
    for (size_t i = 0; i < chunks; i += together) {
        size_t some = chunks - i < together ? chunks - i : together;
        struct tensor columns = tensor_rows(&all, i * each, some * each);
        columns = tensor_reshape_2d(&columns, some * each * row / channels, channels);
        convolve(enc, i * width, some, width, &columns);
    }
    struct tensor kept = tensor_rows(&all, 0, x->shape[0]);
    linear(run, x, &kept, &enc->conv_out, OP_NONE);
    run_release(run, RUN_STEP, scratch);
}

static void add_positions(struct encoder *enc, const struct tensor *x) {
    struct tensor places = tensor_rows(&enc->places, 0, x->shape[0]);
    op_embed_add(enc->run, x, &enc->positions, &places);
}

/* ---- transformer ---- */

static struct tensor heads(struct encoder *enc, const struct tensor *a,
                           const struct encoder_linear *l) {
    size_t n_heads = enc->config->n_heads, d = enc->config->d_model;
    enum tensor_dtype dtype = a->dtype;
    if (dtype == TENSOR_BF16)
        dtype = op_attention_blocks_dtype(enc->run, d / n_heads);
    struct tensor x = run_new_2d(enc->run, RUN_STEP, dtype, a->shape[0], d);
    linear(enc->run, &x, a, l, OP_NONE);
    return tensor_reshape_3d(&x, a->shape[0], n_heads, d / n_heads);
}

/* layer_norm(x), as the products behind it want it. */
static struct tensor normed(struct run *run, const struct tensor *x,
                            const struct encoder_norm *norm, const struct encoder_linear *next) {
    size_t n = x->shape[0], d = x->shape[1];
    struct tensor a = run_new_2d(run, RUN_STEP, op_matrix_dtype(run, n, &next->w), n, d);
    layer_norm(run, &a, x, norm);
    return a;
}

static void encode_layer(struct encoder *enc, const struct encoder_layer *l, const struct tensor *x,
                         size_t window) {
    struct run *run = enc->run;
    struct run_mark scratch = run_mark(run, RUN_STEP);
    size_t n = x->shape[0];
    struct tensor a = normed(run, x, &l->attention_norm, &l->q);
    struct tensor q = heads(enc, &a, &l->q), k = heads(enc, &a, &l->k), v = heads(enc, &a, &l->v);
    struct tensor o = run_new_3d(run, RUN_STEP, q.dtype, n, q.shape[1], q.shape[2]);
    op_attention_blocks(run, &o, &q, &k, &v, window);
    op_linear_add(run, x, &o, &l->out.w, &l->out.b, NULL);
    a = normed(run, x, &l->mlp_norm, &l->fc1);
    struct tensor h = run_new_2d(run, RUN_STEP, op_between_dtype(run, n, &l->fc1.w, &l->fc2.w), n,
                                 l->fc1.w.shape[0]);
    linear(run, &h, &a, &l->fc1, OP_GELU);
    op_linear_add(run, x, &h, &l->fc2.w, &l->fc2.b, NULL);
    run_release(run, RUN_STEP, scratch);
}

/* To enc->rows. */
static void project(struct encoder *enc, const struct tensor *x) {
    struct run *run = enc->run;
    size_t n = x->shape[0];
    layer_norm(run, x, x, &enc->ln_post);
    run_trace(run, x, "audio.ln_post");
    struct tensor h = run_new_2d(
        run, RUN_STEP, op_between_dtype(run, n, &enc->proj1.w, &enc->proj2.w), n, x->shape[1]);
    struct tensor out = tensor_rows(&enc->rows, 0, n);
    linear(run, &h, x, &enc->proj1, OP_GELU);
    linear(run, &out, &h, &enc->proj2, OP_NONE);
}

/* ---- a batch ---- */

/* enc->mel = the n frames and zeros up to whole chunks. */
static void write_mel(struct encoder *enc, const float *mel, size_t n, size_t width) {
    struct run *run = enc->run;
    size_t mels = enc->config->n_mels, padded = (n + width - 1) / width * width;
    struct tensor frames = tensor_rows(&enc->mel, 0, n * mels);
    struct tensor rest = tensor_rows(&enc->mel, n * mels, (padded - n) * mels);
    run_write(run, &frames, mel);
    run_zero(run, &rest);
    struct tensor traced = tensor_reshape_2d(&frames, n, mels);
    run_trace(run, &traced, "audio.mel");
}

/* n frames of enc->mel, in chunks `width` wide, to enc->rows. */
static void encode(struct encoder *enc, size_t n, size_t width) {
    struct run *run = enc->run;
    const struct config_audio *c = enc->config;
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, encoder_rows(c, n), c->d_model);
    encode_chunks(enc, n, width, &x);
    run_trace(run, &x, "audio.conv_out");
    add_positions(enc, &x);
    run_trace(run, &x, "audio.embed");
    size_t window = window_frames(c) / chunk_frames(c) * conv_columns(width);
    for (size_t i = 0; i < c->n_layers; i++) {
        encode_layer(enc, &enc->layers[i], &x, window);
        run_trace(run, &x, "audio.layers.%zu", i);
    }
    project(enc, &x);
}

void encoder_run(struct encoder *enc, const float *mel, size_t n, size_t n_frames, float *dst) {
    struct run *run = enc->run;
    const struct config_audio *c = enc->config;
    /* Chunks are as wide as the clip's widest. */
    size_t chunk = chunk_frames(c), width = n_frames < chunk ? n_frames : chunk;
    struct tensor out = tensor_rows(&enc->rows, 0, encoder_rows(c, n));
    run_step(run);
    write_mel(enc, mel, n, width);
    if (n != encoder_batch(c)) {
        encode(enc, n, width);
    } else if (!run_replay(run, &enc->batch)) {
        run_record(run, &enc->batch);
        encode(enc, n, width);
        run_recorded(run, &enc->batch);
    }
    run_read(run, &out, dst);
}

void encoder_rehearse(struct encoder *enc) {
    const struct config_audio *c = enc->config;
    size_t all = encoder_batch(c), chunk = chunk_frames(c), lengths[] = {all, 2 * chunk, chunk, 9};
    if (!run_rehearse(enc->run))
        return;
    float *mel = arena_xrealloc(NULL, all * c->n_mels, sizeof *mel);
    float *rows = arena_xrealloc(NULL, tensor_bytes(&enc->rows), 1);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        encoder_run(enc, mel, lengths[i], lengths[i], rows);
    free(mel);
    free(rows);
    run_rehearsed(enc->run);
}
