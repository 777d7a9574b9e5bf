/* sample: what sample.comp does. Before it is included: sampler.glsl, the arguments `a` and the
 * constants LISTS, EMBED and OWN, see sample.h, and
 *     float embed_weight(uint id, uint d)   number d of the token's row of the table */
sampling sampler_now;

float score_at(uint item) {
    if (LISTS)
        return floats(a.scores).at[item];
    return penalised(sampler_now, a.logits, a.seen, item);
}

#include "shaders/lib/select.glsl"

int id_at(uint item) {
    return LISTS ? ints(a.ids).at[item] : int(item);
}

void share_items() {
    uint thread = gl_LocalInvocationIndex;
    if (LISTS) {
        uint each = THREADS / a.n_lists, list = thread / each;
        own(list * a.width, uint(ints(a.counts).at[list]), thread % each, each);
    } else {
        own(0, a.n, thread, THREADS);
        own_load(sampler_now, a.logits, a.seen, a.n - 1);
    }
}

/* Philox4x32-10, first word: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011. */
uint philox(uvec4 counter, uvec2 key) {
    for (uint i = 0; i < 10; i++) {
        uvec2 low, high;
        umulExtended(uvec2(0xD2511F53, 0xCD9E8D57), counter.xz, high, low);
        counter = uvec4(high.y ^ counter.y ^ key.x, low.y, high.x ^ counter.w ^ key.y, low.x);
        key += uvec2(0x9E3779B9, 0xBB67AE85);
    }
    return counter.x;
}

/* x * part / 2^32 rounded down, or up; part is at most 2^32. */
uint64_t portion(uint64_t x, uint64_t part, bool up) {
    uint64_t low = uint64_t(uint(x)) * part;
    uint64_t y = (x >> 32) * part + (low >> 32);
    return up && uint(low) != 0 ? y + 1 : y;
}

/* The mass that the set for top_p must reach; top_p < 1. It is a multiple of 2^-32, or so small
 * that only the largest stays. */
uint64_t target_of(uint64_t total, float top_p) {
    return max(MASS_ONE, portion(total, uint64_t(uint(top_p * 4294967296.0)), true));
}

/* ---- any number of items ---- */

const uint NONE = 0xffffffff, ALL = 0xffffffff;

/* What may be drawn: items above the cut, and of those at the cut the first `ties`. */
struct choice {
    uint cut, ties;
};

/* The smallest set of items from the cut up that holds top_p of their mass; at least one. */
choice top_p_of(uint cut, float top_p) {
    uint64_t own_mass = 0, total, above;
    [[unroll]] for (uint i = 0; i < own_count(); i++) {
        uint key = own_key_at(i);
        own_mass += own_exists(i) && key >= cut ? mass_of(key) : 0ul;
    }
    scan(own_mass, total);
    uint64_t target = target_of(total, top_p);
    cut = find_cut(true, cut, target, above);
    uint64_t each = max(mass_of(cut), 1ul);
    return choice(cut, uint((target - above + each - 1) / each));
}

/* The item where the running sum of masses passes random * 2^-32 of the total. */
uint draw(choice c, uint random) {
    uint64_t each = mass_of(c.cut), own_mass = 0, own_ties = 0, total;
    [[unroll]] for (uint i = 0; i < own_count(); i++) {
        uint key = own_key_at(i);
        own_mass += own_exists(i) && key > c.cut ? mass_of(key) : 0ul;
        own_ties += own_exists(i) && key == c.cut ? 1ul : 0ul;
    }
    uint64_t ties = scan(own_ties, total);
    uint64_t left = ties < c.ties ? uint64_t(c.ties) - ties : 0ul; /* for this thread's run */
    uint64_t before = scan(own_mass + each * min(left, own_ties), total);
    uint64_t end = portion(total, uint64_t(random), false);
    if (end < before || end >= before + own_mass + each * min(left, own_ties))
        return NONE;
    for (uint i = 0; i < own_end - own_first; i++) {
        uint item = own_first + i, key = key_at(item);
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

#include "shaders/lib/quick.glsl"

/* The item drawn, in one thread; NONE in the others. */
uint pick() {
    uint random = philox(uvec4(sampler_now.stage, sampler_now.turn, sampler_now.step, a.codebook), sampler_now.seed);
    uint64_t best = largest(), above;
    uint best_key = uint(best >> 32), best_item = ~uint(best);
    const uint infinity = 0xff800000; /* its key */
    if (!(sampler_now.temp > 0) || best_key < KEY_LOWEST || best_key >= infinity)
        return gl_LocalInvocationIndex == 0 ? best_item : NONE;
    mass_largest = of_order(best_key);
    mass_temp = sampler_now.temp;
    uint k = sampler_now.top_k > 0 ? min(uint(sampler_now.top_k), a.n) : a.n;
    if (k <= GROUPS && quick_gather(floor_of(k)))
        return quick_draw(k, sampler_now.top_p, random);
    choice c = {KEY_LOWEST, ALL};
    if (k < a.n)
        c.cut = max(KEY_LOWEST, find_cut(false, 0, uint64_t(k), above));
    if (sampler_now.top_p < 1)
        c = top_p_of(c.cut, sampler_now.top_p);
    return draw(c, random);
}

shared int drawn;

/* In the one thread that has drawn. */
void keep(int id) {
    drawn = ints(a.token).at[0] = id;
    if (a.seen != 0)
        ints(a.seen).at[id] = 1;
    if (int(a.codebook) == sampler_now.last_codebook)
        samplers(a.state).step = sampler_now.step + 1;
}

void embed() {
    for (uint d = gl_LocalInvocationIndex; d < a.embed_width; d += THREADS)
        floats(a.dst).at[d] = embed_weight(uint(drawn), d);
}

void sample_draw() {
    sampler_now = sampler_load(a.state);
    share_items();
    uint item = pick();
    barrier(); /* all have read what changes now */
    if (item != NONE)
        keep(id_at(item));
    barrier();
    if (EMBED)
        embed();
}
