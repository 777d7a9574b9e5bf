/* layers_room: what layers with experts have beside what they have in common with others: constants,
 * where things are that all workgroups share, attention; for layers.comp and layers_bf16.comp. Before
 * it is included: layers_constants.glsl, SUMS and, where weights are quantised, quant.glsl. */
#ifndef SHADERS_LAYERS_ROOM
#define SHADERS_LAYERS_ROOM

#include "shaders/attention_row.h"
#include "shaders/moe_few.h"

layout(constant_id = 5) const uint EXPERTS = 4;
layout(constant_id = 6) const uint CHOSEN = 2;
layout(constant_id = 11) const uint ROUTER = 1;
layout(constant_id = 12) const uint SPLITS_ALL = 1;

const uint SHARING = HEADS / KV_HEADS, QUERIES = ATTENTION_ROW_QUERIES, TILES = SHARING / QUERIES;
const uint KEYS = 32;
uvec3 GROUP, GROUPS_ALL; /* of those that attention and the router are made for */
attention_split_args row_a;
#define NORM_BF16 HEADS_NORM_BF16
#include "shaders/lib/attention_row.glsl"
#undef NORM_BF16

/* Of the scratch, in numbers from its beginning. */
const uint QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM, ATT = HEADS * HEAD_DIM;
const uint MIX = CHOSEN * INNER + SHARED_INNER;
const uint FOUND_ONE = HEADS / KV_HEADS * (HEAD_DIM + 2);
const uint AT_Y = 0, AT_QKV = AT_Y + HIDDEN, AT_ATT = AT_QKV + QKV, AT_MIX = AT_ATT + ATT;
const uint AT_FOUND = AT_MIX + MIX, AT_KEYS = AT_FOUND + KV_HEADS * SPLITS_ALL * FOUND_ONE;
const uint AT_DONE = AT_KEYS + EXPERTS, AT_SHARED = AT_DONE + TILES * KV_HEADS;

#define team_part pool /* attention's room is the teams' before and after */
#include "shaders/lib/team.glsl"
#include "shaders/lib/layers_meet.glsl"

/* The counts of parts that were handed in, see last.glsl. */
void clear_done(uint n) {
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < n; i += THREADS)
        uints(scratch(AT_DONE)).at[i] = 0;
}

#endif
