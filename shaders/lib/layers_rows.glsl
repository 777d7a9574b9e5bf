/* layers_rows: a row x in shared memory, and products of rows of quantised weights with it, as in
 * few_quant.glsl: the same sums in the same order; for layers.comp. */
#ifndef SHADERS_LAYERS_ROWS
#define SHADERS_LAYERS_ROWS

/* ---- x as integers ---- */

const uint LONG_ROW = ATT > HIDDEN ? ATT : HIDDEN, LONGEST_ROW = LONG_ROW > MIX ? LONG_ROW : MIX;
const uint ROWS = 1, RUNS = LONGEST_ROW / 16, PLANES = 2;
const bool PAIRED = W_TYPE == WEIGHTS_Q4_K || W_TYPE == WEIGHTS_Q5_K;
const bool HAS_SUM = QUANT_HAS_MIN || QUANT_OFFSET != 0;
#include "shaders/lib/few_planes.glsl"

const uint NORM_QUADS = NORM == NORM_BF16 ? 2 : 4;
uvec4 norm_raw[NORM_QUADS]; /* this thread's run of a norm's weights, as loaded */
float square;               /* of its run of x */

void ask_norm(uint64_t norm) {
    uint run = min(gl_LocalInvocationIndex, HIDDEN / 16 - 1);
    [[unroll]] for (uint c = 0; c < NORM_QUADS; c++)
        norm_raw[c] = quads(norm).at[run * NORM_QUADS + c];
}

vec4 norm_four(uint c) {
    uvec4 w = norm_raw[c * NORM_QUADS / 4];
    if (NORM == NORM_F32)
        return uintBitsToFloat(w);
    return c % 2 == 0 ? vec4(widen2(w.x), widen2(w.y)) : vec4(widen2(w.z), widen2(w.w));
}

/* A row of `width` numbers, each thread some runs. */
void stage(uint64_t from, uint width) {
    [[dont_unroll]] for (uint run = gl_LocalInvocationIndex; run < width / 16; run += THREADS) {
        vec4 x[4];
        [[unroll]] for (uint c = 0; c < 4; c++)
            x[c] = vectors(from).at[4 * run + c];
        few_round(0, few_place(run), x);
    }
}

/* The same of a row that is normed: with the weights that ask_norm() has asked for. */
void stage_normed(uint64_t from) {
    uint run = gl_LocalInvocationIndex;
    vec4 x[4];
    square = 0;
    if (run >= HIDDEN / 16)
        return;
    [[unroll]] for (uint c = 0; c < 4; c++)
        x[c] = vectors(from).at[4 * run + c];
    [[unroll]] for (uint c = 0; c < 4; c++) {
        square += dot(x[c], x[c]);
        x[c] *= norm_four(c);
    }
    few_round(0, few_place(run), x);
}

/* 1 / sqrt(mean(x^2) + eps), from what teams have given as sum SQUARES. */
float norm_scale() {
    float all = 0;
    [[unroll]] for (uint team = 0; team < TEAMS; team++)
        all += team_total[team * SUMS + SQUARES];
    return 1 / sqrt(all / float(HIDDEN) + r.eps);
}

/* ---- weights ---- */

/* Units of a row that a lane has. */
const uint LANE_UNIT = TEAM * QUANT_UNIT;
const uint IN_UNITS = HIDDEN / LANE_UNIT, OUT_UNITS = ATT / LANE_UNIT, DOWN_UNITS = MIX / LANE_UNIT;
const uint QKV_SLOTS = QKV_ROWS * IN_UNITS, OUT_SLOTS = OUT_ROWS * OUT_UNITS;
const uint MIX_SLOTS = 2 * MIX_ROWS * IN_UNITS, DOWN_SLOTS = DOWN_ROWS * DOWN_UNITS;
const uint SLOTS_1 = QKV_SLOTS > OUT_SLOTS ? QKV_SLOTS : OUT_SLOTS;
const uint SLOTS_2 = MIX_SLOTS > DOWN_SLOTS ? MIX_SLOTS : DOWN_SLOTS;
const uint SLOTS = SLOTS_1 > SLOTS_2 ? SLOTS_1 : SLOTS_2;
quant_raw raw[SLOTS];

uint first_unit() {
    return team_lane() * (PAIRED ? 2 : 1);
}

uint unit_ahead(uint j) {
    return PAIRED ? j / 2 * 2 * TEAM + j % 2 : j * TEAM;
}

/* few_place() of a lane's first run, and of run `run` of its unit j: what is constant is known. */
uint first_place() {
    return few_place(quant_run(first_unit(), 0));
}

uint place_of(uint place, uint j, uint run) {
    uint next = W_TYPE == WEIGHTS_Q6_K ? 4 * run : PAIRED ? j % 2 + 2 * run : run;
    return (place ^ next) + (PAIRED ? j / 2 * 2 : j) * TEAM * QUANT_RUNS;
}

/* sum + what a lane's unit j of weights gives with its part of x, of which it has the beginning at
 * `place`; scales: quant_scales() of its pair. */
float add_unit(quant_raw w, vec4 scales, uint unit, uint place, uint j, float sum) {
    [[unroll]] for (uint run = 0; run < QUANT_RUNS; run++) {
        uint at = place_of(place, j, run);
        vec2 scale = run == 0 ? scales.xy : scales.zw, step = few_step[at];
        uvec4 q;
        int part[PLANES];
        [[unroll]] for (uint c = 0; c < 4; c++)
            q[c] = quant_word(w, unit, run, c);
        [[unroll]] for (uint p = 0; p < PLANES; p++)
            part[p] = few_dot(few_x[p * RUNS + at], q);
        sum = fma(scale.x * step.x, few_whole(part), sum);
        if (HAS_SUM)
            sum = fma(-scale.y - float(QUANT_OFFSET) * scale.x, step.y, sum);
    }
    return sum;
}

/* What this lane's units of a row, raw[slot] .. raw[slot + units - 1], give with x. */
float row_sum(uint slot, uint units, uint place) {
    float sum = 0;
    vec4 scales;
    [[unroll]] for (uint j = 0; j < units; j++) {
        uint unit = first_unit() + unit_ahead(j);
        if (!PAIRED || j % 2 == 0)
            scales = quant_scales(raw[slot + j], unit);
        sum = add_unit(raw[slot + j], scales, unit, place, j, sum);
    }
    return sum;
}

/* y = from + the sums of a round, whose rows are in raw, `units` each; y and from f32 [HIDDEN]. */
void add_round(uint64_t from, uint round, uint rows, uint units, uint place) {
    uint own = own_task(round, rows);
    bool stores = gl_LocalInvocationIndex < rows * TEAMS && own < HIDDEN;
    float before = stores ? floats(from).at[own] : 0;
    [[unroll]] for (uint i = 0; i < rows; i++)
        team_give(i, row_sum(i * units, units, place));
    team_add();
    if (stores)
        floats(scratch(AT_Y)).at[own] = before + own_sum(0);
}

#endif
