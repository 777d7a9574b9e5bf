/* A kernel that stays, see resident.h. What a step of replayed dispatches costs, bytes apart, is
 * starting and ending kernels: about 2 us each. Here a step costs a meeting, 1 us, and the weights
 * of the next step are on their way meanwhile, as they do not depend on it.
 *
 * A frame of speech at the released sizes is 20 talker layers of 6 steps and 15 predictor passes of
 * 5 layers of 5 steps, and a head and a draw with each pass: 530 meetings, 0.53 ms. The weights are
 * 3.07 GB (predictor: 15 x 161 MB, talker: 573 MB with 6 of 128 experts), 0.96 ms at 3.2 TB/s. If
 * half of the meetings' time is hidden behind weights, that is 1.2 ms; nothing less can be hoped for.
 *
 * Vulkan does not promise that workgroups run at the same time. As many are launched as a census
 * has found together (common/gpu/resident.c). Whoever waits too long marks the count as lost, and
 * all leave; the sweep, one workgroup that is launched behind, does what they have left undone. */
#version 460
#extension GL_GOOGLE_include_directive : require
#define MEMORY coherent
#include "shaders/lib/memory.glsl"
#include "shaders/resident.h"

const uint THREADS = 256;
layout(local_size_x = THREADS) in;
layout(constant_id = 0) const uint POOL = 1536;
layout(constant_id = 1) const bool W_BF16 = true;
layout(constant_id = 2) const uint NORM = 2;
layout(push_constant, scalar) uniform push {
    resident_args r;
};

shared vec4 pool[POOL];
#include "shaders/lib/stream.glsl"

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

bool step_meets() {
    return (step_word[step_now][33] & RESIDENT_MEET) != 0;
}

void work() {
    if (step_kind() == RESIDENT_STREAM)
        stream_work();
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
        memoryBarrierBuffer();
    }
    barrier();
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
        work();
        put_step(i + 1, word);
        barrier();
        step_now = (i + 1) % 2;
        if (i + 1 == r.n_steps || !step_meets())
            continue;
        arrive();
        together = wait(++meetings * groups);
    }
    if (gl_LocalInvocationIndex == 0)
        state_words(r.state).at[RESIDENT_DONE + gl_WorkGroupID.x] = i;
}

shared uint swept[RESIDENT_MOST];

/* Alone: step by step what each of the others has left undone. */
void sweep() {
    state_words state = state_words(r.state);
    bool lost = (state.at[RESIDENT_COUNT] & RESIDENT_LOST) != 0;
    uint job = 0;
    barrier();
    for (uint i = gl_LocalInvocationIndex; lost && i < r.sweep; i += THREADS)
        swept[i] = state.at[RESIDENT_DONE + i];
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
            if (swept[group] > i)
                continue;
            stream_open(r.jobs, r.n_jobs, job, group, r.sweep);
            work();
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
