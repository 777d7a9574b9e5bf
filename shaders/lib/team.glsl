/* team: TEAM threads that share the reading of a row of weights; a workgroup is TEAMS of them. The
 * order of additions is fixed, so results repeat. Needs `const uint SUMS`: how many sums a team
 * makes at once. */
#ifndef SHADERS_TEAM
#define SHADERS_TEAM

const uint TEAM = 32, TEAMS = 8;

shared float team_part[TEAMS * SUMS * (TEAM + 1)]; /* + 1: lanes in different banks */

uint team_lane() {
    return gl_LocalInvocationIndex % TEAM;
}

uint team_number() {
    return gl_LocalInvocationIndex / TEAM;
}

/* This thread's part of its team's sum i; then a barrier(), and team_sum() in any thread. */
void team_give(uint i, float part) {
    team_part[(team_number() * SUMS + i) * (TEAM + 1) + team_lane()] = part;
}

/* Sum i % SUMS of team i / SUMS. */
float team_sum(uint i) {
    vec4 s = vec4(0);
    for (uint at = i * (TEAM + 1); at < i * (TEAM + 1) + TEAM; at += 4)
        s += vec4(team_part[at], team_part[at + 1], team_part[at + 2], team_part[at + 3]);
    return (s.x + s.y) + (s.z + s.w);
}

#endif
