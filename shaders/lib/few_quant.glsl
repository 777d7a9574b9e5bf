/* few_quant: few.glsl for quantised weights: a team's products of MATRICES rows of weights with ROWS
 * rows of x, which may first be normalised. A task is what a team works on at once.
 *
 * Reading the weights should be all that takes time. At 4.4 TB/s a multiprocessor (of 132, at 1.7
 * GHz) gets 19 bytes a cycle: 18 weights of q8_0, 34 of q4_K. It starts 128 operations of threads a
 * cycle, 64 if they are on integers. So a weight of q4_K may cost 3.7, of which 1.8 on integers: too
 * little to make it a float, which takes an integer operation or two and an addition before it is
 * multiplied, and to unpack its scale. Hence products are those of integers, four a time (dot.glsl),
 * and a weight costs, with two planes of x (the same loops in CUDA, counted in what ptxas made),
 *     q8_0, two rows at once    2.0: 0.5 dot; most of the rest is once for 64 weights of a row
 *     q4_K, four rows at once   2.3: 0.5 dot, 0.7 to unpack half bytes and scales
 * x is rounded to 16 bits (PLANES 2: steps of 1/32639 of the largest of 16 numbers) or to 23 (PLANES
 * 3, as exact as f32): n = 256 (256 n[0] + n[1]) + n[2], n[i] signed bytes. Sums of 16 products
 * are exact.
 *
 * x is kept in shared memory, where all teams of the workgroup read it: each 16 bytes of weights want
 * 16 or 32 bytes of each plane. Loads of weights go on while x is put there, and for the next task
 * while this one's sums are added up. X_FIRST: x is asked for before the weights, lest it come behind
 * them. Sums are made in an order that depends on nothing but constants.
 *
 * Needs, before it is included,
 *   uint constants W_TYPE, MATRICES, ROWS, NORM (as in few.glsl), BATCH (units of each row of weights
 *   that a thread has under way at once) and ROOM (numbers of a row of x that are in shared memory at
 *   once: all of them, or those of TEAM * BATCH units)
 *   const bool SPLIT;   rows of weights are made of several
 *   const bool X_FIRST;   few_ask_x() is called before few_run()
 * and who includes it declares its local size of TEAM * TEAMS and the functions
 *   quant_row weights_row(uint task, uint m);   row m of the weights of a task
 *   quant_row weights_at(quant_row r, inout uint unit);   SPLIT: where unit number `unit` of it is
 *   vec4 x4(uint t, uint k);   numbers k .. k + 3 of row t of x
 *   vec4 norm4(uint k);        the same of the norm's weights, if there is a norm
 *   float factor16(uint k);    SPLIT: what numbers k .. k + 15 of x are multiplied by
 *   void expect(uint task, uint t);   asks for what store() will want
 *   void store(uint task, uint t, float product[MATRICES]);   what a task makes of row t */
#ifndef SHADERS_FEW_QUANT
#define SHADERS_FEW_QUANT

#extension GL_EXT_control_flow_attributes : require

layout(constant_id = 8) const uint PLANES = 3;
layout(constant_id = 9) const uint WIDTH = 256; /* weights of a row */
/* q4_K, q5_K, EVEN, BATCH even: a thread has two neighbouring units at a time, whose scales are the
 * same. */
layout(constant_id = 10) const bool PAIRED = false;

const uint NORM_F32 = 1, NORM_BF16 = 2;
const uint PRODUCTS = ROWS * MATRICES;
const uint SUMS = PRODUCTS + (NORM != 0 ? ROWS : 0);
#include "shaders/lib/quant.glsl"
#include "shaders/lib/team.glsl"

const uint FEW_THREADS = TEAM * TEAMS;
const uint UNITS = WIDTH / QUANT_UNIT; /* of a row of weights */
const uint PARTS = (UNITS + BATCH * TEAM - 1) / (BATCH * TEAM); /* of a task, see few_load() */
const bool EVEN = UNITS % (BATCH * TEAM) == 0;
const bool WHOLE = ROOM >= WIDTH;
const uint RUNS = ROOM / 16; /* in shared memory, of each row */
const bool HAS_SUM = QUANT_HAS_MIN || QUANT_OFFSET != 0; /* weights are not just scale times q */
#include "shaders/lib/few_planes.glsl"

quant_row weights_row(uint task, uint m);
quant_row weights_at(quant_row r, inout uint unit);
vec4 x4(uint t, uint k);
vec4 norm4(uint k);
float factor16(uint k);
void expect(uint task, uint t);
void store(uint task, uint t, float product[MATRICES]);

quant_raw few_raw[BATCH * MATRICES];
float few_sum[PRODUCTS], few_square[ROWS];
float few_scale; /* the norm's, of the row whose results this thread stores */

/* A thread's first unit of a part, and how far ahead of it the j-th one is. */
uint few_first(uint part) {
    return part * BATCH * TEAM + team_lane() * (PAIRED ? 2 : 1);
}

uint few_ahead(uint j) {
    return PAIRED ? j / 2 * 2 * TEAM + j % 2 : j * TEAM;
}

/* Asks for a part of a task: BATCH units of each thread. Those past the end are the last one. */
void few_load(uint task, uint part) {
    uint first = few_first(part);
    [[unroll]] for (uint m = 0; m < MATRICES; m++) {
        quant_row row = weights_row(task, m);
        [[unroll]] for (uint j = 0; j < BATCH; j++) {
            uint i = j * MATRICES + m, unit = first + few_ahead(j);
            if (EVEN && !SPLIT) {
                few_raw[i] = quant_load(row, first, few_ahead(j));
            } else {
                unit = EVEN ? unit : min(unit, UNITS - 1);
                quant_row r = weights_at(row, unit);
                few_raw[i] = quant_load(r, unit, 0);
            }
        }
    }
}

/* ---- x ---- */

/* What few_ask_x() has asked for of a row of x that is all kept in shared memory: fours of this
 * thread's runs, those of the next run first. More of them would take weights' registers. */
const uint X_TURNS = (UNITS * QUANT_RUNS + FEW_THREADS - 1) / FEW_THREADS;
const bool X_ASKED = X_FIRST && WHOLE && ROWS == 1 && X_TURNS <= 2;
const uint X_FOURS = X_ASKED ? 4 * X_TURNS : 4;
vec4 few_asked[X_FOURS];

void few_ask_x() {
    [[unroll]] for (uint i = 0; i < X_FOURS && X_ASKED; i++) {
        uint run = min(i / 4 * FEW_THREADS + gl_LocalInvocationIndex, UNITS * QUANT_RUNS - 1);
        few_asked[i] = x4(0, 16 * run + i % 4 * 4);
    }
}

/* They go in a circle: a loop that used them up would be unrolled by a compiler that sees it. */
void few_next_asked() {
    vec4 used[4];
    [[unroll]] for (uint c = 0; c < 4; c++)
        used[c] = few_asked[c];
    [[unroll]] for (uint i = 4; i < X_FOURS; i++)
        few_asked[i - 4] = few_asked[i];
    [[unroll]] for (uint c = 0; c < 4; c++)
        few_asked[X_FOURS - 4 + c] = used[c];
}

/* Run i of those that are in shared memory, k being its first number in the row. */
void few_put(uint t, uint i, uint k, bool counts) {
    vec4 x[4], g[4];
    float factor = SPLIT ? factor16(k) : 1;
    [[unroll]] for (uint c = 0; c < 4; c++) {
        x[c] = (X_ASKED ? few_asked[c] : x4(t, k + 4 * c)) * factor;
        if (NORM != 0)
            g[c] = norm4(k + 4 * c);
    }
    [[unroll]] for (uint c = 0; c < 4 && NORM != 0; c++) {
        few_square[t] += counts ? dot(x[c], x[c]) : 0;
        x[c] *= g[c];
    }
    few_round(t, few_place(i), x);
}

/* x from run `first` on, as many as there is room for, to shared memory. counts: its squares belong
 * to the norm. */
void few_stage(uint first, bool counts) {
    uint n = min(RUNS, UNITS * QUANT_RUNS - first);
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < n; i += FEW_THREADS) {
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            few_put(t, i, 16 * (first + i), counts);
        if (X_ASKED)
            few_next_asked();
    }
    barrier();
}

/* ---- products ---- */

/* Adds what run `run` of units j of all rows of weights gives; scales: see quant_scales(). */
void few_multiply_run(uint j, uint unit, uint run, uint at, vec4 scales[MATRICES]) {
    uvec4 w[MATRICES];
    [[unroll]] for (uint m = 0; m < MATRICES; m++)
        [[unroll]] for (uint c = 0; c < 4; c++)
            w[m][c] = quant_word(few_raw[j * MATRICES + m], unit, run, c);
    [[unroll]] for (uint t = 0; t < ROWS; t++) {
        uvec4 x[PLANES];
        int part[PLANES];
        vec2 step = few_step[t * RUNS + at];
        [[unroll]] for (uint p = 0; p < PLANES; p++)
            x[p] = few_x[(t * PLANES + p) * RUNS + at];
        [[unroll]] for (uint m = 0; m < MATRICES; m++) {
            vec2 scale = run == 0 ? scales[m].xy : scales[m].zw;
            uint i = t * MATRICES + m;
            [[unroll]] for (uint p = 0; p < PLANES; p++)
                part[p] = few_dot(x[p], w[m]);
            few_sum[i] = fma(scale.x * step.x, few_whole(part), few_sum[i]);
            if (HAS_SUM)
                few_sum[i] = fma(-scale.y - float(QUANT_OFFSET) * scale.x, step.y, few_sum[i]);
        }
    }
}

/* The part that few_load() has asked for; `start` is the first run in shared memory. */
void few_multiply(uint part, uint start) {
    vec4 scales[MATRICES];
    [[unroll]] for (uint j = 0; j < BATCH; j++) {
        uint unit = few_first(part) + few_ahead(j);
        if (!EVEN && unit >= UNITS)
            continue;
        if (!PAIRED || j % 2 == 0)
            [[unroll]] for (uint m = 0; m < MATRICES; m++)
                scales[m] = quant_scales(few_raw[j * MATRICES + m], unit);
        [[unroll]] for (uint run = 0; run < QUANT_RUNS; run++)
            few_multiply_run(j, unit, run, few_place(quant_run(unit, run) - start), scales);
    }
}

/* ---- tasks ---- */

/* 1 / sqrt(mean(x[t]^2) + eps), from what all teams gave of the squares. */
float few_norm(uint t, float eps) {
    float square = 0;
    [[unroll]] for (uint team = 0; team < TEAMS; team++)
        square += team_total[team * SUMS + PRODUCTS + t];
    return 1 / sqrt(square / float(WIDTH) + eps);
}

/* Which of a workgroup's results, from task `first` on, this thread stores: (task, row of x). The
 * task may be none: all tasks or more. */
uvec2 few_mine(uint first, uint tasks) {
    uint thread = gl_LocalInvocationIndex;
    return uvec2(thread < TEAMS * ROWS ? first + thread / ROWS : tasks, thread % ROWS);
}

/* begins: these are the workgroup's first tasks. */
void few_results(uint first, uint tasks, bool begins, float eps) {
    uvec2 mine = few_mine(first, tasks);
    float product[MATRICES];
    if (mine.x >= tasks)
        return;
    if (begins)
        few_scale = NORM != 0 ? few_norm(mine.y, eps) : 1;
    [[unroll]] for (uint m = 0; m < MATRICES; m++)
        product[m] = team_total[(mine.x - first) * SUMS + mine.y * MATRICES + m] * few_scale;
    store(mine.x, mine.y, product);
}

/* Ends the workgroup's tasks from `first` on. */
void few_end(uint first, uint tasks, bool begins, float eps) {
    [[unroll]] for (uint i = 0; i < PRODUCTS; i++) {
        team_give(i, few_sum[i]);
        few_sum[i] = 0;
    }
    if (NORM != 0)
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            team_give(PRODUCTS + t, few_square[t]);
    team_add();
    few_results(first, tasks, begins, eps);
}

/* All tasks, by `groups` workgroups of which this is number `group`; eps: the norm's. Each thing is
 * done in one place, short code comes sooner: `first` is beyond all tasks while nothing has been
 * asked for. */
void few_run(uint group, uint groups, uint tasks, float eps) {
    uint step = groups * TEAMS, first = group * TEAMS - step, part = PARTS - 1;
    [[unroll]] for (uint t = 0; t < ROWS; t++)
        few_square[t] = 0;
    [[unroll]] for (uint i = 0; i < PRODUCTS; i++)
        few_sum[i] = 0;
    do {
        bool begun = first < tasks, begins = first == group * TEAMS;
        bool last = PARTS == 1 || part == PARTS - 1;
        uint now = first;
        uvec2 mine = few_mine(first, tasks);
        if (begun && (PARTS == 1 || part == 0) && mine.x < tasks)
            expect(mine.x, mine.y);
        if (begun && !WHOLE) {
            barrier();
            few_stage(part * RUNS, begins);
        }
        if (begun)
            few_multiply(PARTS == 1 ? 0 : part, WHOLE ? 0 : part * RUNS);
        first += last ? step : 0;
        part = last ? 0 : part + 1;
        if (first < tasks)
            few_load(min(first + team_number(), tasks - 1), PARTS == 1 ? 0 : part);
        if (!begun && WHOLE)
            few_stage(0, true);
        if (begun && last)
            few_end(now, tasks, begins, eps);
    } while (first < tasks);
}

#endif
