#version 460
#extension GL_GOOGLE_include_directive : require
#include "shaders/sample.h"
#include "shaders/lib/sampler.glsl"

layout(constant_id = 0) const uint THREADS = 256;
layout(constant_id = 1) const bool LISTS = false;
layout(constant_id = 2) const bool EMBED = false;
layout(constant_id = 3) const bool TABLE_BF16 = false;
layout(local_size_x_id = 0) in;
layout(push_constant, scalar) uniform push {
    sample_args a;
};

float score_at(uint item) {
    if (LISTS)
        return floats(a.scores).at[item];
    return penalised(samplers(a.state), a.logits, a.seen, item);
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

const uint NONE = 0xffffffff, ALL = 0xffffffff;

/* What may be drawn: items above the cut, and of those at the cut the first `ties`. */
struct choice {
    uint cut, ties;
};

/* x * part / 2^32, where part is at most 2^32; plus `round` / 2^32 before the fraction is dropped. */
uint64_t portion(uint64_t x, uint64_t part, uint round) {
    return (x >> 32) * part + (uint64_t(uint(x)) * part + round >> 32);
}

/* The smallest set of items from the cut up that holds top_p of their mass; at least one. */
choice top_p_of(uint cut, float top_p) {
    uint64_t own_mass = 0, total, above;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        own_mass += key >= cut ? mass_of(key) : 0;
    }
    scan(own_mass, total);
    /* top_p is a multiple of 2^-32, or so small that only the largest stays. target rounds up. */
    uint64_t p = uint64_t(top_p * 4294967296.0);
    uint64_t target = max(MASS_ONE, portion(total, p, ALL));
    cut = find_cut(true, cut, target, above);
    uint64_t each = max(mass_of(cut), 1);
    return choice(cut, uint((target - above + each - 1) / each));
}

/* The item where the running sum of masses passes random * 2^-32 of the total. */
void draw(choice c, uint random, inout uint item_drawn) {
    uint64_t each = mass_of(c.cut), own_mass = 0, own_ties = 0, total;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        own_mass += key > c.cut ? mass_of(key) : 0;
        own_ties += uint(key == c.cut);
    }
    uint64_t ties = scan(own_ties, total);
    uint64_t left = ties < c.ties ? c.ties - ties : 0; /* for this thread's run */
    uint64_t before = scan(own_mass + each * min(left, own_ties), total);
    uint64_t end = portion(total, random, 0);
    if (end < before || end >= before + own_mass + each * min(left, own_ties))
        return;
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        if (key == c.cut && left > 0) {
            before += each;
            left--;
        } else if (key > c.cut) {
            before += mass_of(key);
        }
        if (before > end) {
            item_drawn = item;
            return;
        }
    }
}

/* The item drawn, in one thread; NONE in the others. */
uint pick(samplers s) {
    uint64_t best = largest(), above;
    uint best_key = uint(best >> 32), best_item = ~uint(best), item = NONE;
    const uint lowest = 0x00800000, infinity = 0xff800000; /* keys of -FLT_MAX and infinity */
    if (!(s.temp > 0) || best_key < lowest || best_key >= infinity)
        return gl_LocalInvocationIndex == 0 ? best_item : NONE;
    mass_largest = of_order(best_key);
    mass_temp = s.temp;
    choice c = {lowest, ALL};
    if (s.top_k > 0 && uint(s.top_k) < a.n)
        c.cut = max(lowest, find_cut(false, 0, s.top_k, above));
    if (s.top_p < 1)
        c = top_p_of(c.cut, s.top_p);
    uvec4 counter = uvec4(s.stage, s.turn, s.step, a.codebook);
    draw(c, philox(counter, uvec2(s.seed_low, s.seed_high)), item);
    return item;
}

shared int drawn;

/* In the one thread that has drawn. */
void keep(samplers s, int id) {
    drawn = ints(a.token).at[0] = id;
    if (a.seen != 0)
        ints(a.seen).at[id] = 1;
    if (int(a.codebook) == s.last_codebook)
        s.step++;
}

void embed() {
    uint64_t row = a.table + uint64_t(drawn) * a.embed_width * (TABLE_BF16 ? 2 : 4);
    for (uint d = gl_LocalInvocationIndex; d < a.embed_width; d += THREADS)
        floats(a.dst).at[d] = weight(row, d, TABLE_BF16);
}

void main() {
    samplers s = samplers(a.state);
    share_items();
    uint item = pick(s);
    barrier(); /* all have read what changes now */
    if (item != NONE)
        keep(s, id_at(item));
    barrier();
    if (EMBED)
        embed();
}
