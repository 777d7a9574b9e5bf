/* attention_blocks by matrices as large as a workgroup's tile, BM rows of one head. */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/attention_blocks.h"

layout(constant_id = 3) const uint HEAD_DIM = 64;
const bool Q_BF16 = true, DST_BF16 = true;
#include "shaders/lib/attend_tensors.glsl"

layout(push_constant, scalar) uniform push {
    attention_blocks_args a;
};

attend_job job;

bool seen(uint i, uint key) {
    return key < job.to;
}

bool all_seen(uint key) {
    return key + BN <= job.to;
}

void main() {
    uint64_t head = uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 2;
    job.q = a.q + head;
    job.k = a.k + head;
    job.v = a.v + head;
    job.dst = a.dst + head;
    job.from = gl_WorkGroupID.z * a.group;
    job.to = min(job.from + a.group, a.rows);
    job.first = job.from + gl_WorkGroupID.x * BM;
    job.end = job.to;
    job.stride = job.kv_stride = a.heads * HEAD_DIM;
    if (job.first < job.end)
        attend(job);
}
