#include "common/ops/few_quant.h"

#include "common/ops/few.h"
#include "common/ops/planes.h"

enum {
    ROWS_MOST = 4,
    SHARED_MOST = 48 << 10, /* more costs other memory on the chip */
    SHARED_REST = 1 << 10,
    PAIR_OUTS = 4096, /* so many outs are enough for all of the GPU two by two */
    GROUPS_MOST = 2048,
};

static size_t divide_up(size_t n, size_t by) {
    return (n + by - 1) / by;
}

/* 16-byte loads that make a unit. */
static size_t unit_loads(enum tensor_dtype dtype) {
    return dtype == TENSOR_Q5_K ? 3 : dtype == TENSOR_Q4_K || dtype == TENSOR_Q6_K ? 2 : 1;
}

static size_t unit_numbers(enum tensor_dtype dtype) {
    return dtype == TENSOR_Q8_0 ? 16 : 32;
}

/* Numbers of one of `rows` rows that there is shared memory for: x, and the sums of its runs. */
static size_t most_numbers(const struct run *run, size_t rows, size_t matrices, size_t spare) {
    size_t all = gpu_info(run->gpu)->shared, most = all < SHARED_MOST ? all : SHARED_MOST;
    size_t sums = FEW_TEAMS * rows * (matrices + 1) * (FEW_TEAM + 2) * sizeof(float);
    return (most - sums - spare - SHARED_REST) / (rows * (sizeof(float) + sizeof(float) / 4));
}

/* All units that a thread has of a row, or a half, a third, .. of them, as far as registers go. */
static uint32_t batch(enum tensor_dtype dtype, size_t units, size_t rows, size_t matrices,
                      size_t most_units) {
    size_t each = divide_up(units, FEW_TEAM), loads = rows > 2 ? 8 : rows > 1 ? 12 : 24;
    size_t most = loads / (unit_loads(dtype) * matrices);
    most = most < most_units / FEW_TEAM ? most : most_units / FEW_TEAM;
    return (uint32_t)divide_up(each, divide_up(each, most ? most : 1));
}

struct few_quant few_quant(const struct run *run, enum tensor_dtype dtype, size_t width,
                           size_t rows, uint32_t matrices, size_t spare) {
    enum { STEP = 1024 }; /* few different kernels */
    struct few_quant f = {.weights = planes_weights(dtype), .matrices = matrices};
    size_t unit = unit_numbers(dtype), whole = divide_up(width, STEP) * STEP;
    f.rows = few_rows(rows < ROWS_MOST ? rows : ROWS_MOST);
    size_t most = most_numbers(run, f.rows, matrices, spare);
    f.batch = batch(dtype, width / unit, f.rows, matrices,
                    whole <= most ? width / unit + FEW_TEAM : most / unit);
    f.room = (uint32_t)(whole <= most ? whole : FEW_TEAM * f.batch * unit);
    return f;
}

uint32_t few_quant_matrices(size_t outs) {
    return outs >= PAIR_OUTS ? 2 : 1;
}

size_t few_quant_groups(size_t tasks) {
    size_t groups = divide_up(tasks, FEW_TEAMS);
    return groups < GROUPS_MOST ? groups : GROUPS_MOST;
}

bool few_quant_aligned(uint64_t ored) {
    return ored % 16 == 0;
}
