#include "common/ops/rope_table.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"
#include "shaders/rope_table.h"

#include <math.h>

void rope_frequencies(float *frequency, double theta, size_t head_dim) {
    for (size_t i = 0; i < head_dim / 2; i++) {
        float exponent = (float)(2 * i) / (float)head_dim;
        frequency[i] = 1 / powf((float)theta, exponent);
    }
}

static void dispatch(struct run *run, const struct tensor *table, const struct tensor *positions,
                     const struct tensor *frequency, const size_t section[3]) {
    size_t rows = table->shape[0], half = tensor_count(frequency);
    struct rope_table_args a = {.table = run_address(table),
                                .positions = run_address(positions),
                                .frequency = run_address(frequency),
                                .rows = (uint32_t)rows,
                                .half_width = (uint32_t)half,
                                .height = (uint32_t)(3 * section[1]),
                                .width = (uint32_t)(3 * section[2])};
    run_dispatch(run, &(struct run_kernel){.program = &shader_rope_table,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(rows * half, 256)},
                                           .reads = {positions, frequency},
                                           .writes = {table}});
}

enum axis { TIME, HEIGHT, WIDTH };

/* Which of the three positions turns frequency i. */
static enum axis axis_of(size_t i, const size_t section[3]) {
    if (i % 3 == HEIGHT && i < 3 * section[HEIGHT])
        return HEIGHT;
    if (i % 3 == WIDTH && i < 3 * section[WIDTH])
        return WIDTH;
    return TIME;
}

void op_rope_table(struct run *run, const struct tensor *table, const struct tensor *positions,
                   const struct tensor *frequency, const size_t section[3]) {
    size_t n_rows = table->shape[0], half = tensor_count(frequency);
    assert(table->dtype == TENSOR_F32 && positions->dtype == TENSOR_F32);
    assert(frequency->dtype == TENSOR_F32 && tensor_row(table) == 2 * half);
    assert(tensor_count(positions) == 3 * n_rows);
    if (run->gpu) {
        dispatch(run, table, positions, frequency, section);
        return;
    }
    for (size_t t = 0; t < n_rows; t++) {
        const float *position = tensor_f32(positions) + 3 * t;
        float *cosine = tensor_f32(table) + t * 2 * half;
        for (size_t i = 0; i < half; i++) {
            float angle = position[axis_of(i, section)] * tensor_f32(frequency)[i];
            cosine[i] = cosf(angle);
            cosine[half + i] = sinf(angle);
        }
    }
}
