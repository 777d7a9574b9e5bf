/* A recorded step as dispatches and as one kernel that stays: what the matrices of the code
 * predictor's passes cost, one after another. usage: resident [DEVICE [PASSES [PART]]]; PART: with
 * that part of the outs only, which shows what a step costs besides reading weights. */
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/ops/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAYERS = 5, WIDTH = 1024, HEADS = 2048, KV = 1024, INNER = 3072, VOCAB = 2048, REPEAT = 20 };

struct layer {
    struct tensor norm, q, k, v, o, gate, up, down;
};

struct bench {
    struct run run;
    struct layer layers[LAYERS];
    struct tensor head, x, q, k, v, attended, hidden, logits;
    size_t passes, part, bytes, n;
};

/* bf16 of about +-1/32. */
static struct tensor weights(struct bench *b, size_t rows, size_t width) {
    struct tensor t = run_new_2d(&b->run, RUN_MODEL, TENSOR_BF16, rows, width);
    uint16_t *host = malloc(tensor_bytes(&t));
    uint32_t random = 1;
    for (size_t i = 0; i < rows * width; i++) {
        random = random * 1664525 + 1013904223;
        host[i] = (uint16_t)((random >> 16 & 0x807f) | 0x3c80);
    }
    run_write(&b->run, &t, host);
    free(host);
    b->bytes += tensor_bytes(&t);
    return t;
}

static struct tensor activations(struct bench *b, size_t n) {
    struct tensor t = run_new_2d(&b->run, RUN_SESSION, TENSOR_F32, 1, n);
    float *host = malloc(tensor_bytes(&t));
    for (size_t i = 0; i < n; i++)
        host[i] = (float)(i % 7) - 3;
    run_write(&b->run, &t, host);
    free(host);
    return t;
}

static void prepare(struct bench *b) {
    for (size_t i = 0; i < LAYERS; i++) {
        struct layer *l = &b->layers[i];
        l->norm = weights(b, 1, WIDTH);
        l->norm = tensor_1d(TENSOR_BF16, l->norm.data, WIDTH);
        l->q = weights(b, HEADS / b->part, WIDTH);
        l->k = weights(b, KV / b->part, WIDTH);
        l->v = weights(b, KV / b->part, WIDTH);
        l->o = weights(b, WIDTH / b->part, HEADS);
        l->gate = weights(b, INNER / b->part, WIDTH);
        l->up = weights(b, INNER / b->part, WIDTH);
        l->down = weights(b, WIDTH / b->part, INNER);
    }
    b->head = weights(b, VOCAB / b->part, WIDTH);
    b->x = activations(b, WIDTH);
    b->q = activations(b, HEADS);
    b->k = activations(b, KV);
    b->v = activations(b, KV);
    b->hidden = activations(b, INNER);
    b->logits = activations(b, VOCAB);
}

/* q stands for what attention would make of it. */
static void pass(struct bench *b) {
    struct run *run = &b->run;
    size_t part = b->part;
    struct tensor q = tensor_1d(TENSOR_F32, b->q.data, HEADS / part);
    struct tensor k = tensor_1d(TENSOR_F32, b->k.data, KV / part);
    struct tensor v = tensor_1d(TENSOR_F32, b->v.data, KV / part);
    struct tensor x = tensor_2d(TENSOR_F32, b->x.data, 1, WIDTH / part);
    struct tensor hidden = tensor_2d(TENSOR_F32, b->hidden.data, 1, INNER / part);
    struct tensor logits = tensor_1d(TENSOR_F32, b->logits.data, VOCAB / part);
    const struct tensor *norm = &b->layers[0].norm;
    for (size_t i = 0; i < LAYERS; i++) {
        struct layer *l = &b->layers[i];
        struct op_projection qkv[] = {{&q, &l->q}, {&k, &l->k}, {&v, &l->v}};
        op_norm_linears(run, qkv, 3, &b->x, &l->norm, 1e-6f);
        op_linear_add(run, &x, &b->q, &l->o, NULL, NULL);
        op_norm_gated(run, &hidden, &b->x, &l->norm, 1e-6f, &l->gate, &l->up);
        op_linear_add(run, &x, &b->hidden, &l->down, NULL, NULL);
    }
    struct op_projection head = {&logits, &b->head};
    op_norm_linears(run, &head, 1, &b->x, norm, 1e-6f);
}

static double once(struct bench *b, struct run_recording *r) {
    float *zeros = calloc(WIDTH, sizeof *zeros);
    for (size_t i = 0; i < WIDTH; i++)
        zeros[i] = (float)(i % 5) - 2;
    run_write(&b->run, &b->x, zeros);
    run_read(&b->run, &b->x, zeros);
    free(zeros);
    double start = clock_now();
    if (!run_replay(&b->run, r)) {
        run_record(&b->run, r);
        for (size_t i = 0; i < b->passes; i++)
            pass(b);
        run_recorded(&b->run, r);
    }
    uint32_t logits[VOCAB], sum = 0;
    run_read(&b->run, &b->logits, logits);
    double seconds = clock_now() - start;
    for (size_t i = 0; i < VOCAB; i++)
        sum = sum * 31 + logits[i];
    b->n = sum;
    return seconds;
}

int main(int argc, char **argv) {
    struct bench *b = calloc(1, sizeof *b);
    struct run_recording r = {.kept = NULL};
    die_init("bench/resident");
    run_init(&b->run, argc > 1 ? argv[1] : "auto", 1, false);
    b->passes = argc > 2 ? (size_t)atoi(argv[2]) : 15;
    b->part = argc > 3 ? (size_t)atoi(argv[3]) : 1;
    prepare(b);
    double best = INFINITY, sum = 0;
    once(b, &r);
    for (int i = 0; i < REPEAT; i++) {
        double seconds = once(b, &r);
        best = fmin(best, seconds);
        sum += seconds / REPEAT;
    }
    double steps = (double)b->passes * (4 * LAYERS + 1);
    struct gpu_steps form = run_steps(&b->run);
    printf("%s, %u workgroups that stay: best %.1f us, mean %.1f us, %.2f us a step, %.0f GB/s, "
           "%08zx\n",
           run_device(&b->run), form.stay ? form.groups : 0, 1e6 * best, 1e6 * sum,
           1e6 * best / steps, 1e-9 * (double)(b->passes * b->bytes) / best, b->n);
    run_free(&b->run);
    free(b);
    return 0;
}
