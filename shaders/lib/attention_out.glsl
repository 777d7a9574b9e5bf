/* attention_out: what the output projection w adds of attention_lanes, of a tile of its rows and the
 * workgroup's kv head: see attention_out_lanes.h. Before it is included: what attention_lanes needs,
 * and the constant W_BF16.
 * out_part: if it is defined, somebody else's room, of OUT_PARTS vec4. */
#ifndef SHADERS_ATTENTION_OUT
#define SHADERS_ATTENTION_OUT

#include "shaders/lib/attention_lanes.glsl"

/* OUT_TEAM threads have ROWS rows of w at a time, one of them SHARE of a row's EIGHTS. */
const uint OUT_TEAM = ATTENTION_OUT_TEAM, ROWS = ATTENTION_OUT_ROWS, TILE = ROWS * THREADS / OUT_TEAM;
const uint EIGHTS = QUERIES * HEAD_DIM / 8, SHARE = (EIGHTS + OUT_TEAM - 1) / OUT_TEAM;
const uint OUT_ROOM = OUT_TEAM + 4, OUT_PARTS = TILE * OUT_ROOM / 4; /* see team.glsl */

shared vec4 attended[2 * EIGHTS]; /* [half of an eight, eight] */
#ifndef out_part
shared vec4 out_part[OUT_PARTS]; /* [row of the tile, thread] */
#endif
raw_eight out_raw[ROWS * SHARE];

uint out_lane() {
    return gl_LocalInvocationIndex % OUT_TEAM;
}

/* Number i of this thread's rows of the tile. */
uint tile_row(uint i) {
    return gl_LocalInvocationIndex / OUT_TEAM * ROWS + i;
}

uint out_eight(uint i) {
    return out_lane() + i * OUT_TEAM;
}

/* Rows and eights beyond the last are the last. */
void load_out() {
    const uint bytes = W_BF16 ? 16 : 32;
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        uint n = min(GROUP.x * TILE + tile_row(row), a.outs - 1);
        uint64_t first = (uint64_t(n) * a.kv_heads + GROUP.y) * EIGHTS;
        [[unroll]] for (uint i = 0; i < SHARE; i++)
            out_raw[row * SHARE + i] =
                load_eight(a.w + first * bytes, min(out_eight(i), EIGHTS - 1), W_BF16);
    }
}

void keep_attended() {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < QUERIES * FOURS; i += THREADS)
        attended[i % 2 * EIGHTS + i / 2] = attended_four(i / FOURS, i % FOURS);
}

/* This thread's parts of its rows. */
void give_parts() {
    float part[ROWS];
    [[unroll]] for (uint row = 0; row < ROWS; row++)
        part[row] = 0;
    [[unroll]] for (uint i = 0; i < SHARE; i++) {
        if (out_eight(i) >= EIGHTS)
            continue;
        eight x = eight(attended[out_eight(i)], attended[EIGHTS + out_eight(i)]);
        [[unroll]] for (uint row = 0; row < ROWS; row++)
            part[row] = fma8(x, widen_eight(out_raw[row * SHARE + i], W_BF16), part[row]);
    }
    [[unroll]] for (uint row = 0; row < ROWS; row++) {
        uint at = tile_row(row) * OUT_ROOM + out_lane();
        out_part[at / 4][at % 4] = part[row];
    }
}

/* Makes what share_of() adds up; the new rows are there. `end` keys with the new one. */
void make_shares(uint end) {
    attend(end);
    barrier();
    keep_attended();
    barrier();
    give_parts();
    barrier();
}

/* This head's share of a row of the tile. */
float share_of(uint row) {
    vec4 s = vec4(0);
    [[unroll]] for (uint n = 0; n < OUT_TEAM / 4; n++)
        s += out_part[row * OUT_ROOM / 4 + n];
    return (s.x + s.y) + (s.z + s.w);
}

#endif
