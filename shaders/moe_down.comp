#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"
#include "shaders/moe_few.h"

const uint SUMS = 1;
#include "shaders/lib/team.glsl"

layout(local_size_x = TEAM * TEAMS) in;
layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const uint BATCH = 8;
layout(constant_id = 3) const uint CHOSEN = 1;
layout(constant_id = 4) const uint INNER = 8;
layout(constant_id = 5) const uint SHARED_INNER = 0;
layout(constant_id = 6) const bool STAGES = false;
layout(push_constant, scalar) uniform push {
    moe_down_args a;
};

#include "shaders/lib/moe_down.glsl"

void main() {
    moe_down();
}
