#include "common/nn/weight.h"

#include "common/base/bf16.h"
#include "common/weights/quant.h"

/* Quantised numbers that are on their way to a GPU at once. */
enum { WIDEN_NUMBERS = 1 << 22 };

enum tensor_dtype nn_weight_dtype(const struct run *run, enum tensor_dtype stored) {
    return run->gpu && tensor_is_quantised(stored) ? TENSOR_BF16 : stored;
}

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

/* dst bf16, stored quantised. */
static void move_widened(struct run *run, const struct tensor *dst, const struct tensor *stored) {
    size_t rows = stored->shape[0], width = tensor_row(stored);
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

void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored) {
    struct weights_place p;
    if (dst->dtype != stored->dtype) {
        move_widened(run, dst, stored);
        weights_forget(w, stored);
        return;
    }
    if (!weights_place(w, stored, &p)) {
        run_write(run, dst, stored->data);
        return;
    }
    run_load(run, dst, &(struct gpu_file){p.fd, p.offset, p.file});
    weights_forget(w, stored);
}

int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]) {
    if (nn_weight_stored(w, t, e, name, shape))
        return e->code;
    struct tensor stored = *t;
    if (run->gpu) {
        t->dtype = nn_weight_dtype(run, stored.dtype);
        *t = run_new_like(run, RUN_MODEL, t);
        nn_weight_move(run, w, t, &stored);
    }
    return 0;
}
