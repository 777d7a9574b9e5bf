#include "common/ops/few_quant.h"
#include "common/base/size.h"

#include "common/ops/few.h"
#include "common/ops/planes.h"

enum {
    SHARED_MOST = 48 << 10, /* more costs other memory on the chip */
    SHARED_REST = 1 << 10,
    PAIR_OUTS = 4096,  /* so many outs are enough for all of the GPU two by two, */
    MANY_OUTS = 16384, /* and four by four, where rows are few bytes: more loads are under way */
    /* Workgroups that a large GPU (of 132 cores) has at once: three for each core, or two where a
     * thread has more words of weights under way than SMALL. Each begins with x, which takes as
     * long as many tasks, and has the next task's weights under way while it ends one. */
    SMALL = 40,
    GROUPS_SMALL = 396,
    GROUPS_LARGE = 264,
};

/* Constants of the kernels, see shaders/lib/few_quant.glsl; those between are the kernels' own. */
enum { WEIGHTS, MATRICES, ROWS, BATCH, ROOM, PLANES = 8, WIDTH, PAIRED };

/* Units, see shaders/lib/quant.glsl. */
static const struct {
    size_t numbers;
    size_t loads; /* of 16 bytes */
    size_t words; /* registers: quants, upper bits and what scales are made of */
    bool pairs;   /* 2 i and 2 i + 1 have the same scales */
} unit[TENSOR_DTYPES] = {[TENSOR_Q8_0] = {16, 1, 4 + 1, false},
                         [TENSOR_Q4_0] = {32, 1, 4 + 1, false},
                         [TENSOR_Q4_K] = {32, 2, 4 + 4 / 2, true},
                         [TENSOR_Q5_K] = {32, 3, 8 + 4 / 2, true},
                         [TENSOR_Q6_K] = {32, 2, 8 + 3, false}};

/* Bytes that numbers of x are rounded to. */
static size_t planes(const struct run *run) {
    return run->precise ? 3 : 2;
}

/* Numbers of one of `rows` rows that there is shared memory for: x, two floats for each 16. */
static size_t most_numbers(const struct run *run, size_t rows, size_t matrices, size_t spare) {
    size_t all = gpu_info(run->gpu)->shared, most = all < SHARED_MOST ? all : SHARED_MOST;
    size_t sums = FEW_TEAMS * rows * (matrices + 1) * (FEW_TEAM + 5) * sizeof(float);
    return (most - sums - spare - SHARED_REST) * 2 / (rows * (2 * planes(run) + 1));
}

/* All units that a thread has of a row, or a half, a third, .. of them, as far as registers go. */
static uint32_t batch(enum tensor_dtype dtype, size_t units, size_t rows, size_t matrices,
                      size_t most_units) {
    size_t each = size_divide_up(units, FEW_TEAM), loads = rows > 2 ? 8 : rows > 1 ? 12 : 24;
    size_t most = loads / (unit[dtype].loads * matrices);
    most = most < most_units / FEW_TEAM ? most : most_units / FEW_TEAM;
    return (uint32_t)size_divide_up(each, size_divide_up(each, most ? most : 1));
}

/* Workgroups for so many tasks, equally many steps each; units: that a thread has under way. */
static size_t groups(enum tensor_dtype dtype, size_t tasks, size_t units) {
    bool small = units * unit[dtype].words <= SMALL;
    size_t steps = size_divide_up(tasks, FEW_TEAMS), most = small ? GROUPS_SMALL : GROUPS_LARGE;
    return size_divide_up(steps, size_divide_up(steps, most));
}

void few_quant(const struct run *run, struct run_kernel *k, const struct few_quant *f) {
    enum { STEP = 128 }; /* eight runs, which change places, see few_place() */
    size_t numbers = unit[f->dtype].numbers, whole = size_divide_up(f->width, STEP) * STEP;
    size_t units = f->width / numbers, matrices = f->matrices;
    size_t rows = few_rows(f->rows < f->share ? f->rows : f->share);
    size_t most = most_numbers(run, rows, matrices, f->spare);
    size_t most_units = whole <= most ? units + FEW_TEAM : most / numbers;
    uint32_t at_once = batch(f->dtype, units, rows, matrices, most_units);
    k->program = f->program;
    k->constants[WEIGHTS] = planes_weights(f->dtype);
    k->constants[MATRICES] = (uint32_t)matrices;
    k->constants[ROWS] = (uint32_t)rows;
    k->constants[BATCH] = at_once;
    k->constants[ROOM] = (uint32_t)(whole <= most ? whole : FEW_TEAM * at_once * numbers);
    k->constants[PLANES] = (uint32_t)planes(run);
    k->constants[WIDTH] = (uint32_t)f->width;
    k->constants[PAIRED] =
        unit[f->dtype].pairs && units % (FEW_TEAM * at_once) == 0 && at_once % 2 == 0;
    k->groups[0] = groups(f->dtype, f->tasks, at_once * matrices);
    k->groups[1] = size_divide_up(f->rows, rows);
}

uint32_t few_quant_matrices(enum tensor_dtype dtype, size_t outs) {
    bool short_rows = dtype == TENSOR_Q4_0 || dtype == TENSOR_Q4_K;
    return outs >= MANY_OUTS && short_rows ? 4 : outs >= PAIR_OUTS ? 2 : 1;
}

bool few_quant_aligned(uint64_t ored) {
    return ored % 16 == 0;
}
