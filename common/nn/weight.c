#include "common/nn/weight.h"

#include "common/base/bf16.h"
#include "common/ops/planes.h"
#include "common/weights/quant.h"

/* Numbers that are on their way to a GPU as bf16 at once. */
enum { WIDEN_NUMBERS = 1 << 22 };

int nn_weight_stored(struct weights *w, struct tensor *t, struct err *e, const char *name,
                     const size_t shape[4]) {
    bool matrix = shape[1] && !shape[2];
    return (matrix ? weights_get_stored : weights_get)(w, t, e, name, shape);
}

static void widen_row(uint16_t *to, float *wide, const struct tensor *row) {
    size_t n = tensor_row(row);
    quant_widen(wide, row->data, row->dtype, n);
    for (size_t i = 0; i < n; i++)
        to[i] = bf16_from_f32(wide[i]);
}

/* dst bf16, stored of another type. */
static void move_widened(struct run *run, struct weights *w, const struct tensor *dst,
                         const struct tensor *stored) {
    size_t rows = stored->shape[0], width = tensor_row(stored);
    weights_ask(w, stored);
    size_t some = width < WIDEN_NUMBERS ? WIDEN_NUMBERS / width : 1;
    struct tensor flat = tensor_reshape_2d(dst, rows, width);
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    some = some < rows ? some : rows;
    uint16_t *half = arena_alloc(&run->memory[RUN_STEP], some * width * sizeof *half);
    float *wide = arena_alloc(&run->memory[RUN_STEP], some * width * sizeof *wide);
    for (size_t t = 0; t < rows; t += some) {
        size_t n = rows - t < some ? rows - t : some;
#pragma omp parallel for
        for (size_t i = 0; i < n; i++) {
            struct tensor row = tensor_rows(stored, t + i, 1);
            widen_row(half + i * width, wide + i * width, &row);
        }
        struct tensor place = tensor_rows(&flat, t, n);
        run_write(run, &place, half);
    }
    arena_release(&run->memory[RUN_STEP], mark);
}

/* dst gets what is in host memory only. */
static void move_host(struct run *run, const struct tensor *dst, const struct tensor *stored) {
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    const void *bytes = stored->data;
    if (planes_of(stored).n) {
        void *planes = arena_alloc(&run->memory[RUN_STEP], tensor_bytes(stored));
        planes_make(planes, stored);
        bytes = planes;
    }
    run_write(run, dst, bytes);
    arena_release(&run->memory[RUN_STEP], mark);
}

void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored) {
    struct weights_place p;
    if (dst->dtype != stored->dtype)
        move_widened(run, w, dst, stored);
    else if (weights_place(w, stored, &p))
        run_load(run, dst, &(struct gpu_file){p.fd, p.offset, p.file});
    else
        move_host(run, dst, stored);
    weights_forget(w, stored);
}

int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]) {
    if (nn_weight_stored(w, t, e, name, shape))
        return e->code;
    struct tensor stored = *t;
    if (run->gpu) {
        *t = run_new_like(run, RUN_MODEL, t);
        nn_weight_move(run, w, t, &stored);
    }
    return 0;
}

int nn_weight_parts(struct run *run, struct weights *w, struct tensor *parts, size_t n,
                    struct err *e, const char *name, const size_t shape[4]) {
    struct tensor all;
    if (nn_weight_stored(w, &all, e, name, shape))
        return e->code;
    for (size_t i = 0; i < n; i++) {
        struct tensor stored = tensor_rows(&all, i * (all.shape[0] / n), all.shape[0] / n);
        parts[i] = stored;
        if (run->gpu) {
            parts[i] = run_new_like(run, RUN_MODEL, &stored);
            nn_weight_move(run, w, &parts[i], &stored);
        }
    }
    return 0;
}
