/* choose: the experts of a row of moe_hidden_args `a`, in ascending index; the same choice and
 * weights as route.comp's. A workgroup of THREADS. */
#ifndef SHADERS_CHOOSE
#define SHADERS_CHOOSE

#include "shaders/lib/math.glsl"
#include "shaders/lib/order.glsl"

shared uint choose_expert[MOE_FEW_CHOSEN];
shared uint choose_key[MOE_FEW_EXPERTS]; /* order of the logits; NaN before all numbers */
shared uint choose_mask[MOE_FEW_EXPERTS / 32];
shared float choose_mass[MOE_FEW_EXPERTS];

/* How many experts come before expert e: larger logits, and equal ones of lower index. */
uint rank_of(uint e) {
    uint rank = 0, key = choose_key[e];
    for (uint other = 0; other < e; other++)
        rank += uint(choose_key[other] >= key);
    for (uint other = e + 1; other < a.n_experts; other++)
        rank += uint(choose_key[other] > key);
    return rank;
}

/* How many chosen experts have a lower index than e. */
uint place_of(uint e) {
    uint place = bitCount(choose_mask[e / 32] & ((1u << e % 32) - 1));
    for (uint i = 0; i < e / 32; i++)
        place += bitCount(choose_mask[i]);
    return place;
}

bool is_chosen(uint e) {
    return (choose_mask[e / 32] >> e % 32 & 1) != 0;
}

void choose_experts(uint t) {
    floats logit = floats(a.logits + uint64_t(t) * a.n_experts * 4);
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS) {
        choose_key[e] = is_nan(logit.at[e]) ? 0 : order(logit.at[e]);
        choose_mask[e / 32] = 0;
    }
    barrier();
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        if (rank_of(e) < a.chosen)
            atomicOr(choose_mask[e / 32], 1u << e % 32);
    barrier();
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        if (is_chosen(e))
            choose_expert[place_of(e)] = e;
    barrier();
}

void read_experts(uint t) {
    for (uint i = gl_LocalInvocationIndex; i < a.chosen; i += THREADS)
        choose_expert[i] = uints(a.experts).at[t * a.chosen + i];
    barrier();
}

/* Weights: softmax of the chosen, or of all experts. */
void write_choice(uint t) {
    floats logit = floats(a.logits + uint64_t(t) * a.n_experts * 4);
    uint first = 0; /* in order: its expert is chosen */
    for (uint e = 0; e < a.n_experts; e++)
        first = max(first, choose_key[e]);
    float top = of_order(first), sum = 0;
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        choose_mass[e] = a.normalise == 0 || is_chosen(e) ? expf(logit.at[e] - top) : 0;
    barrier();
    for (uint e = 0; e < a.n_experts; e++)
        sum += choose_mass[e];
    for (uint i = gl_LocalInvocationIndex; i < a.chosen; i += THREADS) {
        uints(a.experts).at[t * a.chosen + i] = choose_expert[i];
        floats(a.weights).at[t * a.chosen + i] = choose_mass[choose_expert[i]] / sum;
    }
}

#endif
