#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_row.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x_id = 7) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 5) const uint KEYS = 64;
layout(constant_id = 7) const uint THREADS = 256;
layout(constant_id = 8) const uint SHARING = 1;
layout(push_constant, scalar) uniform push {
    attention_split_args row_a;
};

const uint QUERIES = ATTENTION_ROW_QUERIES;
#define GROUP      gl_WorkGroupID
#define GROUPS_ALL gl_NumWorkGroups
#include "shaders/lib/attention_row.glsl"

void main() {
    new_row row;
    if (has_row())
        row = load_new();
    uint end = uint(ints(row_a.at).at[0]) + 1;
    attention_ask();
    attention_row(row, end);
}
