/* layers_experts: the second half of a layer, as layers_attention is the first; for layers.comp. */
#ifndef SHADERS_LAYERS_EXPERTS
#define SHADERS_LAYERS_EXPERTS

#include "shaders/lib/layers_choose.glsl"

void hidden_ask(uint l, uint round) {
    [[unroll]] for (uint i = 0; i < MIX_ROWS; i++) {
        uint task = min(task_of(round, MIX_ROWS, i), MIX - 1), n = task % INNER;
        quant_row gate = quant_row_of(pair_gate[task / INNER], INNER, HIDDEN, n);
        quant_row up = quant_row_of(pair_up[task / INNER], INNER, HIDDEN, n);
        [[unroll]] for (uint j = 0; j < IN_UNITS; j++) {
            raw[2 * i * IN_UNITS + j] = quant_load(gate, first_unit(), unit_ahead(j));
            raw[(2 * i + 1) * IN_UNITS + j] = quant_load(up, first_unit(), unit_ahead(j));
        }
    }
}

/* mix, f32 [MIX], of y: silu(gate y) * (up y) of each chosen expert, y normed. Matrices are asked for
 * in one place and multiplied in one place: short code comes sooner. How much each expert counts is
 * found out while the first are on their way. */
bool hidden(uint l) {
    uint rounds = rounds_of(MIX, MIX_ROWS), thread = gl_LocalInvocationIndex, place = first_place();
    float scale;
    if (!wait())
        return false;
    choose(l);
    list_pairs(l);
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0) {
            [[unroll]] for (uint i = 0; i < 2 * MIX_ROWS; i++)
                team_give(i / 2 + i % 2 * MIX_ROWS, row_sum(i * IN_UNITS, IN_UNITS, place));
            team_give(SQUARES, square);
        }
        if (next < rounds)
            hidden_ask(l, next);
        if (next == 0) {
            weigh_choice();
            continue;
        }
        team_add();
        if (next == 1)
            scale = norm_scale();
        uint task = own_task(next - 1, MIX_ROWS);
        if (thread < MIX_ROWS * TEAMS && task < MIX)
            floats(scratch(AT_MIX)).at[task] =
                silu(own_sum(0) * scale) * (own_sum(MIX_ROWS) * scale);
    }
    arrive(TEAMS * MIX_ROWS);
    return true;
}

void down_ask(uint l, uint round) {
    const uint EACH = INNER / QUANT_UNIT;
    [[unroll]] for (uint i = 0; i < DOWN_ROWS; i++) {
        uint task = min(task_of(round, DOWN_ROWS, i), HIDDEN - 1);
        [[unroll]] for (uint j = 0; j < DOWN_UNITS; j++) {
            uint unit = first_unit() + unit_ahead(j), pair = unit / EACH;
            quant_row row = quant_row_of(pair_down[pair], HIDDEN, INNER, task);
            raw[i * DOWN_UNITS + j] = quant_load(row, unit - pair * EACH, 0);
        }
    }
}

/* mix, each expert's times its weight. */
void stage_mix() {
    [[dont_unroll]] for (uint run = gl_LocalInvocationIndex; run < MIX / 16; run += THREADS) {
        vec4 x[4];
        [[unroll]] for (uint c = 0; c < 4; c++)
            x[c] = vectors(scratch(AT_MIX)).at[4 * run + c];
        float weight = choose_weight[run / (INNER / 16)];
        [[unroll]] for (uint c = 0; c < 4; c++)
            x[c] *= weight;
        few_round(0, few_place(run), x);
    }
}

/* y += down mix */
bool down_add(uint l) {
    uint rounds = rounds_of(HIDDEN, DOWN_ROWS), place = first_place();
    [[dont_unroll]] for (uint round = 0; round < rounds; round++) {
        down_ask(l, round);
        if (round == 0) {
            load_layer(l + 1);
            if (!wait())
                return false;
            clear_keys();
            stage_mix();
            barrier();
        }
        add_round(scratch(AT_Y), round, DOWN_ROWS, DOWN_UNITS, place);
    }
    arrive(max(clearers(), TEAMS * DOWN_ROWS));
    return true;
}

#endif
