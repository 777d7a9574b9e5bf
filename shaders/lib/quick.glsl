/* quick: a draw from few items, as it is with top-k: they are gathered in any order, and each is
 * compared with all others, by several threads. The result is that of draw() in sample.glsl. Short
 * code, see select.glsl: both sums are made by the same loop, one of 32 bits. */
#ifndef SHADERS_QUICK
#define SHADERS_QUICK

/* Items at most, fewer than threads. Their keys are few_key; later, what they are put in order by. */
const uint QUICK = FEW - 1;
shared uint quick_item[FEW];
/* Masses, of at most 2^44, by their lower 22 bits and the others: 2^8 of either fit. */
shared uvec4 quick_mass_low[FEW / 4], quick_mass_high[FEW / 4];
/* Of each item sums over those that come before it. After the last item is one of no mass that comes
 * after all: there they are sums of all. */
shared uint quick_low[FEW], quick_high[FEW];
shared uint quick_count;

/* Which of 32 items from `item` to `end` that are `step` apart have a key of at least `least`. */
uint quick_wanted(uint least, uint item, uint end, uint step) {
    uint wanted = 0;
    [[dont_unroll]] for (uint turn = 0; turn < 32 && item + turn * step < end; turn += AT_ONCE)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
            uint at = item + (turn + n) * step;
            wanted |= uint(quick_key(at) >= least && at < end) << turn + n;
        }
    return wanted;
}

/* Gathers the items whose key is at least `least`, of those from `item` to `end` that are `step`
 * apart. quick_count was 0, and there were no few keys. False if they are too many. */
bool quick_gather(uint least, uint item, uint end, uint step) {
    [[dont_unroll]] for (; item < end; item += 32 * step) {
        uint wanted = quick_wanted(least, item, end, step);
        uint to = wanted == 0 ? QUICK : atomicAdd(quick_count, bitCount(wanted));
        [[dont_unroll]] for (; wanted != 0 && to < QUICK; wanted &= wanted - 1, to++) {
            uint at = item + findLSB(wanted) * step;
            few_key[to] = quick_key(at);
            quick_item[to] = at;
        }
    }
    barrier();
    return quick_count <= QUICK;
}

uint64_t quick_sum(uint i) {
    return (uint64_t(quick_high[i]) << 22) + quick_low[i];
}

/* The item drawn, in one thread; NONE in the others. Threads i + 2^bits p have item i and the p-th
 * part of the others. What is not among the top k loses its mass, then, in the order of ranks, what
 * top_p does not need, if it is below 1; the draw is from what is left, in the order of ids. */
uint quick_draw(uint k, float top_p, uint random) {
    uint count = quick_count, bits = findMSB(count | 31) + 1; /* count < 2^bits <= FEW */
    uint i = gl_LocalInvocationIndex & (1u << bits) - 1, part = gl_LocalInvocationIndex >> bits;
    uint parts = THREADS >> bits, item = quick_item[i], order_last = 0xffffffff;
    uint64_t mass = mass_of(few_key[i]), before, limit;
    few_count(i, count, part, parts);
    barrier();
    uint larger = few_larger[i];
    if (larger >= k)
        mass = 0;
    [[dont_unroll]] for (uint pass = top_p < 1 ? 0 : 1; pass < 2; pass++) {
        /* Items are below 2^24: of equal keys the first comes first. */
        uint own_order = i < count ? (pass == 0 ? larger << 24 | item : item) : order_last;
        uint low = 0, high = 0;
        if (part == 0) {
            few_key[i] = own_order;
            quick_mass_low[i / 4][i % 4] = uint(mass) & (1u << 22) - 1;
            quick_mass_high[i / 4][i % 4] = uint(mass >> 22);
            quick_low[i] = quick_high[i] = 0;
        }
        barrier();
        [[dont_unroll]] for (uint j = FEW_AT_ONCE * part; j < count; j += FEW_AT_ONCE * parts)
            [[unroll]] for (uint n = 0; n < FEW_AT_ONCE; n++) {
                bool comes_before = few_key[j + n] < own_order;
                low += comes_before ? quick_mass_low[j / 4 + n / 4][n % 4] : 0;
                high += comes_before ? quick_mass_high[j / 4 + n / 4][n % 4] : 0;
            }
        atomicAdd(quick_low[i], low);
        atomicAdd(quick_high[i], high);
        barrier();
        before = quick_sum(i);
        limit = portion(quick_sum(count), pass == 0 ? top_p_part(top_p) : random, pass == 0);
        if (pass == 0) {
            if (before >= max(MASS_ONE, limit))
                mass = 0;
            barrier();
        }
    }
    bool is_drawn = part == 0 && i < count && before <= limit && limit < before + mass;
    return is_drawn ? item : NONE;
}

#endif
