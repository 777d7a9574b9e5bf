#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "shaders/attention_lanes.h"
#include "shaders/lib/memory.glsl"

layout(local_size_x_id = 7) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 2) const uint LANES = 16;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 4) const uint QUERIES = 4;
layout(constant_id = 5) const uint KEYS = 64;
layout(constant_id = 6) const uint SUBGROUP = 32;
layout(constant_id = 7) const uint THREADS = 256;
layout(constant_id = 8) const bool AHEAD = false;
layout(push_constant, scalar) uniform push {
    attention_split_args a;
};

uint sharing() {
    return a.heads / a.kv_heads;
}

uint first_query() {
    return gl_WorkGroupID.x * QUERIES;
}

uint capacity() {
    return a.capacity;
}

#include "shaders/lib/attention_lanes.glsl"

/* So many tiles are one workgroup's: a tile takes 0.7 us, handing in 2 us. */
const uint ALONE = 2;
/* What a workgroup leaves for the last one: sums of values, largest scores, masses. */
const uint FOUND = QUERIES * (HEAD_DIM + 2);

layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer findings {
    float at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) coherent buffer four_findings {
    vec4 at[];
};

shared bool is_last;

void store(uint q, uint four, finding f) {
    if (first_query() + q < sharing())
        vectors(query_row(a.dst, q)).at[four] = f.sum / f.mass;
}

uint tile() {
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

uint64_t found(uint split) {
    return a.found + uint64_t(tile() * gl_NumWorkGroups.z + split) * FOUND * 4;
}

/* Leaves what this workgroup has for the last one, and says whether this is it. */
bool hand_in(uint splits) {
    uint64_t to = found(gl_WorkGroupID.z);
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * FOURS; i += THREADS) {
        finding f = join_subgroups(i / FOURS, i % FOURS);
        four_findings(to).at[i] = f.sum;
        if (i % FOURS == 0) {
            findings(to).at[QUERIES * HEAD_DIM + i / FOURS] = f.largest;
            findings(to).at[QUERIES * (HEAD_DIM + 1) + i / FOURS] = f.mass;
        }
    }
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        is_last = atomicAdd(uints(a.done).at[tile()], 1) == splits - 1;
        if (is_last)
            uints(a.done).at[tile()] = 0;
    }
    barrier();
    memoryBarrierBuffer();
    return is_last;
}

/* f and what splits j .. have found, as many as are asked for at once. */
void join_splits(inout finding f, uint j, uint splits, uint q, uint i) {
    const uint AT_ONCE = 8;
    finding x[AT_ONCE];
    float most = f.largest;
    [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
        uint64_t from = found(min(j + n, splits - 1));
        x[n].sum = four_findings(from).at[i];
        x[n].largest = findings(from).at[QUERIES * HEAD_DIM + q];
        x[n].mass = findings(from).at[QUERIES * (HEAD_DIM + 1) + q];
    }
    [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
        most = max(most, x[n].largest);
    float worth = expf(f.largest - most);
    f = finding(f.sum * worth, most, f.mass * worth);
    [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
        worth = j + n < splits ? expf(x[n].largest - most) : 0;
        f.sum += worth * x[n].sum;
        f.mass += worth * x[n].mass;
    }
}

void merge(uint splits) {
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * FOURS; i += THREADS) {
        finding f = finding(vec4(0), LEAST, 0);
        for (uint j = 0; j < splits; j += 8)
            join_splits(f, j, splits, i / FOURS, i);
        store(i / FOURS, i % FOURS, f);
    }
}

void main() {
    uint split = gl_WorkGroupID.z, splits = gl_NumWorkGroups.z;
    attend_begin(split * KEYS);
    uint end = uint(ints(a.at).at[0]) + 1;
    uint tiles = (end + KEYS - 1) / KEYS;
    splits = tiles <= ALONE ? 1 : min(splits, tiles);
    if (split >= splits) /* there is nothing to do for it */
        return;
    attend_row(split * KEYS, end, splits * KEYS);
    if (splits > 1) {
        if (hand_in(splits))
            merge(splits);
        return;
    }
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * FOURS; i += THREADS)
        store(i / FOURS, i % FOURS, join_subgroups(i / FOURS, i % FOURS));
}
