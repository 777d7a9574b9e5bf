/* team: TEAM threads that share the reading of rows of weights; a workgroup is TEAMS of them. The
 * order of additions is fixed, so results repeat. Needs `const uint SUMS`: how many sums a team
 * makes at once, TEAMS * SUMS being at most TEAM * TEAMS. */
#ifndef SHADERS_TEAM
#define SHADERS_TEAM

const uint TEAM = 32, TEAMS = 8;

#ifndef team_part /* it may be somebody else's room */
shared float team_part[TEAMS * SUMS * (TEAM + 1)]; /* + 1: threads of a team in different banks */
#endif
shared float team_total[TEAMS * SUMS];             /* of team i: [i * SUMS] .. */

uint team_lane() {
    return gl_LocalInvocationIndex % TEAM;
}

uint team_number() {
    return gl_LocalInvocationIndex / TEAM;
}

/* This thread's part of its team's sum i. */
void team_give(uint i, float part) {
    team_part[(team_number() * SUMS + i) * (TEAM + 1) + team_lane()] = part;
}

/* Sets team_total from all that was given. All threads of the workgroup must call it. */
void team_add() {
    uint i = gl_LocalInvocationIndex;
    barrier();
    if (i < TEAMS * SUMS) {
        vec4 s = vec4(0);
        for (uint at = i * (TEAM + 1); at < i * (TEAM + 1) + TEAM; at += 4)
            s += vec4(team_part[at], team_part[at + 1], team_part[at + 2], team_part[at + 3]);
        team_total[i] = (s.x + s.y) + (s.z + s.w);
    }
    barrier();
}

#endif
