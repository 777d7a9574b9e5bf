#include "shaders/advance.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

void op_advance(struct run *run, const struct tensor *at, size_t n) {
    assert(at->dtype == TENSOR_I32 && n <= INT32_MAX);
    if (!run->gpu) {
        tensor_i32(at)[0] += (int32_t)n;
        return;
    }
    struct advance_args a = {.at = run_address(at), .n = (int32_t)n};
    run_dispatch(run, &(struct run_kernel){.program = &shader_advance,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {1},
                                           .reads = {at},
                                           .writes = {at}});
}
