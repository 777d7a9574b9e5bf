/* layers.comp for dense layers of bf16 matrices with few keys: the code predictor's. Attention and its
 * output projection are one part, as in attention_out_lanes, so workgroups meet four times a layer.
 * x is f32; sums are made in the order of few.glsl and attention_out_lanes. A layer of the released
 * predictor is 31 MB, 10 us at 3.1 TB/s, and 27 us by dispatches; what it takes here on hardware has not
 * been measured. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/layers_constants.glsl"
#include "shaders/attention_out_lanes.h"

/* As of attention_out_lanes: */
layout(constant_id = 0) const uint QUERIES = 2;
layout(constant_id = 5) const uint LANES = 16;
layout(constant_id = 6) const uint KEYS = 16;
layout(constant_id = 11) const uint SUBGROUP = 32;
layout(constant_id = 12) const uint CAPACITY = 16;

/* Of the scratch, in numbers from its beginning. */
const uint QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM, ATT = HEADS * HEAD_DIM, MIX = INNER;
const uint AT_Y = 0, AT_QKV = AT_Y + HIDDEN, AT_MIX = AT_QKV + QKV, AT_PARTS = AT_MIX + MIX;
const uint AT_DONE = AT_PARTS + KV_HEADS * HIDDEN;

/* Eights of a row that a lane has, and rows of each matrix that a team has at once. */
const uint IN_EIGHTS = HIDDEN / 256, OUT_EIGHTS = 0, DOWN_EIGHTS = INNER / 256;
const uint QKV_ROWS = IN_EIGHTS <= 4 ? 4 : IN_EIGHTS <= 8 ? 2 : 1, MIX_ROWS = IN_EIGHTS <= 4 ? 3 : 1;
const uint SQUARES = QKV_ROWS > 2 * MIX_ROWS ? QKV_ROWS : 2 * MIX_ROWS; /* the sum behind rows' */
const uint SUMS = SQUARES + 1;

#include "shaders/lib/team.glsl"
#include "shaders/lib/layers_meet.glsl"
#include "shaders/lib/layers_lanes.glsl"
#include "shaders/lib/layers_main.glsl"
