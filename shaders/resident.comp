/* A kernel that stays, see resident.h. What a step of replayed dispatches costs, bytes apart, is
 * starting and ending kernels: about 2 us each. Here a step costs a meeting, 1 us, and the weights
 * of the next step are on their way meanwhile, as they do not depend on it.
 *
 * A frame of speech at the released sizes is 20 talker layers of 5 steps, of which one meets twice,
 * and 15 predictor passes of 5 layers of 5 steps, and a head and a draw with each pass: 530 meetings,
 * 0.53 ms. The weights are 3.07 GB (predictor: 15 x 161 MB, talker: 573 MB with 6 of 128 experts),
 * 0.96 ms at 3.2 TB/s. If half of the meetings' time is hidden behind weights, that is 1.2 ms;
 * nothing less can be hoped for.
 * So far it is not reached: on one H100 (132 workgroups) a step of the predictor's matrices takes
 * 6.3 us, where a dispatch takes 7.1, but a whole frame 5.8 ms, where dispatches take 3.95, because
 * attention, experts and draws are slower here than by themselves. So a device measures both
 * (common/gpu/choice.c). attention_out_lanes, the predictor's attention with its output projection
 * in one dispatch, is no step: where it is used, rows of steps end there.
 *
 * Vulkan does not promise that workgroups run at the same time. As many are launched as a census
 * has found together (common/gpu/resident.c). Whoever waits too long marks the count as lost, and
 * all leave; the sweep, one workgroup that is launched behind, does what they have left undone. */
#version 460
#extension GL_GOOGLE_include_directive : require
#define MEMORY coherent
#extension GL_EXT_control_flow_attributes : require
#include "shaders/resident.h"
#include "shaders/attention_split.h"
#include "shaders/lib/activate.glsl"
#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"
#include "shaders/lib/memory.glsl"
#include "shaders/lib/order.glsl"
#include "shaders/lib/sampler.glsl"
#include "shaders/moe_few.h"
#define SELECT_THREADS 256
#include "shaders/sample.h"

const uint THREADS = 256;
layout(local_size_x = THREADS) in;
layout(constant_id = 0) const uint POOL = 4096;
layout(constant_id = 1) const bool W_BF16 = true;
layout(constant_id = 2) const uint NORM = 2;
layout(constant_id = 3) const uint HEAD_DIM = 128;
layout(constant_id = 4) const bool KV_BF16 = true;
layout(constant_id = 5) const bool HEADS_NORM_BF16 = true;
layout(constant_id = 6) const uint CHOSEN = 1;
layout(constant_id = 7) const uint INNER = 8;
layout(constant_id = 8) const uint SHARED_INNER = 0;
layout(constant_id = 9) const uint KINDS = 0xffffffff; /* of steps that there are, as bits */
layout(constant_id = 10) const uint RING = 4;
layout(constant_id = 11) const uint KEYS = 64;
layout(constant_id = 12) const uint ROUTER = 0;
layout(push_constant, scalar) uniform push {
    resident_args r;
};

shared uint pool[POOL];

/* The bodies of kernels. Each has its own arguments `a`, and virtual workgroups, which the real ones
 * share. They are used one after the other: so is some of their shared memory. */
uvec3 GROUP, GROUPS_ALL;
attention_split_args attention_a;
moe_hidden_args hidden_a;
moe_down_args down_a;
sample_args sample_a;

const uint EXPERTS = RESIDENT_EXPERTS;
const bool EIGHTS = true, CHOOSE = true, FRESH = true, AHEAD = true;
const uint MATRICES = 2, ROWS = 1, BATCH = 4, DOWN_BATCH = 6, WIDTH = 0;
const uint PATIENCE = MOE_FEW_PATIENCE;
const bool STAGES = false;
const uint QUERIES = RESIDENT_QUERIES;
#define team_part stream_part
#define TEAM_FLOATS
shared float stream_part[8 * 8 * 33];
#include "shaders/lib/few.glsl"
#include "shaders/lib/stream.glsl"

#define a hidden_a
#include "shaders/lib/moe_hidden.glsl"
#undef a
#define a     down_a
#define BATCH DOWN_BATCH
#include "shaders/lib/moe_down.glsl"
#undef BATCH
#undef a

#define ATTENTION_SUM
#define part_score stream_part
void put_sum(uint i, vec2 x) {
    pool[2 * i] = floatBitsToUint(x.x);
    pool[2 * i + 1] = floatBitsToUint(x.y);
}
vec2 get_sum(uint i) {
    return uintBitsToFloat(uvec2(pool[2 * i], pool[2 * i + 1]));
}
/* Without draws little room is taken. */
const bool HAS_SAMPLE = (KINDS >> RESIDENT_SAMPLE & 1) != 0;
#define a          sample_a
#define THREADS    SELECT_ALL
#define GROUPS     SELECT_GROUPS
#define ALL        SAMPLE_ALL
#define keep       sample_keep
#define largest    sample_largest
#define LISTS      false
#define EMBED      (a.dst != 0)
#define QUICK_ROOM (HAS_SAMPLE ? QUICK + 1 : 1)
#define bins       pool

float embed_weight(uint id, uint d) {
    return weight(a.table + uint64_t(id) * a.embed_width * (W_BF16 ? 2 : 4), d, W_BF16);
}
#include "shaders/lib/sample.glsl"
#undef a
#undef THREADS
#undef GROUPS
#undef ALL
#undef keep
#undef largest

#define a         attention_a
#define NORM_BF16 HEADS_NORM_BF16
#include "shaders/lib/attention_split.glsl"
#undef NORM_BF16
#undef a

layout(buffer_reference, scalar, buffer_reference_align = 4) volatile coherent buffer state_words {
    uint at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer step_words {
    uint at[];
};

/* ---- the table ---- */

shared uint step_word[2][RESIDENT_WORDS];
uint step_now; /* which of the two */

/* This thread's word of step i. */
uint load_step(uint i) {
    if (gl_LocalInvocationIndex >= RESIDENT_WORDS || i >= r.n_steps)
        return 0;
    return step_words(r.steps).at[i * RESIDENT_WORDS + gl_LocalInvocationIndex];
}

void put_step(uint i, uint word) {
    if (gl_LocalInvocationIndex < RESIDENT_WORDS)
        step_word[i % 2][gl_LocalInvocationIndex] = word;
}

uint step_kind() {
    return step_word[step_now][32];
}

bool step_ends_meeting() {
    return (step_word[step_now][33] & RESIDENT_MEET) != 0;
}

uint arg(uint i) {
    return step_word[step_now][i];
}

uint64_t pointer(uint i) {
    return packUint2x32(uvec2(arg(i), arg(i + 1)));
}

/* ---- steps ---- */

/* Workgroup number `group` of `groups` does its share of the virtual ones. */
void do_attention(uint group, uint groups) {
    attention_a = attention_split_args(pointer(0), pointer(2), pointer(4), pointer(6), pointer(8),
                                       pointer(10), pointer(12), pointer(14), pointer(16),
                                       pointer(18), pointer(20), pointer(22), arg(24), arg(25),
                                       arg(26), arg(27), arg(28), uintBitsToFloat(arg(29)));
    GROUPS_ALL = uvec3(arg(34), arg(35), arg(36));
    for (uint i = group; i < GROUPS_ALL.x * GROUPS_ALL.y * GROUPS_ALL.z; i += groups) {
        GROUP = uvec3(i % GROUPS_ALL.x, i / GROUPS_ALL.x % GROUPS_ALL.y,
                      i / (GROUPS_ALL.x * GROUPS_ALL.y));
        attention_split();
        barrier();
    }
}

/* One of them makes the choice, so that there are two at least. */
void do_hidden(uint group, uint groups) {
    hidden_a = moe_hidden_args(pointer(0), pointer(2), pointer(4), pointer(6), pointer(8),
                               pointer(10), pointer(12), pointer(14), pointer(16), pointer(18),
                               pointer(20), pointer(22), pointer(24), arg(26), arg(27), arg(28),
                               arg(29), arg(30), uintBitsToFloat(arg(31)));
    GROUPS_ALL = uvec3(max(groups, 2), 1, 1);
    for (uint i = group; i < GROUPS_ALL.x; i += groups) {
        GROUP = uvec3(i, 0, 0);
        moe_hidden();
        barrier();
    }
}

/* One workgroup draws. */
void do_sample(uint group) {
    sample_a = sample_args(pointer(0), pointer(2), pointer(4), pointer(6), pointer(8), pointer(10),
                           pointer(12), pointer(14), pointer(16), arg(18), arg(19), arg(20),
                           arg(21), arg(22));
    if (group == 0)
        sample_draw();
}

void do_down(uint group, uint groups) {
    down_a = moe_down_args(pointer(0), pointer(2), pointer(4), pointer(6), pointer(8), pointer(10),
                           pointer(12), pointer(14), pointer(16), arg(18), arg(19));
    GROUPS_ALL = uvec3(groups, 1, 1);
    GROUP = uvec3(group, 0, 0);
    moe_down();
}

/* The compiler leaves out kinds that there are none of. */
bool is_step(uint kind) {
    return (KINDS >> kind & 1) != 0 && step_kind() == kind;
}

void work(uint group, uint groups) {
    if (is_step(RESIDENT_STREAM))
        stream_work();
    if (is_step(RESIDENT_ATTENTION))
        do_attention(group, groups);
    if (is_step(RESIDENT_MOE_HIDDEN))
        do_hidden(group, groups);
    if (is_step(RESIDENT_MOE_DOWN))
        do_down(group, groups);
    if (is_step(RESIDENT_SAMPLE))
        do_sample(group);
}

/* ---- meetings ---- */

shared uint met;

void arrive() {
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        memoryBarrierBuffer();
        atomicAdd(state_words(r.state).at[RESIDENT_COUNT], 1);
    }
}

/* False: somebody gave up. Two loops: llvmpipe ends any loop after 65,535 rounds. */
bool wait(uint count) {
    state_words state = state_words(r.state);
    if (gl_LocalInvocationIndex == 0) {
        uint here = state.at[RESIDENT_COUNT];
        for (uint i = 0; here < count && i < r.patience; i++)
            for (uint j = 0; here < count && j < 1024; j++)
                here = state.at[RESIDENT_COUNT];
        if (here < count)
            here |= atomicOr(state.at[RESIDENT_COUNT], RESIDENT_LOST) | RESIDENT_LOST;
        met = here;
    }
    barrier(); /* what others have made is read past the nearest cache: MEMORY */
    return (met & RESIDENT_LOST) == 0;
}

/* ---- all steps ---- */

void go() {
    uint groups = gl_NumWorkGroups.x, meetings = 0, i = 0;
    put_step(0, load_step(0));
    stream_open(r.jobs, r.n_jobs, 0, gl_WorkGroupID.x, groups);
    bool together = wait(0);
    for (step_now = 0; together && i < r.n_steps; i++) {
        uint word = load_step(i + 1);
        work(gl_WorkGroupID.x, groups);
        put_step(i + 1, word);
        bool ahead = is_step(RESIDENT_STREAM), meets = step_ends_meeting();
        if (meets)
            arrive();
        if (ahead)
            stream_ahead();
        if (meets) {
            together = wait(++meetings * groups);
        } else {
            barrier();
        }
        step_now = (i + 1) % 2;
    }
    if (gl_LocalInvocationIndex == 0)
        state_words(r.state).at[RESIDENT_DONE + gl_WorkGroupID.x] = i;
}

/* Alone: step by step what each of the others has left undone. */
void sweep() {
    state_words state = state_words(r.state);
    bool lost = (state.at[RESIDENT_COUNT] & RESIDENT_LOST) != 0;
    uint job = 0;
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        state.at[RESIDENT_COUNT] = 0;
        if (lost)
            atomicAdd(state_words(r.report).at[0], 1);
    }
    step_now = 0;
    for (uint i = 0; lost && i < r.n_steps; i++) {
        barrier();
        put_step(0, load_step(i));
        barrier();
        for (uint group = 0; group < r.sweep; group++) {
            if (state.at[RESIDENT_DONE + group] > i)
                continue;
            stream_open(r.jobs, r.n_jobs, job, group, r.sweep);
            work(group, r.sweep);
            memoryBarrierBuffer();
            barrier();
        }
        if (step_kind() == RESIDENT_STREAM)
            job++;
    }
}

/* Each workgroup comes and stays; the first one to lose patience notes how many have come. */
void census() {
    state_words state = state_words(r.state);
    if (gl_LocalInvocationIndex != 0 || state.at[RESIDENT_FOUND] != 0)
        return;
    uint come = atomicAdd(state.at[RESIDENT_COUNT], 1) + 1, found = 0;
    for (uint i = 0; found == 0 && come < gl_NumWorkGroups.x && i < r.patience; i++)
        for (uint j = 0; found == 0 && come < gl_NumWorkGroups.x && j < 1024; j++) {
            come = state.at[RESIDENT_COUNT];
            found = state.at[RESIDENT_FOUND];
        }
    if (found == 0)
        atomicCompSwap(state.at[RESIDENT_FOUND], 0, come);
}

void main() {
    if (r.census > 0)
        census();
    else if (r.sweep > 0)
        sweep();
    else
        go();
}
