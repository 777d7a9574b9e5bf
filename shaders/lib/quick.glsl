/* quick: a draw from few items, as it is with top-k: they are gathered in any order, and each is
 * compared with all others, by several threads. The result is that of draw() in sample.glsl. Short
 * code, see select.glsl: all sums are made by the same loop, one of 32 bits. */
#ifndef SHADERS_QUICK
#define SHADERS_QUICK

const uint QUICK = 255; /* items at most, fewer than threads */
shared uint64_t quick[QUICK + 1]; /* ranked() */
/* Masses, of at most 2^44, by their lower 22 bits and the others: 2^8 of either fit. */
shared uvec2 quick_mass[QUICK + 1];
/* Of each item sums over those that come before it, and how many keys are larger. After the last
 * item is one of no mass that comes after all: there they are sums of all. */
shared uint quick_low[QUICK + 1], quick_high[QUICK + 1], quick_larger[QUICK + 1];
shared uint quick_count;

/* Gathers the items whose key is at least `least`, of those from `item` to `end` that are `step`
 * apart. quick_count was 0. False if they are too many. */
bool quick_gather(uint least, uint item, uint end, uint step) {
    [[dont_unroll]] for (; item < end; item += step) {
        uint key = quick_key(item);
        if (key >= least) {
            uint to = atomicAdd(quick_count, 1);
            if (to < QUICK)
                quick[to] = ranked(key, item);
        }
    }
    barrier();
    return quick_count <= QUICK;
}

uint64_t quick_sum(uint i) {
    return (uint64_t(quick_high[i]) << 22) + quick_low[i];
}

/* The item drawn, in one thread; NONE in the others. Threads i + 2^bits p have item i and the p-th
 * part of the others. First items come in the order of ranks, then, when what is not among the top
 * k has lost its mass, in that of ids: of what is left, at first for the sum that top_p is a part
 * of, and again when it has lost what top_p does not need. */
uint quick_draw(uint k, float top_p, uint random) {
    uint count = quick_count, bits = findMSB(count | 31) + 1; /* count < 2^bits <= THREADS */
    uint i = gl_LocalInvocationIndex & (1u << bits) - 1, part = gl_LocalInvocationIndex >> bits;
    uint64_t mine = i < count ? quick[i] : 0ul, mass = mass_of(ranked_key(mine));
    uint64_t before, limit, before_in_rank;
    [[dont_unroll]] for (uint pass = 0; pass < 3; pass++) {
        uint low = 0, high = 0, larger = 0;
        if (part == 0) {
            quick[i] = mine;
            quick_mass[i] = uvec2(uint(mass) & (1u << 22) - 1, uint(mass >> 22));
            quick_low[i] = quick_high[i] = quick_larger[i] = 0;
        }
        barrier();
        [[dont_unroll]] for (uint j = part; j < count; j += THREADS >> bits) {
            uint64_t other = quick[j];
            larger += uint(ranked_key(other) > ranked_key(mine));
            low += other > mine ? quick_mass[j].x : 0;
            high += other > mine ? quick_mass[j].y : 0;
        }
        atomicAdd(quick_low[i], low);
        atomicAdd(quick_high[i], high);
        atomicAdd(quick_larger[i], larger);
        barrier();
        before = quick_sum(i);
        limit = portion(quick_sum(count), pass < 2 ? top_p_part(top_p) : random, pass < 2);
        if (pass == 0)
            before_in_rank = before;
        if (quick_larger[i] >= k || pass == 1 && top_p < 1 && before_in_rank >= max(MASS_ONE, limit))
            mass = 0;
        mine &= 0xffffffffu; /* from now on by ids */
        barrier();
    }
    bool is_drawn = part == 0 && i < count && before <= limit && limit < before + mass;
    return is_drawn ? ranked_item(mine) : NONE;
}

#endif
