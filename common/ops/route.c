#include "shaders/route.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <math.h>

static bool is_chosen(const int32_t *chosen, size_t n, size_t expert) {
    for (size_t i = 0; i < n; i++)
        if ((size_t)chosen[i] == expert)
            return true;
    return false;
}

/* The expert of the largest logit among those not chosen yet, the lowest one on ties. NaN never
 * wins a comparison, so even a broken row gets k different experts. */
static size_t best_of_rest(const float *logit, size_t n_experts, const int32_t *chosen, size_t n) {
    size_t best = n_experts;
    for (size_t e = 0; e < n_experts; e++)
        if ((best == n_experts || logit[e] > logit[best]) && !is_chosen(chosen, n, e))
            best = e;
    return best;
}

/* Inserts value into the ascending list of n. */
static void insert(int32_t *list, size_t n, size_t value) {
    for (; n > 0 && (size_t)list[n - 1] > value; n--)
        list[n] = list[n - 1];
    list[n] = (int32_t)value;
}

/* Probabilities rise with logits, so the k largest of one are those of the other. */
static void route_row(int32_t *chosen, float *weight, size_t k, const float *logit,
                      size_t n_experts, bool normalise) {
    size_t top = best_of_rest(logit, n_experts, chosen, 0);
    for (size_t i = 0; i < k; i++)
        insert(chosen, i, best_of_rest(logit, n_experts, chosen, i));

    float sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += weight[i] = expf(logit[chosen[i]] - logit[top]);
    if (!normalise) {
        sum = 0;
        for (size_t e = 0; e < n_experts; e++)
            sum += expf(logit[e] - logit[top]);
    }
    for (size_t i = 0; i < k; i++)
        weight[i] /= sum;
}

_Static_assert(OP_GPU_EXPERTS <= ROUTE_EXPERTS, "room for a row's logits");

static void dispatch(struct run *run, const struct tensor *experts, const struct tensor *weights,
                     const struct tensor *logits, bool normalise) {
    size_t rows = logits->shape[0];
    struct route_args a = {.experts = run_address(experts),
                           .weights = run_address(weights),
                           .logits = run_address(logits),
                           .rows = (uint32_t)rows,
                           .n_experts = (uint32_t)tensor_row(logits),
                           .k = (uint32_t)tensor_row(weights),
                           .normalise = normalise};
    assert(a.n_experts <= ROUTE_EXPERTS);
    run_dispatch(run, &(struct run_kernel){.program = &shader_route,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(rows, 1)},
                                           .reads = {logits},
                                           .writes = {experts, weights}});
}

void op_route(struct run *run, const struct tensor *experts, const struct tensor *weights,
              const struct tensor *logits, bool normalise) {
    size_t n_rows = logits->shape[0], n_experts = tensor_row(logits), k = tensor_row(weights);
    assert(logits->dtype == TENSOR_F32 && weights->dtype == TENSOR_F32);
    assert(experts->dtype == TENSOR_I32 && k <= n_experts);
    assert(tensor_count(experts) == n_rows * k && tensor_count(weights) == n_rows * k);
    if (run->gpu) {
        dispatch(run, experts, weights, logits, normalise);
        return;
    }
#pragma omp parallel for if (row_pays(run, n_rows * n_experts * ROW_LOGIT))
    for (size_t t = 0; t < n_rows; t++)
        route_row(tensor_i32(experts) + t * k, tensor_f32(weights) + t * k, k,
                  tensor_f32(logits) + t * n_experts, n_experts, normalise);
}
