/* choose: the experts of a row of moe_hidden_args `a`, in ascending index; the same choice and
 * weights as route.comp's. A workgroup of THREADS. */
#ifndef SHADERS_CHOOSE
#define SHADERS_CHOOSE

#include "shaders/lib/math.glsl"
#include "shaders/lib/order.glsl"

shared uint choose_expert[MOE_FEW_CHOSEN];
shared uvec4 choose_key[MOE_FEW_EXPERTS / 4]; /* order of the logits; NaN before all numbers */
shared uint choose_rank[MOE_FEW_EXPERTS];
shared uint choose_mask[MOE_FEW_EXPERTS / 32];
shared float choose_mass[MOE_FEW_EXPERTS];

const uint AT_ONCE = 4; /* experts that are looked at together, or fours of them */

uint key_of(uint e) {
    return choose_key[e / 4][e % 4];
}

/* How many of the experts in every `parts`-th four from `part` on come before expert e: larger
 * logits, and equal ones of lower index. */
uint rank_of(uint e, uint part, uint parts) {
    uint key = key_of(e), own = e / 4, rank = 0;
    uint fours = (a.n_experts + 3) / 4;
    for (uint first = part; first < fours; first += AT_ONCE * parts)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
            uint i = first + n * parts;
            uvec4 other = choose_key[min(i, fours - 1)];
            uvec4 at_least = uvec4(i < own ? key : key + 1);
            if (i == own)
                at_least = key + uvec4(greaterThanEqual(uvec4(0, 1, 2, 3), uvec4(e % 4)));
            uvec4 before = uvec4(greaterThanEqual(other, at_least));
            rank += i < fours ? before.x + before.y + (before.z + before.w) : 0;
        }
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
    return choose_rank[e] < a.chosen;
}

/* The threads beyond one for each expert help to rank. */
void rank_experts() {
    uint parts = max(THREADS / a.n_experts, 1), tasks = parts * a.n_experts;
    for (uint i = gl_LocalInvocationIndex; i < tasks; i += THREADS) {
        uint e = i % a.n_experts;
        atomicAdd(choose_rank[e], rank_of(e, i / a.n_experts, parts));
    }
}

void choose_experts(uint t) {
    floats logit = floats(a.logits + uint64_t(t) * a.n_experts * 4);
    uint padded = (a.n_experts + 3) / 4 * 4;
    for (uint e = gl_LocalInvocationIndex; e < padded; e += THREADS) {
        float l = e < a.n_experts ? logit.at[e] : 0;
        choose_key[e / 4][e % 4] = e >= a.n_experts || is_nan(l) ? 0 : order(l);
        choose_rank[e] = 0;
        choose_mask[e / 32] = 0;
    }
    barrier();
    rank_experts();
    barrier();
    for (uint e = gl_LocalInvocationIndex; e < a.n_experts; e += THREADS)
        if (is_chosen(e))
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
    for (uint i = 0; i < a.chosen; i++)
        first = max(first, key_of(choose_expert[i]));
    float top = of_order(first), sum = 0;
    uint padded = (a.n_experts + AT_ONCE - 1) / AT_ONCE * AT_ONCE;
    for (uint e = gl_LocalInvocationIndex; e < padded; e += THREADS) {
        bool counts = e < a.n_experts && (a.normalise == 0 || is_chosen(e));
        choose_mass[e] = counts ? expf(logit.at[e] - top) : 0;
    }
    barrier();
    for (uint e = 0; e < padded; e += AT_ONCE)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
            sum += choose_mass[e + n];
    for (uint i = gl_LocalInvocationIndex; i < a.chosen; i += THREADS) {
        uints(a.experts).at[t * a.chosen + i] = choose_expert[i];
        floats(a.weights).at[t * a.chosen + i] = choose_mass[choose_expert[i]] / sum;
    }
}

#endif
