/* few: a team's products of MATRICES rows of weights with ROWS rows of x, which may first be
 * normalised as in op_rms_norm: as the norm's factor is the same for all of a row, sums are made of
 * w * norm * x and of x * x side by side. Needs, before it is included,
 *   const uint MATRICES;   bool constants W_BF16 and EIGHTS;   uint constants ROWS, BATCH, NORM, WIDTH
 * BATCH: loads of 8 weights under way at once; NORM: the norm's weights are absent, f32 or bf16.
 * WIDTH: numbers of a row, if all teams of the workgroup have the same rows of x and those are to
 * be kept in shared memory; else 0.
 *
 * For one vector what takes time is waiting: for the weights, 0.8 us from memory, and for x, 0.5 us
 * from the cache. So all that can be asked for is, before anything is waited for: the weights, and
 * x by all threads together while those are on their way. */
#ifndef SHADERS_FEW
#define SHADERS_FEW

#extension GL_EXT_control_flow_attributes : require

const uint NORM_F32 = 1, NORM_BF16 = 2;
const uint SUMS = ROWS * (MATRICES + uint(NORM != 0));
#include "shaders/lib/eight.glsl"
#include "shaders/lib/team.glsl"

/* Arrays as large as they can get: those of a size that is a constant cannot be assigned. */
struct few_rows {
    uint64_t x[8], w[2]; /* of ROWS, of MATRICES; this team's; of all teams' rows the length is */
    uint64_t norm;
    uint width;
};

const uint FEW_THREADS = TEAM * TEAMS;
const bool FEW_EVEN = WIDTH > 0 && WIDTH % (8 * BATCH * TEAM) == 0;
/* x, times the norm's weights: [t, half of an eight, eight], so that neighbours read neighbours. */
shared vec4 few_staged[WIDTH > 0 ? ROWS * WIDTH / 4 : 1];
shared vec4 few_squares[WIDTH > 0 && NORM != 0 ? ROWS * FEW_THREADS / 4 : 1]; /* [t, thread] */

float few_sum[ROWS * MATRICES], few_square[ROWS];
raw_eight few_raw[BATCH * MATRICES];

/* Puts x into shared memory, where it stays. All threads of the workgroup must call it. A loop that
 * is to be unrolled must say how often it turns: one from `thread` to WIDTH / 4 never ended on NVIDIA. */
void few_stage(few_rows r) {
    const uint FOURS = WIDTH / 4, TURNS = (FOURS + FEW_THREADS - 1) / FEW_THREADS;
    uint thread = gl_LocalInvocationIndex;
    [[unroll]] for (uint t = 0; t < ROWS; t++) {
        float squares = 0;
        [[unroll]] for (uint j = 0; j < TURNS; j++) {
            uint i = j * FEW_THREADS + thread;
            if (FOURS % FEW_THREADS != 0 && i >= FOURS)
                continue;
            vec4 x = vectors(r.x[t]).at[i], g = vec4(1);
            if (NORM != 0)
                g = load_four(r.norm, i, NORM == NORM_BF16);
            squares = fma4(x, x, squares);
            if (NORM != 0)
                x *= g;
            few_staged[(2 * t + i % 2) * (WIDTH / 8) + i / 2] = x;
        }
        if (NORM != 0)
            few_squares[(t * FEW_THREADS + thread) / 4][thread % 4] = squares;
    }
    barrier();
    [[unroll]] for (uint t = 0; t < ROWS; t++) {
        few_square[t] = 0;
        if (NORM != 0)
            [[unroll]] for (uint i = 0; i < TEAMS / 4; i++) {
                vec4 part = few_squares[(t * TEAMS / 4 + i) * TEAM + team_lane()];
                few_square[t] += part.x + part.y + (part.z + part.w);
            }
    }
}

/* Numbers 8 i .. 8 i + 7 of row t, times the norm's weights. */
eight few_x(few_rows r, uint t, uint i) {
    const uint half_row = WIDTH / 8;
    if (WIDTH > 0)
        return eight(few_staged[2 * t * half_row + i], few_staged[(2 * t + 1) * half_row + i]);
    eight x = load_x(r.x[t], i);
    if (NORM != 0) {
        few_square[t] += fma8(x, x, 0);
        eight g = widen_eight(load_eight(r.norm, i, NORM == NORM_BF16), NORM == NORM_BF16);
        x = times8(x, g);
    }
    return x;
}

/* Asks for the weights of a batch of eights of `n`; past the end they are the last one, unused. Where
 * there is no end within a batch, loads have one address for all and what is constant beside. */
void few_load(few_rows r, uint first, uint n) {
    [[unroll]] for (uint m = 0; m < MATRICES; m++) {
        uint64_t from = r.w[m] + uint64_t(first + team_lane()) * (W_BF16 ? 16 : 32);
        [[unroll]] for (uint j = 0; j < BATCH; j++)
            few_raw[j * MATRICES + m] =
                FEW_EVEN ? load_eight(from, j * TEAM, W_BF16)
                         : load_eight(r.w[m], min(first + j * TEAM + team_lane(), n - 1), W_BF16);
    }
}

void few_multiply(few_rows r, uint first, uint n) {
    [[unroll]] for (uint j = 0; j < BATCH; j++) {
        uint i = first + j * TEAM + team_lane();
        if (first + j * TEAM + TEAM > n && i >= n)
            continue;
        [[unroll]] for (uint t = 0; t < ROWS; t++) {
            eight x = few_x(r, t, i);
            [[unroll]] for (uint m = 0; m < MATRICES; m++)
                few_sum[t * MATRICES + m] =
                    fma8(x, widen_eight(few_raw[j * MATRICES + m], W_BF16),
                         few_sum[t * MATRICES + m]);
        }
    }
}

uint few_count(few_rows r) {
    return (WIDTH > 0 ? WIDTH : r.width) / 8;
}

/* Asks for what few_give() begins with. */
void few_ask(few_rows r) {
    if (EIGHTS)
        few_load(r, 0, few_count(r));
}

void few_eights(few_rows r) {
    uint n = few_count(r);
    few_multiply(r, 0, n);
    for (uint first = BATCH * TEAM; first < n; first += BATCH * TEAM) {
        few_load(r, first, n);
        few_multiply(r, first, n);
    }
}

void few_ones(few_rows r) {
    for (uint i = team_lane(); i < r.width; i += TEAM) {
        float g = NORM != 0 ? weight(r.norm, i, NORM == NORM_BF16) : 1;
        [[unroll]] for (uint t = 0; t < ROWS; t++) {
            float x = floats(r.x[t]).at[i];
            few_square[t] = fma(x, x, few_square[t]);
            [[unroll]] for (uint m = 0; m < MATRICES; m++)
                few_sum[t * MATRICES + m] =
                    fma(x * g, weight(r.w[m], i, W_BF16), few_sum[t * MATRICES + m]);
        }
    }
}

/* This thread's share, after few_ask(), and few_stage() if WIDTH > 0; then the next rows' few_ask(),
 * team_add(). */
void few_give(few_rows r) {
    [[unroll]] for (uint i = 0; i < ROWS * MATRICES; i++)
        few_sum[i] = 0;
    if (WIDTH == 0)
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            few_square[t] = 0;
    if (EIGHTS)
        few_eights(r);
    else
        few_ones(r);
    [[unroll]] for (uint i = 0; i < ROWS * MATRICES; i++)
        team_give(i, few_sum[i]);
    if (NORM != 0)
        [[unroll]] for (uint t = 0; t < ROWS; t++)
            team_give(ROWS * MATRICES + t, few_square[t]);
}

/* After team_add(): the product of row t and matrix m that `team` made. */
float few_product(uint team, uint t, uint m, uint width, float eps) {
    float sum = team_total[team * SUMS + t * MATRICES + m];
    if (NORM != 0)
        sum /= sqrt(team_total[team * SUMS + ROWS * MATRICES + t] / float(width) + eps);
    return sum;
}

#endif
