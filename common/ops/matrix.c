#include "common/ops/matrix.h"
#include "common/ops/planes.h"
#include "shaders/programs.h"

bool matrix_usable(const struct run *run, const struct gpu_program *p) {
    return run->gpu && !run->precise && p->words && gpu_info(run->gpu)->matrix.rows;
}

static uint32_t difference(uint32_t a, uint32_t b) {
    return a > b ? a - b : b - a;
}

/* Subgroups stand in a grid over the tile; the squarer their parts are, the less they read. */
bool matrix_constants(uint32_t constants[GPU_CONSTANTS], const struct gpu_matrix *m, uint32_t rows,
                      uint32_t outs, uint32_t together, enum tensor_dtype weights) {
    uint32_t subgroups = MATRIX_THREADS / m->subgroup, best = 0, best_difference = UINT32_MAX;
    for (uint32_t across = 1; across <= subgroups; across *= 2) {
        uint32_t high = rows * across / subgroups, wide = outs / across;
        if (high < m->rows || high % m->rows || wide < m->outs * together ||
            wide % (m->outs * together) || difference(high, wide) >= best_difference)
            continue;
        best = across;
        best_difference = difference(high, wide);
    }
    const uint32_t all[] = {m->subgroup, m->rows, m->outs, m->sums,
                            rows,        outs,    best,    planes_weights(weights)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        constants[i] = all[i];
    return best && MATRIX_SLICE % m->sums == 0;
}

bool tensors_usable(const struct run *run, const struct gpu_program *p) {
    return matrix_usable(run, p) && gpu_info(run->gpu)->matrix.tensors;
}

void tensors_constants(uint32_t constants[GPU_CONSTANTS], uint32_t threads, uint32_t rows,
                       uint32_t outs, uint32_t step) {
    const uint32_t all[] = {threads, rows, outs, step};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        constants[i] = all[i];
}

const char *run_matrix_kernels(const struct run *run) {
    if (tensors_usable(run, &shader_product_matrix2))
        return "bf16 matrix units, whole tiles";
    if (matrix_usable(run, &shader_product_matrix))
        return "bf16 matrix units";
    if (run->precise)
        return "plain f32 kernels: precise";
    return gpu_info(run->gpu)->matrix.rows ? "plain kernels: built without those for matrix units"
                                           : "plain kernels: no bf16 matrix units";
}
