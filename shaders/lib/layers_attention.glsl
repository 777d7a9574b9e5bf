/* layers_attention: the first half of a layer; for layers.comp. What does not depend on the work of
 * others is asked for before they are waited for. qkv(), attention() and out_add() are false if
 * somebody has given up. */
#ifndef SHADERS_LAYERS_ATTENTION
#define SHADERS_LAYERS_ATTENTION

/* ---- queries, keys and values ---- */

quant_row qkv_row(uint l, uint task) {
    const uint Q = HEADS * HEAD_DIM, KV = KV_HEADS * HEAD_DIM;
    if (task < Q)
        return quant_row_of(table[l % 2][LAYERS_Q], Q, HIDDEN, task);
    if (task < Q + KV)
        return quant_row_of(table[l % 2][LAYERS_K], KV, HIDDEN, task - Q);
    return quant_row_of(table[l % 2][LAYERS_V], KV, HIDDEN, task - Q - KV);
}

void qkv_ask(uint l, uint round) {
    [[unroll]] for (uint i = 0; i < QKV_ROWS; i++) {
        quant_row row = qkv_row(l, min(task_of(round, QKV_ROWS, i), QKV - 1));
        [[unroll]] for (uint j = 0; j < IN_UNITS; j++)
            raw[i * IN_UNITS + j] = quant_load(row, first_unit(), unit_ahead(j));
    }
}

/* Rows of qkv, f32 [QKV], of x f32 [HIDDEN]. */
bool qkv(uint l, uint64_t from) {
    uint thread = gl_LocalInvocationIndex, rounds = rounds_of(QKV, QKV_ROWS), place = first_place();
    float scale;
    [[dont_unroll]] for (uint round = 0; round < rounds; round++) {
        qkv_ask(l, round);
        if (round == 0) {
            ask_norm(table[l % 2][LAYERS_INPUT_NORM]);
            if (!wait())
                return false;
            stage_normed(from);
            barrier();
        }
        [[unroll]] for (uint i = 0; i < QKV_ROWS; i++)
            team_give(i, row_sum(i * IN_UNITS, IN_UNITS, place));
        team_give(SQUARES, square);
        team_add();
        if (round == 0)
            scale = norm_scale();
        uint task = own_task(round, QKV_ROWS);
        if (thread < TEAMS * QKV_ROWS && task < QKV)
            floats(scratch(AT_QKV)).at[task] = own_sum(0) * scale;
    }
    arrive(TEAMS * QKV_ROWS);
    return true;
}

/* ---- attention ---- */

#include "shaders/lib/layers_attend.glsl"

/* ---- output projection ---- */

void out_ask(uint l, uint round) {
    [[unroll]] for (uint i = 0; i < OUT_ROWS; i++) {
        uint task = min(task_of(round, OUT_ROWS, i), HIDDEN - 1);
        quant_row row = quant_row_of(table[l % 2][LAYERS_OUT], HIDDEN, ATT, task);
        [[unroll]] for (uint j = 0; j < OUT_UNITS; j++)
            raw[i * OUT_UNITS + j] = quant_load(row, first_unit(), unit_ahead(j));
    }
}

/* y = from + out att; att f32 [ATT], from f32 [HIDDEN] */
bool out_add(uint l, uint64_t from) {
    uint rounds = rounds_of(HIDDEN, OUT_ROWS), place = first_place();
    [[dont_unroll]] for (uint round = 0; round < rounds; round++) {
        out_ask(l, round);
        if (round == 0) {
            ask_norm(table[l % 2][LAYERS_POST_NORM]);
            if (!wait())
                return false;
            stage(scratch(AT_ATT), ATT);
            barrier();
        }
        add_round(from, round, OUT_ROWS, OUT_UNITS, place);
    }
    arrive(TEAMS * OUT_ROWS);
    return true;
}

#endif
