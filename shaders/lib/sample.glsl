/* sample: what sample.comp does. Before it is included: sampler.glsl, the arguments `a` and the
 * constants LISTS and EMBED, see sample.h, and
 *     float logit(uint i)                   number i of them
 *     bool seen(uint i)                     whether it has been drawn before
 *     vec4 embed_weights(uint id, uint d)   numbers d .. d + 3 of the token's row of the table
 *     void stage()                          before logits are looked at: may ask for them
 *     uint first_key(uint item, uint turn)  see select.glsl
 *     uint quick_key(uint item)             key_at() after first_key() */
sampling sampler_now;

uint key_at(uint item) {
    if (LISTS)
        return uints(a.keys).at[item];
    return order(penalised(sampler_now, logit(item), seen(item), item));
}

#include "shaders/lib/select.glsl"

const uint ALL = 0xffffffff;

int id_at(uint item) {
    return LISTS ? ints(a.ids).at[item] : int(item);
}

/* A thread looks at every STEP-th item from the first on; LIST_THREADS share a list. */
const uint LIST_THREADS = THREADS / SAMPLE_LISTS, STEP = LISTS ? LIST_THREADS : THREADS;

uint list_first() {
    return gl_LocalInvocationIndex / LIST_THREADS * a.width;
}

uint list_count() {
    return uint(ints(a.counts).at[gl_LocalInvocationIndex / LIST_THREADS]);
}

/* ---- a draw ---- */

/* Philox4x32-10, first word: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011. */
uint philox(uvec4 counter, uvec2 key) {
    [[dont_unroll]] for (uint i = 0; i < 10; i++) {
        uvec2 low, high;
        umulExtended(uvec2(0xD2511F53, 0xCD9E8D57), counter.xz, high, low);
        counter = uvec4(high.y ^ counter.y ^ key.x, low.y, high.x ^ counter.w ^ key.y, low.x);
        key += uvec2(0x9E3779B9, 0xBB67AE85);
    }
    return counter.x;
}

/* What it is made with. */
uint draw_k, draw_random;
float draw_top_p;
int draw_next_step; /* the sampler's, after it */

/* x * part / 2^32 rounded down, or up. */
uint64_t portion(uint64_t x, uint part, bool up) {
    uint64_t low = uint64_t(uint(x)) * part;
    uint64_t y = (x >> 32) * part + (low >> 32);
    return up && uint(low) != 0 ? y + 1 : y;
}

/* The mass that the set for top_p < 1 must reach is such a part of all, rounded up, or MASS_ONE if
 * that is more, so that the largest stays. */
uint top_p_part(float top_p) {
    return uint(top_p * 4294967296.0);
}

#include "shaders/lib/quick.glsl"

/* ---- any number of items ---- */

/* What may be drawn: items above the cut, and of those at the cut the first `ties`. */
struct choice {
    uint cut, ties;
};

/* The smallest set of items from the cut up that holds top_p of their mass; at least one. */
choice top_p_of(uint cut, float top_p) {
    uint64_t own_mass = 0, total, above;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        own_mass += key >= cut ? mass_of(key) : 0ul;
    }
    scan(own_mass, total);
    uint64_t target = max(MASS_ONE, portion(total, top_p_part(top_p), true));
    cut = find_cut(true, cut, target, above);
    uint64_t each = max(mass_of(cut), 1ul);
    return choice(cut, uint((target - above + each - 1) / each));
}

/* The item where the running sum of masses passes random * 2^-32 of the total. */
uint draw(choice c, uint random) {
    uint64_t each = mass_of(c.cut), own_mass = 0, own_ties = 0, total;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        own_mass += key > c.cut ? mass_of(key) : 0ul;
        own_ties += key == c.cut ? 1ul : 0ul;
    }
    uint64_t ties = scan(own_ties, total);
    uint64_t left = ties < c.ties ? uint64_t(c.ties) - ties : 0ul; /* for this thread's run */
    uint64_t before = scan(own_mass + each * min(left, own_ties), total);
    uint64_t end = portion(total, random, false);
    if (end < before || end >= before + own_mass + each * min(left, own_ties))
        return NONE;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        if (key == c.cut && left > 0) {
            before += each;
            left--;
        } else if (key > c.cut) {
            before += mass_of(key);
        }
        if (before > end)
            return item;
    }
    return NONE;
}

/* The item drawn, in one thread; NONE in the others. */
uint draw_any(uint k, float top_p, uint random) {
    uint64_t above;
    choice c = {KEY_LOWEST, ALL};
    if (LISTS)
        own(list_first(), list_count(), gl_LocalInvocationIndex % LIST_THREADS, LIST_THREADS);
    else
        own(0, a.n, gl_LocalInvocationIndex, THREADS);
    if (k < a.n)
        c.cut = max(KEY_LOWEST, find_cut(false, 0, uint64_t(k), above));
    if (top_p < 1)
        c = top_p_of(c.cut, top_p);
    return draw(c, random);
}

/* ---- all ---- */

/* The same: the best item, or one by chance. */
uint pick() {
    uint item = gl_LocalInvocationIndex, end = a.n;
    if (LISTS) {
        item = list_first();
        end = item + list_count();
        item += gl_LocalInvocationIndex % LIST_THREADS;
    }
    survey(item, end, STEP, draw_k);
    const uint infinity = 0xff800000; /* its key */
    if (!(sampler_now.temp > 0) || select_best < KEY_LOWEST || select_best >= infinity) {
        uint first = first_best();
        return gl_LocalInvocationIndex == 0 ? first : NONE;
    }
    mass_largest = of_order(select_best);
    mass_temp = sampler_now.temp;
    if (draw_k <= GROUPS && quick_gather(max(select_floor, KEY_LOWEST), item, end, STEP))
        return quick_draw(draw_k, draw_top_p, draw_random);
    return draw_any(draw_k, draw_top_p, draw_random);
}

shared int drawn;

/* In the one thread that has drawn. */
void keep() {
    ints(a.token).at[0] = drawn;
    if (a.seen != 0)
        ints(a.seen).at[drawn] = 1;
    samplers(a.state).step = draw_next_step;
}

/* By fours: one number after another each would be waited for. */
void embed() {
    for (uint d = 4 * gl_LocalInvocationIndex; d < a.embed_width; d += 4 * THREADS) {
        vec4 x = embed_weights(uint(drawn), d);
        if (a.embed_width % 8 == 0)
            vectors(a.dst).at[d / 4] = x;
        else
            for (uint n = 0; n < 4 && d + n < a.embed_width; n++)
                floats(a.dst).at[d + n] = x[n];
    }
}

/* What does not depend on logits; a barrier comes after it. */
void sample_begin() {
    samplers s = samplers(a.state);
    sampler_now = sampler_load(a.state);
    int top_k = s.top_k, step = s.step;
    uvec4 counter = uvec4(s.stage, s.turn, step, a.codebook);
    uvec2 seed = uvec2(s.seed_low, s.seed_high);
    draw_top_p = s.top_p;
    draw_next_step = step + int(int(a.codebook) == s.last_codebook);
    stage();
    draw_k = top_k > 0 ? min(uint(top_k), a.n) : a.n;
    draw_random = philox(counter, seed);
    survey_begin();
    quick_count = 0;
}

void sample_draw() {
    uint item = pick();
    if (item != NONE)
        drawn = id_at(item);
    barrier();
    if (item != NONE)
        keep();
    if (EMBED)
        embed();
}
