#include "common/ops/few_quant.h"

#include "common/ops/few.h"
#include "common/ops/planes.h"

enum {
    SHARED_MOST = 48 << 10, /* more costs other memory on the chip */
    SHARED_REST = 1 << 10,
    PAIR_OUTS = 4096,  /* so many outs are enough for all of the GPU two by two, */
    MANY_OUTS = 16384, /* and four by four, where rows are few bytes: more loads are under way */
    /* Workgroups that a large GPU (of 132 cores) has at once: about three for each core, or two
     * where four rows of weights at once take the registers of more. Each begins with x, which
     * takes as long as many tasks, and has the next task's weights under way while it ends one. */
    GROUPS_MOST = 396,
    GROUPS_LARGE = 264,
};

/* Constants of the kernels, see shaders/lib/few_quant.glsl; those between are the kernels' own. */
enum { WEIGHTS, MATRICES, ROWS, BATCH, ROOM, PLANES = 8, EVEN, PAIRED };

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

/* Whether units 2 i and 2 i + 1 have the same scales. */
static bool is_pair(enum tensor_dtype dtype) {
    return dtype == TENSOR_Q4_K || dtype == TENSOR_Q5_K;
}

/* Bytes that numbers of x are rounded to. */
static size_t planes(const struct run *run) {
    return run->precise ? 3 : 2;
}

/* Numbers of one of `rows` rows that there is shared memory for: x, two floats for each 16. */
static size_t most_numbers(const struct run *run, size_t rows, size_t matrices, size_t spare) {
    size_t all = gpu_info(run->gpu)->shared, most = all < SHARED_MOST ? all : SHARED_MOST;
    size_t sums = FEW_TEAMS * rows * (matrices + 1) * (FEW_TEAM + 2) * sizeof(float);
    return (most - sums - spare - SHARED_REST) * 2 / (rows * (2 * planes(run) + 1));
}

/* All units that a thread has of a row, or a half, a third, .. of them, as far as registers go. */
static uint32_t batch(enum tensor_dtype dtype, size_t units, size_t rows, size_t matrices,
                      size_t most_units) {
    size_t each = divide_up(units, FEW_TEAM), loads = rows > 2 ? 8 : rows > 1 ? 12 : 24;
    size_t most = loads / (unit_loads(dtype) * matrices);
    most = most < most_units / FEW_TEAM ? most : most_units / FEW_TEAM;
    return (uint32_t)divide_up(each, divide_up(each, most ? most : 1));
}

/* Workgroups for so many tasks, with equally many steps each. */
static size_t groups(size_t tasks, size_t matrices) {
    size_t steps = divide_up(tasks, FEW_TEAMS), most = matrices > 2 ? GROUPS_LARGE : GROUPS_MOST;
    return divide_up(steps, divide_up(steps, most));
}

void few_quant(const struct run *run, struct run_kernel *k, const struct few_quant *f) {
    enum { STEP = 1024 }; /* few different kernels */
    size_t unit = unit_numbers(f->dtype), whole = divide_up(f->width, STEP) * STEP;
    size_t units = f->width / unit, matrices = f->matrices;
    size_t rows = few_rows(f->rows < f->share ? f->rows : f->share);
    size_t most = most_numbers(run, rows, matrices, f->spare);
    size_t most_units = whole <= most ? units + FEW_TEAM : most / unit;
    uint32_t at_once = batch(f->dtype, units, rows, matrices, most_units);
    k->program = f->program;
    k->constants[WEIGHTS] = planes_weights(f->dtype);
    k->constants[MATRICES] = (uint32_t)matrices;
    k->constants[ROWS] = (uint32_t)rows;
    k->constants[BATCH] = at_once;
    k->constants[ROOM] = (uint32_t)(whole <= most ? whole : FEW_TEAM * at_once * unit);
    k->constants[PLANES] = (uint32_t)planes(run);
    k->constants[EVEN] = units % (FEW_TEAM * at_once) == 0;
    k->constants[PAIRED] = is_pair(f->dtype) && k->constants[EVEN] && at_once % 2 == 0;
    k->groups[0] = groups(f->tasks, matrices);
    k->groups[1] = divide_up(f->rows, rows);
}

uint32_t few_quant_matrices(enum tensor_dtype dtype, size_t outs) {
    bool short_rows = dtype == TENSOR_Q4_0 || dtype == TENSOR_Q4_K;
    return outs >= MANY_OUTS && short_rows ? 4 : outs >= PAIR_OUTS ? 2 : 1;
}

bool few_quant_aligned(uint64_t ored) {
    return ored % 16 == 0;
}
