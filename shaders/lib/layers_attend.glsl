/* layers_attend: attention of a layer, for kernels that stay (layers.comp). */
#ifndef SHADERS_LAYERS_ATTEND
#define SHADERS_LAYERS_ATTEND

void attention_group(uint l, uint i) {
    const uint Q = HEADS * HEAD_DIM, KV = KV_HEADS * HEAD_DIM;
    GROUP = uvec3(i % TILES, i / TILES % KV_HEADS, i / (TILES * KV_HEADS));
    GROUPS_ALL = uvec3(TILES, KV_HEADS, SPLITS_ALL);
    row_a = attention_split_args(
        scratch(AT_ATT), scratch(AT_QKV), table[l % 2][LAYERS_K_CACHE], table[l % 2][LAYERS_V_CACHE],
        r.at, scratch(AT_FOUND), scratch(AT_DONE), scratch(AT_QKV + Q), scratch(AT_QKV + Q + KV),
        r.rope, table[l % 2][LAYERS_Q_NORM], table[l % 2][LAYERS_K_NORM], 1, HEADS, KV_HEADS, 0,
        r.capacity, r.eps);
}

const uint ATTENTION_GROUPS = TILES * KV_HEADS * SPLITS_ALL;

/* att of qkv; `end` keys with the new one. The first keys and values are asked for before there are
 * queries. */
bool attend_all(uint l, uint end) {
    bool waited = false;
    [[dont_unroll]] for (uint i = my_group; i < ATTENTION_GROUPS; i += all_groups) {
        new_row row;
        attention_group(l, i);
        attention_ask();
        if (!waited && !wait())
            return false;
        waited = true;
        if (has_row())
            row = load_new();
        attention_row(row, end);
        barrier();
    }
    if (!waited && !wait())
        return false;
    arrive(THREADS);
    return true;
}

/* y = from + out att; y and from f32 [HIDDEN]. */
bool out_add(uint l, uint64_t from);

bool attention(uint l, uint64_t from, uint end) {
    return attend_all(l, end) && out_add(l, from);
}

#endif
