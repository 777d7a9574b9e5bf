/* code2wav MODEL [DEVICE]: how fast omni-code2wav's model is, in blocks of 8 frames as it streams
 * and in others, beside what the machine's multipliers could do. */
#include "tools/code2wav.h"
#include "common/base/die.h"
#include "tests/bench/gpu_peak.h"
#include "tests/bench/peak.h"
#include "tests/bench/row.h"

#include <stdio.h>

static const double SECONDS = 2; /* of measuring, a size */

/* Multiplications and additions of one frame: 2 for each weight and row that it meets. */
static double conv_flop(const struct nn_conv *c, double *columns) {
    double flop = 2 * (double)tensor_count(&c->w) * *columns;
    *columns *= (double)c->stride;
    return flop;
}

static double flop_per_frame(const struct code2wav *v) {
    const struct config_code2wav *c = v->config;
    const struct config_decoder *t = &c->text;
    double width = (double)t->hidden, heads = (double)(t->n_heads * t->head_dim), columns = 1;
    double layer = 2 * width * heads * 4 + 2 * 3 * width * (double)t->intermediate +
                   4 * (double)t->window * heads;
    double flop = layer * (double)t->n_layers;
    for (size_t i = 0; i < c->n_upsamplers; i++) {
        const struct code2wav_upsampler *u = &v->upsamplers[i];
        flop += conv_flop(&u->up, &columns) + conv_flop(&u->depthwise, &columns);
        flop += 4 * (double)tensor_count(&u->wide_w) * columns;
    }
    flop += conv_flop(&v->entry, &columns);
    for (size_t i = 0; i < c->n_blocks; i++) {
        flop += conv_flop(&v->blocks[i].up, &columns);
        for (size_t u = 0; u < CODE2WAV_UNITS; u++)
            flop += conv_flop(&v->blocks[i].units[u].conv1, &columns) +
                    conv_flop(&v->blocks[i].units[u].conv2, &columns);
    }
    return flop + conv_flop(&v->exit, &columns);
}

struct block {
    struct code2wav *v;
    const int32_t *codes; /* [n, G] */
    size_t n;
};

/* Best seconds of a block, with the pasts filled. */
static double time_block(void *ctx) {
    const struct block *b = ctx;
    double best = INFINITY, end = bench_now() + SECONDS;
    do {
        double start = bench_now();
        code2wav_push(b->v, b->codes, b->n);
        run_wait(b->v->run);
        /* The first ones look back on little. */
        bool counts = b->v->n_frames > b->v->config->text.window;
        best = counts ? fmin(best, bench_now() - start) : best;
    } while (bench_now() < end || best == INFINITY);
    return best;
}

static void bench(struct run *run, const struct config_code2wav *c, struct weights *w, size_t n,
                  const struct bench_gpu *ceilings) {
    struct err e = {.code = 0};
    struct code2wav v;
    if (code2wav_load(&v, run, c, w, n, &e))
        die_err(&e);
    int32_t *codes = arena_alloc(&run->memory[RUN_SESSION], n * c->n_groups * sizeof *codes);
    for (size_t i = 0; i < n * c->n_groups; i++)
        codes[i] = (int32_t)(i * 7919 % c->codebook);
    double seconds =
        bench_gpu_calmly(run->gpu, ceilings, time_block, &(struct block){&v, codes, n});
    double sound = (double)(n * c->factor) / (double)c->sample_rate;
    double speed = flop_per_frame(&v) * (double)n / seconds;
    char device[64], more[64];
    snprintf(device, sizeof device, "%s%s", run->gpu ? "vulkan" : run_device(run),
             run->precise ? " precise" : "");
    snprintf(more, sizeof more, "%8.2f ms/frame %8.1f GFLOP/s ", 1e3 * seconds / (double)n,
             1e-9 * speed);
    bench_row(&(struct bench_row){.bench = "code2wav",
                                  .device = device,
                                  .value = seconds / sound,
                                  .unit = "RTF",
                                  .share = speed / ceilings->fma,
                                  .ceiling = "fma"},
              more, "blocks of %zu frames", n);
}

int main(int argc, char **argv) {
    struct run run;
    struct config config;
    struct weights *w;
    struct err e = {.code = 0};
    die_init("bench/code2wav");
    if (argc != 2 && argc != 3)
        die(ERR_USAGE, "usage: code2wav MODEL [DEVICE]");
    if (config_load(&config, argv[1], &e) || weights_open(&w, argv[1], &e))
        die_err(&e);
    for (int precise = 1; precise >= 0; precise--) {
        run_init(&run, argc > 2 ? argv[2] : "cpu", 0, precise);
        struct bench_gpu ceilings = {.fma = run.gpu ? 0 : bench_fma_peak(run.cpu)};
        if (run.gpu)
            ceilings = bench_gpu_ceilings(run.gpu);
        for (size_t n = 1; n <= 64; n *= 8)
            bench(&run, &config.code2wav, w, n, &ceilings);
        run_free(&run);
    }
    return 0;
}
