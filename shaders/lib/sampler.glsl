/* sampler: struct op_sampler of ops.h on the device, and scores of logits. */
#ifndef SHADERS_SAMPLER
#define SHADERS_SAMPLER

#include "shaders/lib/memory.glsl"
#include "shaders/lib/order.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) MEMORY buffer samplers {
    float temp;
    int top_k;
    float top_p, rep;
    uint seed_low, seed_high;
    uint stage, turn;
    int step, last_codebook;
    int suppress_from, suppress_keep;
};

/* What every draw needs, in registers. */
struct sampling {
    float temp, rep;
    int suppress_from, suppress_keep;
};

sampling sampler_load(uint64_t state) {
    samplers s = samplers(state);
    return sampling(s.temp, s.rep, s.suppress_from, s.suppress_keep);
}

/* seen may be 0. */
bool is_seen(uint64_t seen, uint id) {
    return seen != 0 && ints(seen).at[id] != 0;
}

/* The logit l of `id` after penalty and suppression; never NaN. */
float penalised(sampling s, float l, bool seen, uint id) {
    const float none = uintBitsToFloat(0xff800000); /* -infinity */
    if (is_nan(l) || int(id) >= s.suppress_from && int(id) != s.suppress_keep)
        return none;
    if (!seen || s.rep == 1)
        return l;
    return l > 0 ? l / s.rep : l * s.rep;
}

#endif
