/* layers_main: through all layers, and the sweep; for kernels that stay (layers.comp). */
#ifndef SHADERS_LAYERS_MAIN
#define SHADERS_LAYERS_MAIN

void all_layers() {
    uint end = uint(ints(r.at).at[0]) + 1;
    meetings = 0;
    load_layer(0);
    barrier();
    [[dont_unroll]] for (uint l = 0; l < r.n_layers; l++) {
        uint64_t from = l == 0 ? r.x : scratch(AT_Y);
        if (!(qkv(l, from) && attention(l, from, end) && hidden(l) && down_add(l)))
            break;
    }
}

/* Alone: counts from zero, and does it all if it is to be done. True: it is. */
bool sweeps() {
    state_words state = state_words(r.state);
    bool lost = (state.at[LAYERS_COUNT] & LAYERS_LOST) != 0;
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        state.at[LAYERS_COUNT] = 0;
        if (lost)
            atomicAdd(state_words(r.report).at[0], 1);
    }
    if (lost) {
        clear_scratch();
        memoryBarrierBuffer();
        barrier();
    }
    return lost;
}

void main() {
    my_group = r.sweep == 0 ? gl_WorkGroupID.x : 0;
    all_groups = r.sweep == 0 ? gl_NumWorkGroups.x : 1;
    if (r.sweep == 0 || sweeps())
        all_layers();
    if (r.sweep == 0)
        return;
    memoryBarrierBuffer();
    barrier();
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < HIDDEN; i += THREADS)
        floats(r.x).at[i] = floats(scratch(AT_Y)).at[i];
    if (gl_LocalInvocationIndex == 0)
        state_words(r.state).at[LAYERS_COUNT] = 0;
}

#endif
