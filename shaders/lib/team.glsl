/* team: TEAM threads that share the reading of rows of weights; a workgroup is TEAMS of them. The
 * order of additions is fixed, so results repeat. Needs `const uint SUMS`: how many sums a team
 * makes at once, TEAMS * SUMS being at most TEAM * TEAMS.
 * team_part: if it is defined, somebody else's room, of vec4. */
#ifndef SHADERS_TEAM
#define SHADERS_TEAM

#extension GL_EXT_control_flow_attributes : require

const uint TEAM = 32, TEAMS = 8;
const uint TEAM_ROOM = TEAM + 4; /* of a sum: threads that read fours of them do so in different banks */

#ifndef team_part
shared vec4 team_part[TEAMS * SUMS * TEAM_ROOM / 4];
#endif
void team_put(uint at, float part) {
    team_part[at / 4][at % 4] = part;
}

vec4 team_four(uint at) {
    return team_part[at / 4];
}
shared float team_total[TEAMS * SUMS]; /* of team i: [i * SUMS] .. */

uint team_lane() {
    return gl_LocalInvocationIndex % TEAM;
}

uint team_number() {
    return gl_LocalInvocationIndex / TEAM;
}

/* This thread's part of its team's sum i. */
void team_give(uint i, float part) {
    team_put((team_number() * SUMS + i) * TEAM_ROOM + team_lane(), part);
}

/* Sets team_total from all that was given. All threads of the workgroup must call it. */
void team_add() {
    uint i = gl_LocalInvocationIndex;
    barrier();
    if (i < TEAMS * SUMS) {
        vec4 s = vec4(0);
        [[unroll]] for (uint n = 0; n < TEAM; n += 4)
            s += team_four(i * TEAM_ROOM + n);
        team_total[i] = (s.x + s.y) + (s.z + s.w);
    }
    barrier();
}

#endif
