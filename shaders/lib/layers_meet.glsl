/* layers_meet: which workgroup this is, and how all of them meet and share the rows of matrices; for
 * kernels that stay (layers.comp). Before it is included: layers_constants.glsl and team.glsl. */
#ifndef SHADERS_LAYERS_MEET
#define SHADERS_LAYERS_MEET

uint my_group, all_groups;

uint my_team() {
    return team_number() * all_groups + my_group;
}

uint all_teams() {
    return all_groups * TEAMS;
}

uint64_t scratch(uint at) {
    return r.scratch + uint64_t(at) * 4;
}

/* ---- the table of layers ---- */

layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer table_words {
    uint64_t at[];
};

shared uint64_t table[2][LAYERS_WORDS];

/* The row for what is done turn-th, a layer or a pass's head. Who calls it does not look at it before
 * a barrier. */
void load_turn(uint turn, uint64_t row) {
    uint thread = gl_LocalInvocationIndex;
    if (thread < LAYERS_WORDS)
        table[turn % 2][thread] = table_words(row).at[thread];
}

void load_layer(uint turn); /* the same for the kernel that this is */

uint64_t layer_row(uint l) {
    return r.layers + uint64_t(l) * LAYERS_WORDS * 8;
}

/* ---- meetings ---- */

layout(buffer_reference, scalar, buffer_reference_align = 4) volatile coherent buffer state_words {
    uint at[];
};

shared uint met;
uint meetings;

/* What the first `storers` threads have left is everybody's before the workgroup is counted, as so many
 * `groups`. */
void arrive_as(uint groups, uint storers) {
    if (gl_LocalInvocationIndex < storers)
        memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex == 0)
        atomicAdd(state_words(r.state).at[LAYERS_COUNT], groups);
    meetings++;
}

/* Each workgroup waits before it arrives again: nobody is counted twice for somebody who is late. */
void arrive(uint storers) {
    arrive_as(1, storers);
}

/* False: somebody gave up. llvmpipe has 65,535 rounds for all loops of a kernel together, and then ends
 * each after its first one: there whoever waits must not take them all, and what stays is only for
 * small models. */
bool wait() {
    state_words state = state_words(r.state);
    uint count = meetings * all_groups;
    if (gl_LocalInvocationIndex == 0) {
        uint here = state.at[LAYERS_COUNT];
        for (uint i = 0; here < count && i < r.patience; i++)
            for (uint j = 0; here < count && j < 1024; j++)
                here = state.at[LAYERS_COUNT];
        while (here < count) { /* if it is so still: nobody gives up what others have met for */
            uint was = atomicCompSwap(state.at[LAYERS_COUNT], here, here | LAYERS_LOST);
            here = was == here ? here | LAYERS_LOST : was;
        }
        met = here;
    }
    barrier(); /* what others have made is read past the nearest cache: MEMORY */
    return (met & LAYERS_LOST) == 0;
}

/* ---- rounds of rows ---- */

/* Row number i of this team in a round of `rows` at once. */
uint task_of(uint round, uint rows, uint i) {
    return (round * rows + i) * all_teams() + my_team();
}

/* What this thread stores of it, if it is one of the first rows * TEAMS. */
uint own_task(uint round, uint rows) {
    uint thread = gl_LocalInvocationIndex;
    return (round * rows + thread / TEAMS) * all_teams() + thread % TEAMS * all_groups + my_group;
}

/* And the team's sum for it; those of a second matrix come `more` behind. */
float own_sum(uint more) {
    uint thread = gl_LocalInvocationIndex;
    return team_total[thread % TEAMS * SUMS + thread / TEAMS + more];
}

uint rounds_of(uint tasks, uint rows) {
    uint each = rows * all_teams();
    return (tasks + each - 1) / each;
}

#endif
