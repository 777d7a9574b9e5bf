/* moe_down: what moe_down.comp does. Before it is included: team.glsl, the arguments `a` and the
 * constants W_BF16, EIGHTS, BATCH, CHOSEN, INNER, SHARED_INNER and STAGES, see moe_few.h. */
#include "shaders/lib/moe_pairs.glsl"

/* Eights of a row are read by a team in DOWN_TURNS turns of BATCH each; of an experts' row every TEAM
 * eights, of which there are PAIR_LOADS. */
const uint DOWN_EIGHTS = ALL / 8, DOWN_TURNS = (DOWN_EIGHTS + BATCH * TEAM - 1) / (BATCH * TEAM);
const bool DOWN_EVEN = DOWN_EIGHTS % (BATCH * TEAM) == 0;
const uint PAIR_LOADS = INNER / 8 / TEAM;
/* Pairs do not change within a team, loads of one have one address and what is constant beside, and
 * no turn goes past the last pair. */
const uint UNLIKE = SHARED_INNER + INNER % (8 * TEAM) + BATCH % (PAIR_LOADS > 0 ? PAIR_LOADS : 1);
const bool ALIKE = UNLIKE == 0 && DOWN_EVEN;
/* So many loads are one after the other put in the place of those that have come. */
const uint DOWN_AT_ONCE = DOWN_TURNS == 1 ? BATCH : ALIKE ? PAIR_LOADS : 4;
const uint DOWN_SETS = (BATCH + DOWN_AT_ONCE - 1) / DOWN_AT_ONCE;

const uint DOWN_THREADS = TEAM * TEAMS;
const uint DOWN_ROUNDS = STAGES ? (ALL / 4 + DOWN_THREADS - 1) / DOWN_THREADS : 0;
const uint DOWN_ASKED = STAGES ? DOWN_ROUNDS : 1;
shared vec4 down_staged[STAGES ? ALL / 4 : 1]; /* hidden: [half of an eight, eight] */
vec4 down_asked[DOWN_ASKED];                   /* hidden: this thread's fours */
raw_eight down_raw[BATCH];

/* Asks for what is staged. */
void ask_hidden(uint64_t hidden) {
    [[unroll]] for (uint n = 0; n < DOWN_ROUNDS; n++) {
        uint i = n * DOWN_THREADS + gl_LocalInvocationIndex;
        down_asked[n] = vectors(hidden).at[min(i, ALL / 4 - 1)];
    }
}

/* Before a barrier. */
void stage_hidden() {
    uint thread = gl_LocalInvocationIndex, to = thread % 2 * (ALL / 8) + thread / 2;
    [[unroll]] for (uint n = 0; n < DOWN_ROUNDS; n++)
        if (ALL / 4 % DOWN_THREADS == 0 || n * DOWN_THREADS + thread < ALL / 4)
            down_staged[n * (DOWN_THREADS / 2) + to] = down_asked[n];
}

eight hidden_eight(uint64_t hidden, uint i) {
    return STAGES ? eight(down_staged[i], down_staged[ALL / 8 + i]) : load_x(hidden, i);
}

/* Row d of the pairs' matrices is summed as if it were one long row; it begins with the experts'.
 * Number i of it, counted in `each` at a time: */
struct place {
    uint pair;
    uint k; /* of what is at `row` */
    uint64_t row;
};

place find(uint i, uint d, uint each) {
    place p;
    p.pair = min(i / (INNER / each), CHOSEN);
    p.k = i - p.pair * (INNER / each);
    p.row = pair_matrix[p.pair] +
            uint64_t(d) * (p.pair < CHOSEN ? INNER : SHARED_INNER) * (W_BF16 ? 2 : 4);
    return p;
}

/* The same of this thread's eight number j of a turn; past the end it is the last one. */
place find_eight(uint turn, uint j, uint d) {
    if (!ALIKE) {
        uint at = (turn * BATCH + j) * TEAM + team_lane();
        return find(DOWN_EVEN ? at : min(at, DOWN_EIGHTS - 1), d, 8);
    }
    place p;
    p.pair = turn * (BATCH / PAIR_LOADS) + j / PAIR_LOADS;
    p.k = j % PAIR_LOADS * TEAM;
    p.row = pair_matrix[p.pair] + uint64_t(d * (INNER / 8) + team_lane()) * (W_BF16 ? 16 : 32);
    return p;
}

void ask_eight(uint turn, uint j, uint d) {
    place p = find_eight(turn, j, d);
    down_raw[j] = load_eight(p.row, p.k, W_BF16);
}

float multiply_eight(uint64_t hidden, uint turn, uint j, uint d, float sum) {
    uint at = (turn * BATCH + j) * TEAM + team_lane();
    if (!DOWN_EVEN && at >= DOWN_EIGHTS)
        return sum;
    float part = fma8(hidden_eight(hidden, at), widen_eight(down_raw[j], W_BF16), 0);
    return fma(pair_factor[find_eight(turn, j, d).pair], part, sum);
}

/* What is asked for and multiplied is there once: short code comes sooner. */
float eights(uint64_t hidden, uint d) {
    float sum = 0;
    [[dont_unroll]] for (uint turn = 0; turn <= DOWN_TURNS; turn++) {
        [[unroll]] for (uint n = 0; n < DOWN_SETS; n++) {
            const uint first = n * DOWN_AT_ONCE;
            if (turn > 0)
                [[unroll]] for (uint j = 0; j < DOWN_AT_ONCE; j++)
                    if (first + j < BATCH)
                        sum = multiply_eight(hidden, turn - 1, first + j, d, sum);
            if (turn < DOWN_TURNS)
                [[unroll]] for (uint j = 0; j < DOWN_AT_ONCE; j++)
                    if (first + j < BATCH)
                        ask_eight(turn, first + j, d);
        }
    }
    return sum;
}

float ones(uint64_t hidden, uint d) {
    float sum = 0;
    for (uint i = team_lane(); i < ALL; i += TEAM) {
        place p = find(i, d, 1);
        sum = fma(pair_factor[p.pair] * floats(hidden).at[i], weight(p.row, p.k, W_BF16), sum);
    }
    return sum;
}

/* Where weights are is not known before the pairs are. So hidden is asked for with those, and comes
 * in the same time; behind the weights it would come after them. */
void moe_down() {
    uint thread = gl_LocalInvocationIndex, t = gl_WorkGroupID.y;
    uint64_t hidden = a.hidden + uint64_t(t) * ALL * 4;
    floats dst = floats(a.dst + uint64_t(t) * a.width * 4);
    ask_hidden(hidden);
    list_pairs(t);
    stage_hidden();
    barrier();
    for (uint first = gl_WorkGroupID.x * TEAMS; first < a.width; first += gl_NumWorkGroups.x * TEAMS) {
        uint d = min(first + team_number(), a.width - 1);
        bool stores = thread < TEAMS && first + thread < a.width;
        float before = stores ? dst.at[first + thread] : 0;
        team_give(0, EIGHTS ? eights(hidden, d) : ones(hidden, d));
        team_add();
        if (stores)
            dst.at[first + thread] = before + team_total[thread * SUMS];
    }
}
