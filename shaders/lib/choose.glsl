/* choose: the experts of a row of moe_hidden_args `a`, in ascending index; the same choice and
 * weights as route.comp's. A workgroup of THREADS calls read_logits() or, if it makes them, route()
 * of router.glsl, and then choose_experts(). Before it is included: the constants EXPERTS (as many as
 * there are, or more) and CHOSEN (of them). */
#ifndef SHADERS_CHOOSE
#define SHADERS_CHOOSE

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/math.glsl"
#include "shaders/lib/order.glsl"

const uint AT_ONCE = 4; /* fours of experts that are looked at together */
/* The threads beyond one for each expert help to rank: each looks at one of so many parts. */
const uint RANKERS = THREADS >= 4 * EXPERTS ? 4 : THREADS >= 2 * EXPERTS ? 2 : 1;
const uint RANK_TURNS = (EXPERTS + 4 * AT_ONCE * RANKERS - 1) / (4 * AT_ONCE * RANKERS);
const uint KEYS_FOURS = RANK_TURNS * AT_ONCE * RANKERS;

shared uint choose_expert[CHOSEN];
shared uint choose_best[CHOSEN];      /* the same, the best one first */
shared uvec4 choose_key[KEYS_FOURS];  /* order of the logits; NaN before all numbers, as what is beyond */
shared uint choose_rank[4 * KEYS_FOURS];
shared float choose_mass[4 * KEYS_FOURS];
shared float choose_weight[CHOSEN];

uint key_of(uint e) {
    return choose_key[e / 4][e % 4];
}

/* How many of the experts in every RANKERS-th four from `part` on come before expert e: larger
 * logits, and equal ones of lower index. */
uint rank_of(uint e, uint part) {
    uint key = key_of(e), own = e / 4, rank = 0;
    [[dont_unroll]] for (uint turn = 0; turn < RANK_TURNS; turn++)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
            uint i = (turn * AT_ONCE + n) * RANKERS + part;
            uvec4 before = uvec4(greaterThanEqual(choose_key[i], uvec4(key + uint(i >= own))));
            rank += before.x + before.y + (before.z + before.w);
        }
    if (part == 0) /* equal ones in e's own four */
        [[unroll]] for (uint c = 0; c < 3; c++)
            rank += uint(c < e % 4 && choose_key[own][c] == key);
    return rank;
}

/* Expert e's key, 0 beyond all; nobody has ranked it yet. */
void put_key(uint e, uint key) {
    choose_key[e / 4][e % 4] = key;
    choose_rank[e] = 0;
}

void read_logits(uint t) {
    floats logit = floats(a.logits + uint64_t(t) * a.n_experts * 4);
    [[dont_unroll]] for (uint e = gl_LocalInvocationIndex; e < 4 * KEYS_FOURS; e += THREADS) {
        float l = e < a.n_experts ? logit.at[e] : 0;
        put_key(e, e >= a.n_experts || is_nan(l) ? 0 : order(l));
    }
    barrier();
}

void choose_experts() {
    uint thread = gl_LocalInvocationIndex;
    [[dont_unroll]] for (uint i = thread; i < RANKERS * EXPERTS; i += THREADS)
        atomicAdd(choose_rank[i % EXPERTS], rank_of(i % EXPERTS, i / EXPERTS));
    barrier();
    [[dont_unroll]] for (uint e = thread; e < EXPERTS; e += THREADS)
        if (choose_rank[e] < CHOSEN)
            choose_best[choose_rank[e]] = e;
    barrier();
    [[dont_unroll]] for (uint i = thread; i < CHOSEN; i += THREADS) {
        uint place = 0; /* how many chosen experts have a lower index */
        [[unroll]] for (uint other = 0; other < CHOSEN; other++)
            place += uint(choose_best[other] < choose_best[i]);
        choose_expert[place] = choose_best[i];
    }
    barrier();
}

void read_experts(uint t) {
    for (uint i = gl_LocalInvocationIndex; i < CHOSEN; i += THREADS)
        choose_expert[i] = uints(a.experts).at[t * CHOSEN + i];
    barrier();
}

/* The chosen ones' weights, to choose_weight: softmax of the chosen, or of all experts. A key is its
 * logit, or a NaN as that. */
void weigh_choice() {
    float top = of_order(key_of(choose_best[0])), sum = 0;
    [[dont_unroll]] for (uint e = gl_LocalInvocationIndex; e < 4 * KEYS_FOURS; e += THREADS) {
        bool counts = e < a.n_experts && (a.normalise == 0 || choose_rank[e] < CHOSEN);
        choose_mass[e] = counts ? expf(of_order(key_of(e)) - top) : 0;
    }
    barrier();
    [[dont_unroll]] for (uint e = 0; e < 4 * KEYS_FOURS; e += AT_ONCE)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
            sum += choose_mass[e + n];
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < CHOSEN; i += THREADS)
        choose_weight[i] = choose_mass[choose_expert[i]] / sum;
    barrier();
}

void write_choice(uint t) {
    weigh_choice();
    [[dont_unroll]] for (uint i = gl_LocalInvocationIndex; i < CHOSEN; i += THREADS) {
        uints(a.experts).at[t * CHOSEN + i] = choose_expert[i];
        floats(a.weights).at[t * CHOSEN + i] = choose_weight[i];
    }
}

#endif
