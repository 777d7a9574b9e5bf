#include "tools/encode_audio.h"

/* Attention windows encoded together: enough rows that a pass over the weights is worth it. */
enum { WINDOWS_A_BATCH = 4 };

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

/* gelu(conv(image)): image [H * W, C] seen as [H, W, C] to [ceil(H/2) * ceil(W/2), C']. */
static struct tensor conv(struct run *run, const struct tensor *image, size_t height, size_t width,
                          const struct encoder_linear *l) {
    size_t pixels = half_up(height) * half_up(width);
    struct tensor patches = run_new_2d(run, RUN_STEP, TENSOR_F32, pixels, l->w.shape[1]);
    struct tensor dst = run_new_2d(run, RUN_STEP, TENSOR_F32, pixels, l->w.shape[0]);
    op_im2col(run, &patches, image, height, width);
    linear(run, &dst, &patches, l, OP_GELU);
    return dst;
}

/* One chunk of n mel frames to rows [conv_columns(n), d]. The image is `width` frames wide: a short
 * last chunk is padded with zeros, which leak into its last columns as in the reference. */
static void encode_chunk(struct encoder *enc, const float *mel, size_t n, size_t width,
                         const struct tensor *rows) {
    struct run *run = enc->run;
    struct run_mark scratch = run_mark(run, RUN_STEP);
    size_t mels = enc->config->n_mels;
    struct tensor image = run_new_2d(run, RUN_STEP, TENSOR_F32, width * mels, 1);
    struct tensor filled = tensor_rows(&image, 0, n * mels);
    run_zero(run, &image);
    run_write(run, &filled, mel);
    for (size_t i = 0; i < 3; i++) {
        image = conv(run, &image, width, mels, &enc->conv[i]);
        width = half_up(width);
        mels = half_up(mels);
    }
    struct tensor columns = tensor_reshape_2d(&image, width, mels * image.shape[1]);
    columns = tensor_rows(&columns, 0, rows->shape[0]);
    linear(run, rows, &columns, &enc->conv_out, OP_NONE);
    run_release(run, RUN_STEP, scratch);
}

static void add_positions(struct encoder *enc, const struct tensor *x) {
    struct run *run = enc->run;
    size_t a_chunk = enc->positions.shape[0], n = x->shape[0];
    struct tensor ids = run_new_1d(run, RUN_STEP, TENSOR_I32, n);
    int32_t *host = arena_alloc(&run->memory[RUN_STEP], n * sizeof *host);
    for (size_t t = 0; t < n; t++)
        host[t] = (int32_t)(t % a_chunk);
    run_write(run, &ids, host);
    op_embed_add(run, x, &enc->positions, &ids);
}

/* ---- transformer ---- */

static struct tensor heads(struct encoder *enc, const struct tensor *a,
                           const struct encoder_linear *l) {
    size_t n_heads = enc->config->n_heads, d = enc->config->d_model;
    struct tensor x = run_new_2d(enc->run, RUN_STEP, TENSOR_F32, a->shape[0], d);
    linear(enc->run, &x, a, l, OP_NONE);
    return tensor_reshape_3d(&x, a->shape[0], n_heads, d / n_heads);
}

static void encode_layer(struct encoder *enc, const struct encoder_layer *l, const struct tensor *x,
                         size_t window) {
    struct run *run = enc->run;
    struct run_mark scratch = run_mark(run, RUN_STEP);
    size_t n = x->shape[0], d = x->shape[1];
    struct tensor a = run_new_2d(run, RUN_STEP, TENSOR_F32, n, d);
    layer_norm(run, &a, x, &l->attention_norm);
    struct tensor q = heads(enc, &a, &l->q), k = heads(enc, &a, &l->k), v = heads(enc, &a, &l->v);
    struct tensor o = tensor_reshape_3d(&a, n, q.shape[1], q.shape[2]);
    op_attention_blocks(run, &o, &q, &k, &v, window);
    op_linear_add(run, x, &a, &l->out.w, &l->out.b);
    layer_norm(run, &a, x, &l->mlp_norm);
    struct tensor h = run_new_2d(run, RUN_STEP, TENSOR_F32, n, l->fc1.w.shape[0]);
    linear(run, &h, &a, &l->fc1, OP_GELU);
    op_linear_add(run, x, &h, &l->fc2.w, &l->fc2.b);
    run_release(run, RUN_STEP, scratch);
}

static struct tensor project(struct encoder *enc, const struct tensor *x) {
    struct run *run = enc->run;
    size_t n = x->shape[0];
    layer_norm(run, x, x, &enc->ln_post);
    run_trace(run, x, "audio.ln_post");
    struct tensor h = run_new_2d(run, RUN_STEP, TENSOR_F32, n, x->shape[1]);
    struct tensor out = run_new_2d(run, RUN_STEP, TENSOR_F32, n, enc->config->output_dim);
    linear(run, &h, x, &enc->proj1, OP_GELU);
    linear(run, &out, &h, &enc->proj2, OP_NONE);
    return out;
}

void encoder_run(struct encoder *enc, const float *mel, size_t n, size_t n_frames, float *dst) {
    struct run *run = enc->run;
    const struct config_audio *c = enc->config;
    /* Chunks are as wide as the clip's widest. */
    size_t chunk = chunk_frames(c), width = n_frames < chunk ? n_frames : chunk;
    run_step(run);
    struct tensor x = run_new_2d(run, RUN_STEP, TENSOR_F32, encoder_rows(c, n), c->d_model);
    for (size_t at = 0, row = 0; at < n; at += chunk) {
        size_t frames = n - at < chunk ? n - at : chunk;
        struct tensor rows = tensor_rows(&x, row, conv_columns(frames));
        encode_chunk(enc, mel + at * c->n_mels, frames, width, &rows);
        row += rows.shape[0];
    }
    run_trace(run, &x, "audio.conv_out");
    add_positions(enc, &x);
    run_trace(run, &x, "audio.embed");
    size_t window = window_frames(c) / chunk * conv_columns(width);
    for (size_t i = 0; i < c->n_layers; i++) {
        encode_layer(enc, &enc->layers[i], &x, window);
        run_trace(run, &x, "audio.layers.%zu", i);
    }
    struct tensor out = project(enc, &x);
    run_read(run, &out, dst);
}
