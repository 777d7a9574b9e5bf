/* few_quant: few.glsl for quantised weights: a team's products of MATRICES rows of weights with ROWS
 * rows of x, which may first be normalised. A task is what a team works on at once.
 *
 * x is kept in shared memory, where all teams of the workgroup read it: each 16 bytes of weights want
 * 64 or 128 bytes of it. Loads of weights go on while x is put there, and for the next task while
 * this one's sums are added up. Sums are made in an order that depends on nothing but constants.
 *
 * Needs, before it is included,
 *   uint constants W_TYPE, MATRICES, ROWS, NORM (as in few.glsl), BATCH (units of each row of weights
 *   that a thread has under way at once) and ROOM (numbers of a row of x that are in shared memory at
 *   once: all of them, or those of TEAM * BATCH units)
 * and who includes it declares its local size of TEAM * TEAMS and the functions
 *   quant_row weights_row(uint task, uint m, inout uint unit);   the row of weights that unit number
 *                              `unit` of row m of a task is in, and its number there
 *   vec4 x4(uint t, uint k);   numbers k .. k + 3 of row t of x
 *   vec4 norm4(uint k);        the same of the norm's weights, if there is a norm
 *   void store(uint task, uint t, float product[MATRICES]);   what a task makes of row t */
#ifndef SHADERS_FEW_QUANT
#define SHADERS_FEW_QUANT

#extension GL_EXT_control_flow_attributes : require

const uint NORM_F32 = 1, NORM_BF16 = 2;
const uint PRODUCTS = ROWS * MATRICES;
const uint SUMS = PRODUCTS + (NORM != 0 ? ROWS : 0);
#include "shaders/lib/quant.glsl"
#include "shaders/lib/team.glsl"

const uint FEW_THREADS = TEAM * TEAMS;
const uint RUNS = ROOM / 16; /* in shared memory, of each row */

quant_row weights_row(uint task, uint m, inout uint unit);
vec4 x4(uint t, uint k);
vec4 norm4(uint k);
void store(uint task, uint t, float product[MATRICES]);

shared vec4 few_x[ROWS * 4 * RUNS];                       /* [t, 4 numbers of a run, run] */
shared float few_run_sum[QUANT_HAS_MIN ? ROWS * RUNS : 1]; /* of x; [t, run] */

quant_raw few_raw[BATCH * MATRICES];
float few_sum[PRODUCTS], few_square[ROWS];
float few_scale; /* the norm's, of the row whose results this thread stores */
uint few_units;  /* of a row of weights */

/* Where a run is kept: neighbouring threads want neighbours of these, or every second or fourth one,
 * and find them in different banks. */
uint few_place(uint run) {
    return run ^ (run >> 3 & 1) * 7;
}

/* Asks for a part of a task: BATCH units of each thread. Those past the end are the last one. */
void few_load(uint task, uint part) {
    [[unroll]] for (uint j = 0; j < BATCH; j++)
        [[unroll]] for (uint m = 0; m < MATRICES; m++) {
            uint unit = min((part * BATCH + j) * TEAM + team_lane(), few_units - 1);
            quant_row r = weights_row(task, m, unit);
            few_raw[j * MATRICES + m] = quant_load(r, unit);
        }
}

/* Run i of those that are in shared memory, k being its first number in the row. */
void few_put(uint t, uint i, uint k, bool counts) {
    vec4 x[4];
    float sum = 0;
    [[unroll]] for (uint c = 0; c < 4; c++)
        x[c] = x4(t, k + 4 * c);
    [[unroll]] for (uint c = 0; c < 4; c++) {
        if (NORM != 0) {
            few_square[t] += counts ? dot(x[c], x[c]) : 0;
            x[c] *= norm4(k + 4 * c);
        }
        few_x[(t * 4 + c) * RUNS + few_place(i)] = x[c];
        sum += x[c].x + x[c].y + (x[c].z + x[c].w);
    }
    if (QUANT_HAS_MIN)
        few_run_sum[t * RUNS + i] = sum;
}

/* x from run `first` on, as many as there is room for, to shared memory. counts: its squares belong
 * to the norm. */
void few_stage(uint first, bool counts) {
    uint n = min(RUNS, few_units * QUANT_RUNS - first);
    for (uint i = gl_LocalInvocationIndex; i < n; i += FEW_THREADS)
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            few_put(t, i, 16 * (first + i), counts);
    barrier();
}

/* Adds what run `run` of units of all rows of weights gives. */
void few_multiply_run(uint j, uint unit, uint run, uint first, vec4 scales[MATRICES]) {
    uint at = quant_run(unit, run) - first, place = few_place(at);
    float part[PRODUCTS];
    [[unroll]] for (uint i = 0; i < PRODUCTS; i++)
        part[i] = 0;
    [[unroll]] for (uint c = 0; c < 4; c++) {
        vec4 w[MATRICES];
        [[unroll]] for (uint m = 0; m < MATRICES; m++)
            w[m] = quant_four(few_raw[j * MATRICES + m], unit, run, c);
        [[unroll]] for (uint t = 0; t < ROWS; t++) {
            vec4 x = few_x[(t * 4 + c) * RUNS + place];
            [[unroll]] for (uint m = 0; m < MATRICES; m++)
                part[t * MATRICES + m] = fma4(x, w[m], part[t * MATRICES + m]);
        }
    }
    [[unroll]] for (uint m = 0; m < MATRICES; m++) {
        vec2 scale = run == 0 ? scales[m].xy : scales[m].zw;
        [[unroll]] for (uint t = 0; t < ROWS; t++) {
            uint i = t * MATRICES + m;
            few_sum[i] = fma(scale.x, part[i], few_sum[i]);
            if (QUANT_HAS_MIN)
                few_sum[i] = fma(-scale.y, few_run_sum[t * RUNS + at], few_sum[i]);
        }
    }
}

/* The part that few_load() has asked for; `first` is the first run in shared memory. */
void few_multiply(uint part, uint first) {
    [[unroll]] for (uint j = 0; j < BATCH; j++) {
        uint unit = (part * BATCH + j) * TEAM + team_lane();
        if (unit >= few_units)
            continue;
        vec4 scales[MATRICES];
        [[unroll]] for (uint m = 0; m < MATRICES; m++)
            scales[m] = quant_scales(few_raw[j * MATRICES + m], unit);
        [[unroll]] for (uint run = 0; run < QUANT_RUNS; run++)
            few_multiply_run(j, unit, run, first, scales);
    }
}

/* 1 / sqrt(mean(x[t]^2) + eps), from what all teams gave of the squares. */
float few_norm(uint t, float eps) {
    float square = 0;
    [[unroll]] for (uint team = 0; team < TEAMS; team++)
        square += team_total[team * SUMS + PRODUCTS + t];
    return 1 / sqrt(square / float(few_units * QUANT_UNIT) + eps);
}

/* begins: these are the workgroup's first tasks. */
void few_results(uint first, uint tasks, bool begins, float eps) {
    uint thread = gl_LocalInvocationIndex, team = thread / ROWS, t = thread % ROWS;
    float product[MATRICES];
    if (thread >= TEAMS * ROWS || first + team >= tasks)
        return;
    if (begins)
        few_scale = NORM != 0 ? few_norm(t, eps) : 1;
    [[unroll]] for (uint m = 0; m < MATRICES; m++)
        product[m] = team_total[team * SUMS + t * MATRICES + m] * few_scale;
    store(first + team, t, product);
}

/* All tasks of rows of `width` weights, by `groups` workgroups of which this is number `group`; eps:
 * the norm's. */
void few_run(uint group, uint groups, uint tasks, uint width, float eps) {
    few_units = width / QUANT_UNIT;
    uint parts = (few_units + BATCH * TEAM - 1) / (BATCH * TEAM), step = groups * TEAMS;
    bool whole = width <= ROOM;
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        few_square[t] = 0;
    few_load(min(group * TEAMS + team_number(), tasks - 1), 0);
    if (whole)
        few_stage(0, true);
    for (uint first = group * TEAMS; first < tasks; first += step) {
        bool begins = first == group * TEAMS;
        [[unroll]] for (uint i = 0; i < PRODUCTS; i++)
            few_sum[i] = 0;
        for (uint part = 0; part < parts; part++) {
            if (!whole) {
                barrier();
                few_stage(part * RUNS, begins);
            }
            few_multiply(part, whole ? 0 : part * RUNS);
            bool last = part + 1 == parts;
            if (!last || first + step < tasks)
                few_load(min((last ? first + step : first) + team_number(), tasks - 1),
                         last ? 0 : part + 1);
        }
        [[unroll]] for (uint i = 0; i < PRODUCTS; i++)
            team_give(i, few_sum[i]);
        if (NORM != 0)
            [[unroll]] for (uint t = 0; t < ROWS; t++)
                team_give(PRODUCTS + t, few_square[t]);
        team_add();
        few_results(first, tasks, begins, eps);
    }
}

#endif
