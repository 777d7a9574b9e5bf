#include "common/ops/dequantise.h"
#include "common/ops/few.h"
#include "common/ops/planes.h"
#include "shaders/dequantise.h"
#include "shaders/programs.h"

#include <assert.h>

bool dequantise_can(const struct tensor *w) {
    return w->dtype == TENSOR_BF16 || tensor_is_quantised(w->dtype);
}

void dequantise(struct run *run, const struct tensor *dst, const struct tensor *w, uint64_t apart,
                const struct tensor *plan, uint64_t wanted) {
    size_t each = tensor_count(w), matrices = tensor_count(dst) / each;
    const size_t eights = 8; /* of a thread, so that workgroups without work are few */
    struct dequantise_args a = {.dst = run_address(dst),
                                .w = run_address(w),
                                .apart = apart,
                                .wanted = wanted,
                                .outs = (uint32_t)w->shape[0],
                                .width = (uint32_t)(each / w->shape[0])};
    assert(dequantise_can(w) && dst->dtype == TENSOR_BF16 && tensor_count(dst) == matrices * each);
    assert(few_eights(a.width, a.dst | a.w | a.apart));
    run_dispatch(run, &(struct run_kernel){.program = &shader_dequantise,
                                           .constants = {planes_weights(w->dtype)},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(each / 8, 256 * eights), matrices},
                                           .reads = {plan},
                                           .writes = {dst}});
}
