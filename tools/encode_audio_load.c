/* Finding the encoder's weights, and laying the convolutions out as products over patches. */
#include "common/nn/weight.h"
#include "tools/encode_audio.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LEN = 256, CONV_MELS = 8 /* three strides of 2 */ };

static int get(struct run *run, struct weights *w, struct tensor *t, struct err *e,
               const char *name, const char *what, const size_t shape[4]) {
    char full[NAME_LEN];
    snprintf(full, sizeof full, "thinker.audio_tower.%s.%s", name, what);
    return nn_weight(run, w, t, e, full, shape);
}

/* The same in host memory, to be laid out anew. */
static int get_host(struct weights *w, struct tensor *t, struct err *e, const char *name,
                    const size_t shape[4]) {
    char full[NAME_LEN];
    snprintf(full, sizeof full, "thinker.audio_tower.%s.weight", name);
    return weights_get(w, t, e, full, shape);
}

static int get_linear(struct run *run, struct weights *w, struct encoder_linear *l, struct err *e,
                      const char *name, size_t n, size_t k) {
    if (get(run, w, &l->w, e, name, "weight", (size_t[4]){n, k}))
        return e->code;
    return get(run, w, &l->b, e, name, "bias", (size_t[4]){n});
}

static int get_norm(struct run *run, struct weights *w, struct encoder_norm *norm, struct err *e,
                    const char *name, size_t d) {
    if (get(run, w, &norm->w, e, name, "weight", (size_t[4]){d}))
        return e->code;
    return get(run, w, &norm->b, e, name, "bias", (size_t[4]){d});
}

/* dst[a, c, b] = src[a, b, c] for elements of `size` bytes. Host memory of the step. */
static char *swap_inner(struct run *run, const char *src, size_t n_a, size_t n_b, size_t n_c,
                        size_t size) {
    char *dst = arena_alloc(&run->memory[RUN_STEP], n_a * n_b * n_c * size);
    for (size_t a = 0; a < n_a; a++)
        for (size_t b = 0; b < n_b; b++)
            for (size_t c = 0; c < n_c; c++)
                memcpy(dst + ((a * n_c + c) * n_b + b) * size,
                       src + ((a * n_b + b) * n_c + c) * size, size);
    return dst;
}

/* A new model tensor [rows, columns] from host memory; ends the step. */
static struct tensor keep(struct run *run, const char *host, enum tensor_dtype dtype, size_t rows,
                          size_t columns) {
    struct tensor t = run_new_2d(run, RUN_MODEL, dtype, rows, columns);
    run_write(run, &t, host);
    run_step(run);
    return t;
}

/* n rows of `bytes`, made `wide` with zeros. Host memory of the step. */
static char *widen_rows(struct run *run, const char *src, size_t n, size_t bytes, size_t wide) {
    char *dst = arena_zalloc(&run->memory[RUN_STEP], n * wide);
    for (size_t i = 0; i < n; i++)
        memcpy(dst + i * wide, src + i * bytes, bytes);
    return dst;
}

/* torch has [out, in, mel, time]; our images are [time, mel, channel], so we want [out, time, mel,
 * in]: first the channels go inward, then mel and time change places. */
static int load_conv(struct encoder *enc, struct weights *w, size_t i, struct err *e) {
    struct encoder_linear *l = &enc->conv[i];
    size_t out = enc->config->downsample_hidden, in = i ? out : 1;
    char name[32];
    struct tensor t;
    snprintf(name, sizeof name, "conv2d%zu", i + 1);
    if (get_host(w, &t, e, name, (size_t[4]){out, in, 3, 3}) ||
        get(enc->run, w, &l->b, e, name, "bias", (size_t[4]){out}))
        return e->code;
    size_t size = tensor_dtype_size(t.dtype), width = op_matrix_width(enc->run, 9 * in);
    char *host = swap_inner(enc->run, t.data, out, in, 9, size);
    host = swap_inner(enc->run, host, out, 3, 3, in * size);
    if (width > 9 * in)
        host = widen_rows(enc->run, host, out, 9 * in * size, width * size);
    l->w = keep(enc->run, host, t.dtype, out, width);
    return 0;
}

/* The flattened column is channel-major in the checkpoint and mel-major here. */
static int load_conv_out(struct encoder *enc, struct weights *w, struct err *e) {
    const struct config_audio *c = enc->config;
    size_t mels = c->n_mels / CONV_MELS, channels = c->downsample_hidden;
    struct tensor t;
    if (get_host(w, &t, e, "conv_out", (size_t[4]){c->d_model, channels * mels}))
        return e->code;
    char *host =
        swap_inner(enc->run, t.data, c->d_model, channels, mels, tensor_dtype_size(t.dtype));
    enc->conv_out.w = keep(enc->run, host, t.dtype, c->d_model, channels * mels);
    return 0;
}

static int load_layer(struct encoder *enc, struct weights *w, size_t i, struct err *e) {
    struct encoder_layer *l = &enc->layers[i];
    size_t d = enc->config->d_model, ffn = enc->config->ffn;
    struct {
        const char *name;
        struct encoder_linear *linear;
        size_t n, k;
    } linears[] = {{"self_attn.q_proj", &l->q, d, d}, {"self_attn.k_proj", &l->k, d, d},
                   {"self_attn.v_proj", &l->v, d, d}, {"self_attn.out_proj", &l->out, d, d},
                   {"fc1", &l->fc1, ffn, d},          {"fc2", &l->fc2, d, ffn}};
    char name[64];
    for (size_t j = 0; j < sizeof linears / sizeof *linears; j++) {
        snprintf(name, sizeof name, "layers.%zu.%s", i, linears[j].name);
        if (get_linear(enc->run, w, linears[j].linear, e, name, linears[j].n, linears[j].k))
            return e->code;
    }
    snprintf(name, sizeof name, "layers.%zu.self_attn_layer_norm", i);
    if (get_norm(enc->run, w, &l->attention_norm, e, name, d))
        return e->code;
    snprintf(name, sizeof name, "layers.%zu.final_layer_norm", i);
    return get_norm(enc->run, w, &l->mlp_norm, e, name, d);
}

/* Sinusoids as in Whisper: sines of all wavelengths, then cosines (SinusoidsPositionEmbedding). */
static void make_positions(struct encoder *enc) {
    const struct config_audio *c = enc->config;
    size_t rows = encoder_rows(c, 2 * c->n_window), half = c->d_model / 2;
    enc->positions = run_new_2d(enc->run, RUN_MODEL, TENSOR_F32, rows, c->d_model);
    float *host = arena_alloc(&enc->run->memory[RUN_STEP], tensor_bytes(&enc->positions));
    float step = (float)(log(10000.0) / (double)(half - 1));
    for (size_t t = 0; t < rows; t++) {
        for (size_t i = 0; i < half; i++) {
            float angle = (float)t * expf(-step * (float)i);
            host[t * c->d_model + i] = sinf(angle);
            host[t * c->d_model + half + i] = cosf(angle);
        }
    }
    run_write(enc->run, &enc->positions, host);
    run_step(enc->run);
}

/* What a batch is read from and written to. */
static void make_batch(struct encoder *enc) {
    const struct config_audio *c = enc->config;
    struct run *run = enc->run;
    size_t n_frames = encoder_batch(c), n_rows = encoder_rows(c, n_frames);
    enc->mel = run_new_2d(run, RUN_SESSION, TENSOR_F32, n_frames * c->n_mels, 1);
    enc->rows = run_new_2d(run, RUN_SESSION, TENSOR_F32, n_rows, c->output_dim);
    enc->places = run_new_1d(run, RUN_SESSION, TENSOR_I32, n_rows);
    int32_t *host = arena_alloc(&run->memory[RUN_STEP], n_rows * sizeof *host);
    for (size_t t = 0; t < n_rows; t++)
        host[t] = (int32_t)(t % enc->positions.shape[0]);
    run_write(run, &enc->places, host);
    run_step(run);
}

int encoder_create(struct encoder *enc, struct run *run, const struct config_audio *c,
                   struct weights *w, struct err *e) {
    *enc = (struct encoder){.run = run, .config = c};
    for (size_t i = 0; i < 3; i++)
        if (load_conv(enc, w, i, e))
            return e->code;
    if (load_conv_out(enc, w, e))
        return e->code;
    make_positions(enc);
    make_batch(enc);
    enc->layers = arena_zalloc(&run->memory[RUN_MODEL], c->n_layers * sizeof *enc->layers);
    for (size_t i = 0; i < c->n_layers; i++)
        if (load_layer(enc, w, i, e))
            return e->code;
    if (get_norm(enc->run, w, &enc->ln_post, e, "ln_post", c->d_model) ||
        get_linear(enc->run, w, &enc->proj1, e, "proj1", c->d_model, c->d_model))
        return e->code;
    return get_linear(enc->run, w, &enc->proj2, e, "proj2", c->output_dim, c->d_model);
}
