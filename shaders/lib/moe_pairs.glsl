/* moe_pairs: the pairs of a row of moe_down_args `a`, see moe_few.h. Before it is included: the
 * constants TEAM, TEAMS, CHOSEN, INNER and SHARED_INNER. */
#ifndef SHADERS_MOE_PAIRS
#define SHADERS_MOE_PAIRS

#extension GL_EXT_control_flow_attributes : require

const uint ALL = CHOSEN * INNER + SHARED_INNER; /* numbers of the row's part of hidden */
shared uint64_t pair_matrix[CHOSEN + 1]; /* the last one is the shared expert's */
shared float pair_factor[CHOSEN + 1];

/* Before a barrier. */
void list_pairs(uint t) {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < CHOSEN; i += TEAM * TEAMS) {
        pair_matrix[i] = a.down + uint64_t(uints(a.experts).at[t * CHOSEN + i]) * a.apart;
        pair_factor[i] = floats(a.weights).at[t * CHOSEN + i];
    }
    if (gl_WorkGroupID.x == 0) /* for the next router.glsl */
        [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < a.n_keys; i += TEAM * TEAMS)
            uints(a.keys).at[i] = 0;
    if (gl_LocalInvocationIndex == 0 && SHARED_INNER > 0) {
        pair_matrix[CHOSEN] = a.shared_down;
        pair_factor[CHOSEN] = sigmoid(floats(a.shared_logit).at[t]);
    }
}

#endif
