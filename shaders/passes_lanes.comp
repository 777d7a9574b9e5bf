/* The code predictor's passes but the first in one kernel that stays, see layers.h: dense layers of bf16
 * matrices with few keys, a head, a draw. Attention and its output projection are one part, as in
 * attention_out_lanes, so workgroups meet four times a layer, and twice more a pass. x is f32; sums are
 * made in the order of few.glsl and attention_out_lanes.
 *
 * A pass of the released predictor is 161 MB, 52 us at 3.1 TB/s, and 22 meetings, 1 us each. On one H100
 * it takes 102 us, a layer 18 and the draw 7; with this and layers_bf16 a frame of speech takes 2.3 ms
 * there, 3.05 by dispatches. What clocks of workgroups said there, in cycles of 1.98 GHz: a number that
 * is near comes after 330, beside others' weights after 600 to 900, behind a thread's own weights
 * when these have come, 2,000 to 5,000: so weights of the part after the next are better not asked
 * for. A meeting is 2,200, a memory barrier in it 500; by numbers that bear a stamp, without
 * barriers, it was no faster. A shuffle among threads that have waited in a loop is a hundred
 * instructions: there are none here. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/layers_constants.glsl"
#include "shaders/attention_out_lanes.h"

/* As of attention_out_lanes: */
layout(constant_id = 0) const uint QUERIES = 2;
layout(constant_id = 5) const uint LANES = 16;
layout(constant_id = 6) const uint KEYS = 16;
#define CAPACITY r.capacity
layout(constant_id = 11) const uint VOCAB = 2048; /* a multiple of four, at most as much as INNER */

/* Tiles of attention_out_lanes. */
const uint TILE_ROWS = ATTENTION_OUT_ROWS * THREADS / ATTENTION_OUT_TEAM;
const uint OUT_TILES = (HIDDEN + TILE_ROWS - 1) / TILE_ROWS;

/* Of the scratch, in numbers from its beginning; logits come in the place of qkv. */
const uint QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM, ATT = HEADS * HEAD_DIM, MIX = INNER;
const uint AT_X = 0, AT_Y = AT_X + HIDDEN, AT_MIX = AT_Y + HIDDEN, AT_PARTS = AT_MIX + MIX;
const uint AT_QKV = AT_PARTS + KV_HEADS * HIDDEN;

/* Eights of a row that a lane has, and rows of each matrix that a team has at once. */
const uint IN_EIGHTS = HIDDEN / 256, OUT_EIGHTS = 0, DOWN_EIGHTS = INNER / 256;
const uint QKV_ROWS = IN_EIGHTS <= 4 ? 4 : IN_EIGHTS <= 8 ? 2 : 1, MIX_ROWS = IN_EIGHTS <= 4 ? 3 : 1;
const uint SQUARES = QKV_ROWS > 2 * MIX_ROWS ? QKV_ROWS : 2 * MIX_ROWS; /* the sum behind rows' */
const uint SUMS = SQUARES < 7 ? 8 : SQUARES + 1; /* or more: see out_part */

#include "shaders/lib/team.glsl"
#include "shaders/lib/layers_meet.glsl"
#include "shaders/lib/layers_lanes.glsl"
#include "shaders/lib/passes_draw.glsl"

/* A pass's layers, then its head; past the last pass layers again. */
void load_layer(uint turn) {
    uint each = r.n_layers + 1, l = turn % each;
    uint64_t pass = r.passes + uint64_t(min(turn / each, r.n_passes - 1)) * LAYERS_WORDS * 8;
    load_turn(turn, l < r.n_layers ? layer_row(l) : pass);
}

bool pass(uint n) {
    uint turn = n * (r.n_layers + 1), end = uint(ints(r.at).at[n]) + 1;
    uint64_t x = n == 0 ? r.x : scratch(AT_X);
    row_rope = r.rope + uint64_t(n) * HEAD_DIM * 4;
    [[dont_unroll]] for (uint l = 0; l < r.n_layers; l++, turn++) {
        layer_from = l == 0 ? x : scratch(AT_Y);
        if (!(qkv(turn, layer_from) && attention(turn, end) && hidden(turn) && down_add(turn)))
            return false;
    }
    return head(turn) && draw_code(turn);
}

void go() {
    meetings = 0;
    load_layer(0);
    barrier();
    [[dont_unroll]] for (uint n = 0; n < r.n_passes; n++)
        if (!pass(n))
            break;
}

void finish() {
}

/* What workgroups that did not meet have left. */
void clear_scratch() {
}

#include "shaders/lib/layers_main.glsl"
