/* layers_bf16: the parts of a layer with experts of bf16 matrices, for layers_bf16.comp. What does not
 * depend on the work of others is asked for before they are waited for; functions that wait are
 * false if somebody has given up. */
#ifndef SHADERS_LAYERS_BF16
#define SHADERS_LAYERS_BF16

#include "shaders/lib/layers_eights.glsl"
#include "shaders/lib/layers_attend.glsl"

vec4 four_of(uint64_t from, uint i, bool open) {
    return vectors(from).at[i];
}

float number_of(uint64_t from, uint i, bool open) {
    return floats(from).at[i];
}

/* ---- output projection ---- */

/* y = from + out att; att f32 [ATT], from f32 [HIDDEN] */
bool out_add(uint l, uint64_t from) {
    uint rounds = rounds_of(HIDDEN, 1);
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0)
            team_give(0, row_sum(0, OUT_EIGHTS));
        if (next < rounds)
            ask_row(0, OUT_EIGHTS, table[l % 2][LAYERS_OUT], min(task_of(next, 1, 0), HIDDEN - 1));
        if (next == 0) {
            ask_norm(table[l % 2][LAYERS_POST_NORM]);
            if (!wait())
                return false;
            stage(scratch(AT_ATT), ATT);
            barrier();
            continue;
        }
        add_own(from, next - 1, false);
    }
    arrive(TEAMS);
    return true;
}

/* ---- experts ---- */

#include "shaders/lib/layers_choose.glsl"

void hidden_ask(uint l, uint round) {
    [[unroll]] for (uint i = 0; i < MIX_ROWS; i++) {
        uint task = min(task_of(round, MIX_ROWS, i), MIX - 1), n = task % INNER;
        uint64_t gate, up;
        if (task < CHOSEN * INNER) {
            gate = pair_gate[task / INNER];
            up = pair_up[task / INNER];
        } else {
            n = task - CHOSEN * INNER;
            gate = table[l % 2][LAYERS_SHARED_GATE];
            up = table[l % 2][LAYERS_SHARED_UP];
        }
        ask_row(2 * i * IN_EIGHTS, IN_EIGHTS, gate, n);
        ask_row((2 * i + 1) * IN_EIGHTS, IN_EIGHTS, up, n);
    }
}

/* How much each expert counts is found out while the first weights are on their way. */
bool hidden_ready(uint l) {
    weigh_choice();
    return true;
}

/* Of each chosen expert and then of the shared one. */
bool hidden(uint l) {
    if (!wait())
        return false;
    choose(l);
    share_squares();
    list_pairs(l);
    return hidden_rows(l, MIX);
}

/* The pair of this lane's eight number j of mix. */
uint pair_of(uint j) {
    return min((j * TEAM + team_lane()) / (INNER / 8), CHOSEN);
}

void down_ask(uint l, uint round) {
    uint task = min(task_of(round, 1, 0), HIDDEN - 1);
    [[unroll]] for (uint j = 0; j < DOWN_EIGHTS; j++) {
        uint pair = pair_of(j), at = j * TEAM + team_lane() - pair * (INNER / 8);
        bool shares = SHARED_INNER > 0 && pair == CHOSEN;
        uint64_t matrix = shares ? table[l % 2][LAYERS_SHARED_DOWN] : pair_down[min(pair, CHOSEN - 1)];
        raw[j] = quads(matrix + uint64_t(task) * (shares ? SHARED_INNER : INNER) * 2).at[at];
    }
}

/* How much each pair counts. */
shared float pair_factor[CHOSEN + 1];

void weigh_pairs() {
    uint i = gl_LocalInvocationIndex;
    if (i < CHOSEN)
        pair_factor[i] = choose_weight[i];
    if (i == CHOSEN && SHARED_INNER > 0)
        pair_factor[CHOSEN] = sigmoid(floats(scratch(AT_SHARED)).at[0]);
}

/* y += down mix */
bool down_add(uint l) {
    uint rounds = rounds_of(HIDDEN, 1);
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0) {
            float sum = 0;
            [[unroll]] for (uint j = 0; j < DOWN_EIGHTS; j++) {
                float part = fma8(row_eight(j * TEAM + team_lane(), MIX / 8), raw_weights(j), 0);
                sum = fma(pair_factor[pair_of(j)], part, sum);
            }
            team_give(0, sum);
        }
        if (next < rounds)
            down_ask(l, next);
        if (next == 0) {
            load_layer(l + 1);
            if (!wait())
                return false;
            clear_keys();
            weigh_pairs();
            stage(scratch(AT_MIX), MIX);
            barrier();
            continue;
        }
        add_own(scratch(AT_Y), next - 1, false);
    }
    arrive(max(clearers(), TEAMS));
    return true;
}

#endif
