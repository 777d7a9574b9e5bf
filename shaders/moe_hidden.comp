#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/lib/activate.glsl"
#include "shaders/moe_few.h"

layout(constant_id = 0) const bool W_BF16 = false;
layout(constant_id = 1) const bool EIGHTS = false;
layout(constant_id = 2) const bool CHOOSE = false;
layout(constant_id = 3) const uint BATCH = 4;
layout(constant_id = 4) const uint NORM = 0;
layout(constant_id = 5) const uint WIDTH = 0;
layout(constant_id = 6) const uint EXPERTS = 4;
layout(constant_id = 7) const uint CHOSEN = 1;
layout(constant_id = 8) const uint INNER = 8;
layout(constant_id = 9) const uint ROUTER = 0;
layout(constant_id = 10) const uint PATIENCE = 0;
const uint MATRICES = 2, ROWS = 1;
#include "shaders/lib/few.glsl"

const uint THREADS = TEAM * TEAMS;
layout(local_size_x = THREADS) in;
layout(push_constant, scalar) uniform push {
    moe_hidden_args a;
};
#define GROUP      gl_WorkGroupID
#define GROUPS_ALL gl_NumWorkGroups
#include "shaders/lib/moe_hidden.glsl"

void main() {
    moe_hidden();
}
