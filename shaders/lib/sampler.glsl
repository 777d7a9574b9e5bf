/* sampler: struct op_sampler of ops.h on the device, and scores of logits. */
#ifndef SHADERS_SAMPLER
#define SHADERS_SAMPLER

#include "shaders/lib/memory.glsl"
#include "shaders/lib/order.glsl"

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer samplers {
    float temp;
    int top_k;
    float top_p, rep;
    uint seed_low, seed_high;
    uint stage, turn;
    int step, last_codebook;
    int suppress_from, suppress_keep;
};

/* Logit `id` after penalty and suppression; never NaN. seen may be 0. */
float penalised(samplers s, uint64_t logits, uint64_t seen, uint id) {
    const float none = uintBitsToFloat(0xff800000); /* -infinity */
    float l = floats(logits).at[id];
    if (is_nan(l) || int(id) >= s.suppress_from && int(id) != s.suppress_keep)
        return none;
    if (seen == 0 || ints(seen).at[id] == 0)
        return l;
    return l > 0 ? l / s.rep : l * s.rep;
}

#endif
