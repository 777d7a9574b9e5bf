/* layers_eights: a row x in shared memory, products of rows of bf16 matrices with it, and with that
 * queries, keys and values, gates and ups; for layers_bf16.comp and passes_lanes.comp. Before it is
 * included: layers_meet.glsl, the offsets of the scratch, and eights and rows, see there. */
#ifndef SHADERS_LAYERS_EIGHTS
#define SHADERS_LAYERS_EIGHTS

#include "shaders/lib/eight.glsl"

/* ---- a row x ---- */

const uint LONG_ROW = ATT > HIDDEN ? ATT : HIDDEN, LONGEST_ROW = LONG_ROW > MIX ? LONG_ROW : MIX;
shared vec4 row_x[LONGEST_ROW / 4]; /* [half of an eight, eight] */
shared vec4 row_squares[THREADS / 4];
const uint NORM_TURNS = (HIDDEN / 4 + THREADS - 1) / THREADS;
uvec4 norm_raw[NORM_TURNS]; /* this thread's fours of a norm's weights, as loaded */
float square;               /* this lane's share of x . x */

void ask_norm(uint64_t norm) {
    [[unroll]] for (uint n = 0; n < NORM_TURNS; n++) {
        uint i = min(n * THREADS + gl_LocalInvocationIndex, HIDDEN / 4 - 1);
        norm_raw[n] = NORM == NORM_BF16 ? uvec4(duos(norm).at[i], 0, 0) : quads(norm).at[i];
    }
}

vec4 norm_four(uint n) {
    return NORM == NORM_BF16 ? vec4(widen2(norm_raw[n].x), widen2(norm_raw[n].y))
                             : uintBitsToFloat(norm_raw[n]);
}

void put_four(uint i, uint width, vec4 x) {
    row_x[i % 2 * (width / 8) + i / 2] = x;
}

/* A row of `width` numbers. */
void stage(uint64_t from, uint width) {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < width / 4; i += THREADS)
        put_four(i, width, vectors(from).at[i]);
}

/* Four i, or number i, of a row; `open`: with what is still to be added to it, where there is that. */
vec4 four_of(uint64_t from, uint i, bool open);
float number_of(uint64_t from, uint i, bool open);

/* x or y, f32 [HIDDEN], times the norm's weights that ask_norm() has asked for; before a barrier. */
void stage_row(uint64_t from, bool open) {
    uint thread = gl_LocalInvocationIndex;
    float squares = 0;
    [[unroll]] for (uint n = 0; n < NORM_TURNS; n++) {
        uint i = n * THREADS + thread;
        if (HIDDEN / 4 % THREADS != 0 && i >= HIDDEN / 4)
            continue;
        vec4 x = four_of(from, i, open);
        squares = fma4(x, x, squares);
        put_four(i, HIDDEN, x * norm_four(n));
    }
    row_squares[thread / 4][thread % 4] = squares;
}

void stage_normed(uint64_t from) {
    stage_row(from, false);
}

/* After it: square. */
void share_squares() {
    square = 0;
    [[unroll]] for (uint i = 0; i < TEAMS / 4; i++) {
        vec4 part = row_squares[i * TEAM + team_lane()];
        square += part.x + part.y + (part.z + part.w);
    }
}

/* Of a product with what is normed. */
float own_normed(uint more) {
    float all = team_total[gl_LocalInvocationIndex % TEAMS * SUMS + SQUARES];
    return own_sum(more) / sqrt(all / float(HIDDEN) + r.eps);
}

/* ---- weights ---- */

const uint QKV_SLOTS = QKV_ROWS * IN_EIGHTS, MIX_SLOTS = 2 * MIX_ROWS * IN_EIGHTS;
const uint SLOTS_1 = QKV_SLOTS > OUT_EIGHTS ? QKV_SLOTS : OUT_EIGHTS;
const uint SLOTS_2 = MIX_SLOTS > DOWN_EIGHTS ? MIX_SLOTS : DOWN_EIGHTS;
const uint SLOTS = SLOTS_1 > SLOTS_2 ? SLOTS_1 : SLOTS_2;
uvec4 raw[SLOTS];

eight raw_weights(uint slot) {
    return widen_eight(raw_eight(raw[slot], uvec4(0)), true);
}

/* Eight i of a row of x of so many eights. */
eight row_eight(uint i, uint eights) {
    return eight(row_x[i], row_x[eights + i]);
}

/* What this lane's eights of a row of weights, raw[slot] and so on, give with x. */
float row_sum(uint slot, uint n) {
    float sum = 0;
    [[unroll]] for (uint j = 0; j < n; j++)
        sum = fma8(row_eight(j * TEAM + team_lane(), n * TEAM), raw_weights(slot + j), sum);
    return sum;
}

/* Asks for `n` eights of a lane of row number `row`. */
void ask_row(uint slot, uint n, uint64_t matrix, uint row) {
    uint64_t from = matrix + (uint64_t(row) * n * TEAM + team_lane()) * 16;
    [[unroll]] for (uint j = 0; j < n; j++)
        raw[slot + j] = quads(from).at[j * TEAM];
}

/* y = from + the sums that have been given for a round of a row each; y and from f32 [HIDDEN]. */
void add_own(uint64_t from, uint round, bool open) {
    uint own = own_task(round, 1);
    bool stores = gl_LocalInvocationIndex < TEAMS && own < HIDDEN;
    float before = stores ? number_of(from, own, open) : 0;
    team_add();
    if (stores)
        floats(scratch(AT_Y)).at[own] = before + own_sum(0);
}

/* ---- queries, keys and values ---- */

/* `rows`: of q, k and v together, or of q alone. */
void qkv_ask(uint l, uint round, uint rows, bool alone) {
    const uint Q = HEADS * HEAD_DIM, KV = KV_HEADS * HEAD_DIM;
    [[unroll]] for (uint i = 0; i < QKV_ROWS; i++) {
        uint n = min(task_of(round, QKV_ROWS, i), rows - 1);
        bool is_q = alone || n < Q;
        uint m = is_q ? LAYERS_Q : n < Q + KV ? LAYERS_K : LAYERS_V;
        n -= is_q ? 0 : n < Q + KV ? Q : Q + KV;
        ask_row(i * IN_EIGHTS, IN_EIGHTS, table[l % 2][m], n);
    }
}

/* Rows of qkv, f32 [rows], of x f32 [HIDDEN], normed. Weights are asked for in one place and multiplied
 * in one place, here and below: short code comes sooner. */
bool project(uint l, uint64_t from, uint rows, bool alone) {
    uint thread = gl_LocalInvocationIndex, rounds = rounds_of(rows, QKV_ROWS);
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0) {
            [[unroll]] for (uint i = 0; i < QKV_ROWS; i++)
                team_give(i, row_sum(i * IN_EIGHTS, IN_EIGHTS));
            team_give(SQUARES, square);
        }
        if (next < rounds)
            qkv_ask(l, next, rows, alone);
        if (next == 0) {
            ask_norm(table[l % 2][LAYERS_INPUT_NORM]);
            if (!wait())
                return false;
            stage_normed(from);
            barrier();
            share_squares();
            continue;
        }
        team_add();
        uint task = own_task(next - 1, QKV_ROWS);
        if (thread < TEAMS * QKV_ROWS && task < rows)
            floats(scratch(AT_QKV)).at[task] = own_normed(0);
    }
    arrive(TEAMS * QKV_ROWS);
    return true;
}

bool qkv(uint l, uint64_t from) {
    return project(l, from, QKV, false);
}

/* ---- gates and ups ---- */

void hidden_ask(uint l, uint round); /* for rows of them */
bool hidden_ready(uint l); /* once the first have been asked for; false: somebody has given up */

/* mix, f32 [n], of y, normed: silu(gate y) * (up y). */
bool hidden_rows(uint l, uint n) {
    uint rounds = rounds_of(n, MIX_ROWS), thread = gl_LocalInvocationIndex;
    [[dont_unroll]] for (uint next = 0; next <= rounds; next++) {
        if (next > 0) {
            [[unroll]] for (uint i = 0; i < 2 * MIX_ROWS; i++)
                team_give(i / 2 + i % 2 * MIX_ROWS, row_sum(i * IN_EIGHTS, IN_EIGHTS));
            team_give(SQUARES, square);
        }
        if (next < rounds)
            hidden_ask(l, next);
        if (next == 0) {
            if (!hidden_ready(l))
                return false;
            continue;
        }
        team_add();
        uint task = own_task(next - 1, MIX_ROWS);
        if (thread < MIX_ROWS * TEAMS && task < n)
            floats(scratch(AT_MIX)).at[task] = silu(own_normed(0)) * own_normed(MIX_ROWS);
    }
    arrive(TEAMS * MIX_ROWS);
    return true;
}

#endif
