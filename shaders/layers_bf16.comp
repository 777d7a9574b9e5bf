/* layers.comp for bf16 matrices, with or without a shared expert. x is f32; sums are made in the order
 * of few.glsl and moe_down.glsl. A layer of the released thinker is 113 MB, 36 us at 3.1 TB/s, one of
 * the talker 29 MB, 9 us; what it takes on hardware has not been measured. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define MEMORY coherent
#include "shaders/layers.h"
#include "shaders/attention_row.h"
#include "shaders/moe_few.h"
#include "shaders/lib/activate.glsl"
#include "shaders/lib/memory.glsl"

const uint THREADS = 256; /* twice as many would have half the registers each, which are too few */
layout(local_size_x = THREADS) in;
layout(constant_id = 0) const uint SHARED_INNER = 0;
layout(constant_id = 1) const uint HIDDEN = 512;
layout(constant_id = 2) const uint HEADS = 4;
layout(constant_id = 3) const uint KV_HEADS = 1;
layout(constant_id = 4) const uint HEAD_DIM = 128;
layout(constant_id = 5) const uint EXPERTS = 4;
layout(constant_id = 6) const uint CHOSEN = 2;
layout(constant_id = 7) const uint INNER = 256;
layout(constant_id = 8) const uint NORM = 1;
layout(constant_id = 9) const bool KV_BF16 = true;
layout(constant_id = 10) const bool HEADS_NORM_BF16 = false;
layout(constant_id = 11) const uint ROUTER = 1;
layout(constant_id = 12) const uint SPLITS_ALL = 1;
layout(push_constant, scalar) uniform push {
    layers_args r;
};

const uint NORM_F32 = 1, NORM_BF16 = 2;
/* Eights of a row that a lane has, and rows of each matrix that a team has at once. */
const uint IN_EIGHTS = HIDDEN / 256, OUT_EIGHTS = HEADS * HEAD_DIM / 256;
const uint DOWN_EIGHTS = (CHOSEN * INNER + SHARED_INNER) / 256;
const uint QKV_ROWS = IN_EIGHTS <= 4 ? 4 : IN_EIGHTS <= 8 ? 2 : 1, MIX_ROWS = IN_EIGHTS <= 4 ? 3 : 1;
const uint SQUARES = QKV_ROWS > 2 * MIX_ROWS ? QKV_ROWS : 2 * MIX_ROWS; /* the sum behind rows' */
const uint SUMS = SQUARES + 1;

const uint SHARING = HEADS / KV_HEADS, QUERIES = ATTENTION_ROW_QUERIES, TILES = SHARING / QUERIES;
const uint KEYS = 32;
uvec3 GROUP, GROUPS_ALL; /* of those that attention and the router are made for */
attention_split_args row_a;
#define NORM_BF16 HEADS_NORM_BF16
#include "shaders/lib/attention_row.glsl"
#undef NORM_BF16

#define team_part pool /* attention's room is the teams' before and after */
#include "shaders/lib/team.glsl"

#include "shaders/lib/layers_room.glsl"
#include "shaders/lib/layers_bf16.glsl"
#include "shaders/lib/layers_main.glsl"
