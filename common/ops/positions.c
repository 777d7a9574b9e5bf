#include "shaders/positions.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *positions, const struct tensor *at) {
    size_t n = tensor_count(positions);
    struct positions_args a = {
        .positions = run_address(positions), .at = run_address(at), .n = (uint32_t)n};
    run_dispatch(run, &(struct run_kernel){.program = &shader_positions,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {at},
                                           .writes = {positions}});
}

void op_positions(struct run *run, const struct tensor *positions, const struct tensor *at) {
    assert(positions->dtype == TENSOR_F32 && tensor_row(positions) == 3);
    assert(at->dtype == TENSOR_I32);
    if (run->gpu) {
        dispatch(run, positions, at);
        return;
    }
    int32_t first = tensor_i32(at)[0];
    for (size_t t = 0; t < positions->shape[0]; t++)
        for (size_t axis = 0; axis < 3; axis++)
            tensor_f32(positions)[3 * t + axis] = (float)(first + (int32_t)t);
}
