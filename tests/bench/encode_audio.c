/* encode_audio MODEL: how fast the audio encoder is on a clip of 30 seconds, beside what the
 * machine's multipliers could do. */
#include "tools/encode_audio.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "tests/bench/gpu_peak.h"
#include "tests/bench/peak.h"
#include "tests/bench/row.h"

#include <stdio.h>

enum { FRAMES = 3000, ROUNDS = 3 };
/* Of rounds, or more, on a GPU. */
static const double GPU_SECONDS = 0.5;

/* Multiplications and additions of a whole clip: 2 for each weight and row that it meets. */
static double flop_of(const struct encoder *enc) {
    const struct config_audio *c = enc->config;
    double d = (double)c->d_model, rows = (double)encoder_rows(c, FRAMES), flop = 0;
    double pixels = (double)FRAMES * (double)c->n_mels;
    for (size_t i = 0; i < 3; i++) {
        pixels /= 4;
        flop += 2 * pixels * (double)tensor_count(&enc->conv[i].w);
    }
    flop += 2 * rows * (double)tensor_count(&enc->conv_out.w);
    double window = (double)encoder_rows(c, c->n_window_infer);
    double layer = 2 * (4 * d * d + 2 * d * (double)c->ffn) + 4 * window * d;
    return flop + rows * (layer * (double)c->n_layers + 2 * d * (d + (double)c->output_dim));
}

struct clip {
    struct encoder *enc;
    const float *mel; /* [FRAMES, mels] */
    float *rows;
};

/* Best seconds of a clip. */
static double time_clip(void *ctx) {
    const struct clip *c = ctx;
    double best = INFINITY, begin = clock_now(), least = c->enc->run->gpu ? GPU_SECONDS : 0;
    for (int round = 0; round < ROUNDS || clock_now() - begin < least; round++) {
        double start = bench_now();
        encoder_run(c->enc, c->mel, FRAMES, FRAMES, c->rows);
        best = fmin(best, bench_now() - start);
    }
    return best;
}

static void bench(struct run *run, const struct config_audio *c, struct weights *w) {
    struct encoder enc;
    struct err e = {.code = 0};
    struct bench_gpu ceilings = {.fma = run->gpu ? 0 : bench_fma_peak(run->cpu)};
    if (encoder_create(&enc, run, c, w, &e))
        die_err(&e);
    float *mel = arena_alloc(&run->memory[RUN_SESSION], FRAMES * c->n_mels * sizeof *mel);
    float *rows = arena_alloc(&run->memory[RUN_SESSION],
                              encoder_rows(c, FRAMES) * c->output_dim * sizeof *rows);
    for (size_t i = 0; i < FRAMES * c->n_mels; i++)
        mel[i] = (float)(i * 7919 % 1000) * 1e-3F;
    if (run->gpu)
        ceilings = bench_gpu_ceilings(run->gpu);
    double best = bench_gpu_calmly(run->gpu, &ceilings, time_clip, &(struct clip){&enc, mel, rows});
    char device[64], more[64];
    snprintf(device, sizeof device, "%s%s", run->gpu ? "vulkan" : run_device(run),
             run->precise ? " precise" : "");
    snprintf(more, sizeof more, "RTF %.3f %8.1f GFLOP/s ", best / 30, 1e-9 * flop_of(&enc) / best);
    bench_row(&(struct bench_row){.bench = "audio encoder",
                                  .device = device,
                                  .value = best,
                                  .unit = "s",
                                  .share = flop_of(&enc) / best / ceilings.fma,
                                  .ceiling = "fma"},
              more, "30 s clip");
}

int main(int argc, char **argv) {
    struct run run;
    struct config config;
    struct weights *w;
    struct err e = {.code = 0};
    die_init("bench/encode_audio");
    if (argc != 2 && argc != 3)
        die(ERR_USAGE, "usage: encode_audio MODEL [DEVICE]");
    if (config_load(&config, argv[1], &e) || weights_open(&w, argv[1], &e))
        die_err(&e);
    for (int precise = 1; precise >= 0; precise--) {
        run_init(&run, argc > 2 ? argv[2] : "cpu", 0, precise);
        bench(&run, &config.audio, w);
        run_free(&run);
    }
    return 0;
}
