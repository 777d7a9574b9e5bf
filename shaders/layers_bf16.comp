/* layers.comp for bf16 matrices, with or without a shared expert. x is f32; sums are made in the order
 * of few.glsl and moe_down.glsl. A layer of the released thinker is 113 MB, 36 us at 3.1 TB/s, one of
 * the talker 29 MB, 9 us: that one takes 28 us on one H100, by dispatches 42. */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/layers_constants.glsl"

layout(constant_id = 0) const uint SHARED_INNER = 0;

/* Eights of a row of x that a lane has, and rows of each matrix that a team has at once. */
const uint IN_EIGHTS = HIDDEN / 256;
const uint QKV_ROWS = IN_EIGHTS <= 4 ? 4 : IN_EIGHTS <= 8 ? 2 : 1, MIX_ROWS = IN_EIGHTS <= 4 ? 3 : 1;
const uint SQUARES = QKV_ROWS > 2 * MIX_ROWS ? QKV_ROWS : 2 * MIX_ROWS; /* the sum behind rows' */
const uint SUMS = SQUARES + 1;
#include "shaders/lib/layers_room.glsl"

const uint OUT_EIGHTS = ATT / 256, DOWN_EIGHTS = MIX / 256;
#include "shaders/lib/layers_bf16.glsl"
#include "shaders/lib/layers_once.glsl"
#include "shaders/lib/layers_main.glsl"
