/* layers_choose: which experts a layer takes, for kernels that stay (layers.comp). */
#ifndef SHADERS_LAYERS_CHOOSE
#define SHADERS_LAYERS_CHOOSE

moe_hidden_args hidden_a;
const uint PATIENCE = MOE_FEW_PATIENCE;
#define a hidden_a
#include "shaders/lib/choose.glsl"
#include "shaders/lib/router.glsl"
#undef a

/* x is made ready while others' logits are waited for. */
void while_waiting() {
    stage_normed(scratch(AT_Y));
}

void choose(uint l) {
    GROUP = uvec3(my_group, 0, 0);
    GROUPS_ALL = uvec3(all_groups, 1, 1);
    hidden_a.x = scratch(AT_Y);
    hidden_a.norm = table[l % 2][LAYERS_POST_NORM];
    hidden_a.logits = scratch(AT_KEYS);
    hidden_a.router = table[l % 2][LAYERS_ROUTER];
    hidden_a.shared_router = SHARED_INNER > 0 ? table[l % 2][LAYERS_SHARED_ROUTER] : 0;
    hidden_a.shared_logit = scratch(AT_SHARED);
    hidden_a.width = HIDDEN;
    hidden_a.n_experts = EXPERTS;
    hidden_a.normalise = r.normalise;
    hidden_a.eps = r.eps;
    route();
    choose_experts();
}

/* Where the chosen experts' matrices are. */
shared uint64_t pair_gate[CHOSEN], pair_up[CHOSEN], pair_down[CHOSEN];

void list_pairs(uint l) {
    uint i = gl_LocalInvocationIndex;
    if (i < CHOSEN) {
        uint64_t skip = uint64_t(choose_expert[i]) * table[l % 2][LAYERS_APART];
        pair_gate[i] = table[l % 2][LAYERS_GATE] + skip;
        pair_up[i] = table[l % 2][LAYERS_UP] + skip;
        pair_down[i] = table[l % 2][LAYERS_DOWN] + skip;
    }
    barrier();
}

/* The first threads, so many, clear keys of the router for the next layer. */
uint clearers() {
    return my_group == 0 ? EXPERTS : 0;
}

void clear_keys() {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < clearers(); i += THREADS)
        uints(scratch(AT_KEYS)).at[i] = 0;
}

#endif
