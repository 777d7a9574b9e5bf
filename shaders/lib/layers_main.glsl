/* layers_main: all of it, and the sweep; for kernels that stay (layers.comp). Before it is included:
 * go(), finish(), which only the sweep does, and clear_scratch(). */
#ifndef SHADERS_LAYERS_MAIN
#define SHADERS_LAYERS_MAIN

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
        go();
    if (r.sweep == 0)
        return;
    memoryBarrierBuffer();
    barrier();
    finish();
    if (gl_LocalInvocationIndex == 0)
        state_words(r.state).at[LAYERS_COUNT] = 0;
}

#endif
