#include "common/nn/weight.h"

#include "common/base/bf16.h"
#include "common/ops/planes.h"
#include "common/weights/quant.h"

/* Quantised numbers that are on their way to a GPU at once, and those that a thread lays out. */
enum { MOVE_NUMBERS = 1 << 22, SHARE_NUMBERS = 1 << 16 };

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
    size_t some = width < MOVE_NUMBERS ? MOVE_NUMBERS / width : 1;
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

/* ---- planes ---- */

/* A plane's parts of blocks [first, first + n), by all threads. */
static void take(char *dst, const struct tensor *stored, size_t plane, size_t first, size_t n) {
    size_t share = SHARE_NUMBERS / tensor_dtype_block(stored->dtype);
    size_t size = planes_size(stored->dtype, plane), whole = tensor_dtype_size(stored->dtype);
    const char *blocks = (const char *)stored->data + first * whole;
#pragma omp parallel for schedule(dynamic) if (n > share)
    for (size_t i = 0; i < n; i += share)
        planes_take(dst + i * size, blocks + i * whole, stored->dtype, plane,
                    n - i < share ? n - i : share);
}

/* Bytes [at, at + n) of what is at `to` on the device. */
static void write_bytes(struct run *run, const struct tensor *to, size_t at, const char *from,
                        size_t n) {
    struct tensor place = tensor_1d(TENSOR_U8, (char *)to->data + at, n);
    run_write(run, &place, from);
}

/* A large matrix, some blocks at a time. */
static void move_some(struct run *run, const struct tensor *dst, const struct tensor *stored,
                      size_t n_blocks, char *room) {
    size_t some = MOVE_NUMBERS / tensor_dtype_block(stored->dtype);
    for (size_t first = 0; first < n_blocks; first += some) {
        size_t n = n_blocks - first < some ? n_blocks - first : some;
        for (size_t plane = 0; plane < planes_count(stored->dtype); plane++) {
            take(room, stored, plane, first, n);
            write_bytes(run, dst, planes_offset(stored->dtype, plane, n_blocks, first), room,
                        n * planes_size(stored->dtype, plane));
        }
    }
}

/* dst as a GPU has quantised matrices, stored as files have them. */
static void move_planes(struct run *run, const struct tensor *dst, const struct tensor *stored) {
    size_t bytes = tensor_bytes(stored), n = bytes / tensor_dtype_size(stored->dtype);
    size_t most = MOVE_NUMBERS / tensor_dtype_block(stored->dtype);
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    char *room = arena_alloc(&run->memory[RUN_STEP],
                             (n < most ? n : most) * tensor_dtype_size(stored->dtype));
    if (n <= most) {
        for (size_t plane = 0; plane < planes_count(stored->dtype); plane++)
            take(room + planes_offset(stored->dtype, plane, n, 0), stored, plane, 0, n);
        write_bytes(run, dst, 0, room, bytes);
    } else {
        move_some(run, dst, stored, n, room);
    }
    arena_release(&run->memory[RUN_STEP], mark);
}

void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored) {
    struct weights_place p;
    bool planes = dst->dtype == stored->dtype && planes_count(stored->dtype) > 1;
    if (dst->dtype != stored->dtype)
        move_widened(run, dst, stored);
    else if (planes)
        move_planes(run, dst, stored);
    else if (weights_place(w, stored, &p))
        run_load(run, dst, &(struct gpu_file){p.fd, p.offset, p.file});
    else
        run_write(run, dst, stored->data);
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
