/* few: a team's products of MATRICES rows of weights with ROWS rows of x, which may first be
 * normalised as in op_rms_norm: as the norm's factor is the same for all of a row, sums are made of
 * w * norm * x and of x * x side by side. Needs, before it is included,
 *   const uint MATRICES;   bool constants W_BF16 and EIGHTS;   uint constants ROWS, BATCH, NORM
 * BATCH: loads of 8 weights under way at once; NORM: the norm's weights are absent, f32 or bf16. */
#ifndef SHADERS_FEW
#define SHADERS_FEW

#extension GL_EXT_control_flow_attributes : require

const uint NORM_F32 = 1, NORM_BF16 = 2;
const uint SUMS = ROWS * (MATRICES + uint(NORM != 0));
#include "shaders/lib/eight.glsl"
#include "shaders/lib/team.glsl"

struct few_rows {
    uint64_t x[ROWS], w[MATRICES]; /* this team's; of all teams' rows the length is */
    uint64_t norm;
    uint width;
};

float few_sum[ROWS * MATRICES], few_square[ROWS];

void few_eight(few_rows r, raw_eight raw[MATRICES], uint i) {
    eight g;
    if (NORM != 0)
        g = widen_eight(load_eight(r.norm, i, NORM == NORM_BF16), NORM == NORM_BF16);
    [[unroll]] for (uint t = 0; t < ROWS; t++) {
        eight x = load_x(r.x[t], i);
        if (NORM != 0) {
            few_square[t] += fma8(x, x, 0);
            x = eight(x.a * g.a, x.b * g.b);
        }
        [[unroll]] for (uint m = 0; m < MATRICES; m++)
            few_sum[t * MATRICES + m] = fma8(x, widen_eight(raw[m], W_BF16),
                                             few_sum[t * MATRICES + m]);
    }
}

/* Loads past the end are the last one again, unused. */
void few_eights(few_rows r) {
    uint n = r.width / 8;
    for (uint i = team_lane(); i < n; i += BATCH * TEAM) {
        raw_eight raw[BATCH][MATRICES];
        [[unroll]] for (uint j = 0; j < BATCH; j++)
            [[unroll]] for (uint m = 0; m < MATRICES; m++)
                raw[j][m] = load_eight(r.w[m], min(i + j * TEAM, n - 1), W_BF16);
        [[unroll]] for (uint j = 0; j < BATCH; j++)
            if (i + j * TEAM < n)
                few_eight(r, raw[j], i + j * TEAM);
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

/* This thread's share; then team_add(). */
void few_give(few_rows r) {
    [[unroll]] for (uint i = 0; i < ROWS * MATRICES; i++)
        few_sum[i] = 0;
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
