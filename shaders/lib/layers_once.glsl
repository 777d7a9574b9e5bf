/* layers_once: a row x once through all layers with experts; for layers.comp and layers_bf16.comp. */
#ifndef SHADERS_LAYERS_ONCE
#define SHADERS_LAYERS_ONCE

/* Past the last layer it is the last one again. */
void load_layer(uint l) {
    load_turn(l, layer_row(min(l, r.n_layers - 1)));
}

void go() {
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

void finish() {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < HIDDEN; i += THREADS)
        floats(r.x).at[i] = floats(scratch(AT_Y)).at[i];
}

/* What workgroups that did not meet have left. */
void clear_scratch() {
    clear_keys();
    clear_done(TILES * KV_HEADS);
}

#endif
