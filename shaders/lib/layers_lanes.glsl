/* layers_lanes: the parts of a dense layer with few keys, for passes_lanes.comp. What does not depend on
 * the work of others is asked for before they are waited for; functions that wait are false if
 * somebody has given up. */
#ifndef SHADERS_LAYERS_LANES
#define SHADERS_LAYERS_LANES

#include "shaders/lib/layers_eights.glsl"

/* ---- attention and its output projection ---- */

uint64_t layer_from; /* what the layer is given, f32 [HIDDEN] */
uint64_t row_rope;   /* of the new row, f32 [HEAD_DIM] */
attention_out_lanes_args out_a;
uvec3 GROUP; /* of the workgroups that attention_out_lanes would have */
const bool W_BF16 = true;

/* The new rows are where x is for products. */
vec4 row_four(uint row, uint i) {
    return row_x[row * (HEAD_DIM / 4) + i];
}

void put_row_four(uint row, uint i, vec4 x) {
    row_x[row * (HEAD_DIM / 4) + i] = x;
}

bool keeps_new() {
    return GROUP.x == 0;
}

uint64_t cache_row(bool values, uint key) {
    return (values ? out_a.v : out_a.k) + (key * KV_HEADS + GROUP.y) * HEAD_DIM * 2;
}

#define out_part  team_part /* attention has it between two products */
#define a         out_a
#define NORM_BF16 HEADS_NORM_BF16
#include "shaders/lib/attention_out.glsl"
#undef a
#undef NORM_BF16

void out_group(uint l, uint i) {
    GROUP = uvec3(i % OUT_TILES, i / OUT_TILES, 0);
    out_a = attention_out_lanes_args(
        0, table[l % 2][LAYERS_K_CACHE], table[l % 2][LAYERS_V_CACHE], 0, 0, 0, row_rope,
        table[l % 2][LAYERS_Q_NORM], table[l % 2][LAYERS_K_NORM], 0, table[l % 2][LAYERS_OUT], 0, 0, 0,
        KV_HEADS, HIDDEN, 0, r.eps);
}

void stage_new() {
    const uint Q = HEADS * HEAD_DIM, KV = KV_HEADS * HEAD_DIM;
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < NEW_ROWS * FOURS; i += THREADS) {
        uint row = i / FOURS;
        uint first = row < QUERIES ? (GROUP.y * QUERIES + row) * HEAD_DIM
                                   : Q + (row - QUERIES) * KV + GROUP.y * HEAD_DIM;
        row_x[i] = vectors(scratch(AT_QKV + first)).at[i % FOURS];
    }
}

/* Shares of out attention, f32 [KV_HEADS, HIDDEN]; `end` keys with the new one. Whoever needs what they
 * make adds them up for itself: one workgroup that did so for all would be waited for. */
bool attention(uint l, uint end) {
    const uint STORERS = TILE > TURNS_ALL ? TILE : TURNS_ALL;
    bool waited = false;
    [[dont_unroll]] for (uint i = my_group; i < OUT_TILES * KV_HEADS; i += all_groups) {
        out_group(l, i);
        load_cache();
        load_out();
        load_turns();
        if (!waited && !wait())
            return false;
        waited = true;
        stage_new();
        barrier();
        make_shares(end);
        uint row = GROUP.x * TILE + gl_LocalInvocationIndex;
        if (gl_LocalInvocationIndex < TILE && row < HIDDEN)
            floats(scratch(AT_PARTS)).at[GROUP.y * HIDDEN + row] = share_of(gl_LocalInvocationIndex);
    }
    if (!waited && !wait())
        return false;
    arrive(STORERS);
    return true;
}

/* What is open after attention are the shares. */
vec4 four_of(uint64_t from, uint i, bool open) {
    vec4 x = vectors(from).at[i], y = vec4(0), share[KV_HEADS];
    if (!open)
        return x;
    [[unroll]] for (uint h = 0; h < KV_HEADS; h++)
        share[h] = vectors(scratch(AT_PARTS + h * HIDDEN)).at[i];
    [[unroll]] for (uint h = 0; h < KV_HEADS; h++)
        y += share[h];
    return x + y;
}

float number_of(uint64_t from, uint i, bool open) {
    float x = floats(from).at[i], y = 0, share[KV_HEADS];
    if (!open)
        return x;
    [[unroll]] for (uint h = 0; h < KV_HEADS; h++)
        share[h] = floats(scratch(AT_PARTS + h * HIDDEN)).at[i];
    [[unroll]] for (uint h = 0; h < KV_HEADS; h++)
        y += share[h];
    return x + y;
}

/* ---- the dense MLP ---- */

void hidden_ask(uint l, uint round) {
    [[unroll]] for (uint i = 0; i < MIX_ROWS; i++) {
        uint n = min(task_of(round, MIX_ROWS, i), INNER - 1);
        ask_row(2 * i * IN_EIGHTS, IN_EIGHTS, table[l % 2][LAYERS_GATE], n);
        ask_row((2 * i + 1) * IN_EIGHTS, IN_EIGHTS, table[l % 2][LAYERS_UP], n);
    }
}

bool hidden_ready(uint l) {
    ask_norm(table[l % 2][LAYERS_POST_NORM]);
    if (!wait())
        return false;
    stage_row(layer_from, true);
    barrier();
    share_squares();
    return true;
}

bool hidden(uint l) {
    return hidden_rows(l, INNER);
}

/* y = layer_from + out attention + down mix */
bool down_add(uint l) {
    uint rounds = rounds_of(HIDDEN, 1);
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0)
            team_give(0, row_sum(0, DOWN_EIGHTS));
        if (next < rounds)
            ask_row(0, DOWN_EIGHTS, table[l % 2][LAYERS_DOWN],
                    min(task_of(next, 1, 0), HIDDEN - 1));
        if (next == 0) {
            load_layer(l + 1);
            if (!wait())
                return false;
            stage(scratch(AT_MIX), INNER);
            barrier();
            continue;
        }
        add_own(layer_from, next - 1, true);
    }
    arrive(TEAMS);
    return true;
}

#endif
