/* select: what sample and sample_narrow do with scores. A workgroup of SELECT_THREADS has items of
 * ascending ids. Before it is included: sampler.glsl, `uint key_at(uint item)`, order() of a score
 * that is not NaN, and `uint first_key(uint item, uint turn)`, the same when all keys are looked at for
 * the first time; it is this thread's turn-th item. With SELECT_AT_ONCE > 1 the item may be past the end,
 * and the key then of no account.
 *
 * A draw comes once in a token, after gigabytes of weights: its code is in no cache any more, and a
 * line of it takes as long to come from memory as hundreds of instructions to be run. So code is
 * short rather than unrolled; what is seldom needed is behind the rest. */
#ifndef SHADERS_SELECT
#define SHADERS_SELECT

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/math.glsl"
#include "shaders/lib/order.glsl"

/* Where order counts each thread owns the run of items from own_first to own_end, one after another
 * in the order of threads. */
uint own_first, own_end;

/* The run of this thread when items first .. first + n - 1 are shared by `threads`, of which it is
 * number `thread`. */
void own(uint first, uint n, uint thread, uint threads) {
    uint each = (n + threads - 1) / threads;
    own_first = first + min(n, thread * each);
    own_end = first + min(n, thread * each + each);
}

/* ---- sums ---- */

/* A tree: node n is made of the nodes 2n and 2n + 1; node THREADS + i is what thread i gives. */
const uint THREADS = SELECT_THREADS, GROUPS = THREADS / 4;
shared uint64_t select_tree[2 * THREADS];

/* The root: the sum. What other nodes were must have been read. */
uint64_t grow(uint64_t x) {
    uint i = gl_LocalInvocationIndex;
    select_tree[THREADS + i] = x;
    [[dont_unroll]] for (uint n = THREADS / 2; n > 0; n /= 2) {
        barrier();
        if (i < n)
            select_tree[n + i] = select_tree[2 * (n + i)] + select_tree[2 * (n + i) + 1];
    }
    barrier();
    return select_tree[1];
}

/* The sum of x over all threads before this one, and over all. */
uint64_t scan(uint64_t x, out uint64_t total) {
    uint64_t before = 0;
    barrier();
    total = grow(x);
    [[dont_unroll]] for (uint n = THREADS + gl_LocalInvocationIndex; n > 1; n /= 2)
        before += (n & 1) != 0 ? select_tree[n - 1] : 0ul;
    return before;
}

#ifndef SELECT_AT_ONCE
#define SELECT_AT_ONCE 1 /* of a thread's items, where short code is worth more than waiting less */
#endif
const uint AT_ONCE = SELECT_AT_ONCE, FEW_AT_ONCE = AT_ONCE > 1 ? 8 : 4;

/* ---- few keys, each compared with all others ---- */

const uint FEW = 256; /* of them at most, no more than threads */
shared uint few_key[FEW], few_larger[FEW];

/* What is no key is smaller than any. */
void few_clear() {
    uint i = gl_LocalInvocationIndex;
    if (i < FEW)
        few_key[i] = few_larger[i] = 0;
}

/* Adds to few_larger[i] how many of the first `count` keys are larger than number i. Of `parts` threads
 * with this i each looks at a part of them. */
void few_count(uint i, uint count, uint part, uint parts) {
    uint key = few_key[i], larger = 0;
    [[dont_unroll]] for (uint j = FEW_AT_ONCE * part; j < count; j += FEW_AT_ONCE * parts)
        [[unroll]] for (uint n = 0; n < FEW_AT_ONCE; n++)
            larger += uint(few_key[j + n] > key);
    atomicAdd(few_larger[i], larger);
}

/* ---- the best of all, and those that may be among the first k ---- */

const uint NONE = 0xffffffff;
shared uint select_best, select_floor, select_first;
uint best_key, best_item; /* of this thread's items the best, and of equal ones the first */

/* Comes before survey() and a barrier. */
void survey_begin() {
    few_clear();
    select_floor = select_first = NONE;
}

/* Looks at the items from `item` to `end` that are `step` apart, of each thread. select_best becomes
 * the largest key of all, select_floor a key that at least k <= GROUPS items reach and not many more:
 * k groups of threads have an item that does; 0 if fewer have any. There are no few keys then. */
void survey(uint item, uint end, uint step, uint k) {
    uint i = gl_LocalInvocationIndex, group = i % GROUPS;
    best_key = 0;
    best_item = NONE;
    [[dont_unroll]] for (uint turn = 0; item + turn * step < end; turn += AT_ONCE)
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
            uint at = item + (turn + n) * step, key = first_key(at, turn + n);
            if (at < end && key > best_key) {
                best_key = key;
                best_item = at;
            }
        }
    atomicMax(few_key[group], best_key);
    barrier();
    few_count(group, GROUPS, i / GROUPS, THREADS / GROUPS);
    uint key = few_key[group];
    barrier();
    if (i < GROUPS) {
        uint larger = few_larger[i];
        if (larger == 0)
            select_best = key;
        if (larger < k)
            atomicMin(select_floor, key);
    }
    few_clear();
    barrier();
}

/* The first item with the largest key. */
uint first_best() {
    if (best_key == select_best)
        atomicMin(select_first, best_item);
    barrier();
    return select_first;
}

/* ---- masses ---- */

/* Masses are integers, so that their sums are exact in any order: 1 is 2^44, and 2^17 ids cannot
 * overflow. */
const uint64_t MASS_ONE = 1ul << 44;
float mass_largest = 0, mass_temp = 1;

/* Not by a conversion from float to 64 bits, which is 2^32 off now and then on some drivers. */
uint64_t mass_of(uint key) {
    uint bits = floatBitsToUint(expf(divide(of_order(key) - mass_largest, mass_temp)));
    int shift = int(bits >> 23) - 106;
    uint64_t digits = bits & 0x7fffff | 0x800000;
    return shift >= 0 ? digits << shift : digits >> min(-shift, 63);
}

/* ---- the cut ---- */

#ifndef SELECT_BITS
#define SELECT_BITS 11 /* of a key that are found at a time: a bin or more for each thread */
#endif
const uint BINS = 1 << SELECT_BITS;
shared uint bins[2 * BINS]; /* lower halves of sums, then the upper ones */
shared uint cut_digit;
shared uint64_t cut_above;

void bin_add(uint bin, uint64_t x) {
    uint low = uint(x), before = atomicAdd(bins[bin], low);
    uint high = uint(x >> 32) + uint(before + low < before);
    if (high != 0)
        atomicAdd(bins[BINS + bin], high);
}

uint64_t bin_sum(uint bin) {
    return uint64_t(bins[BINS + bin]) << 32 | bins[bin];
}

/* Adds the items whose key is at least `from` and begins with `prefix` to the bins of their next
 * `width` bits, which end at `shift`. */
void fill_bins(bool by_mass, uint from, uint prefix, uint shift, uint width) {
    barrier();
    for (uint bin = gl_LocalInvocationIndex; bin < BINS; bin += THREADS)
        bins[bin] = bins[BINS + bin] = 0;
    barrier();
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        if (key >= from && (shift + width == 32 || key >> (shift + width) == prefix))
            bin_add(key >> shift & ((1u << width) - 1), by_mass ? mass_of(key) : 1ul);
    }
    barrier();
}

/* Finds the bin at which the sum from the last bin down, added to cut_above, reaches target. */
void find_bin(uint64_t target) {
    const uint each = BINS / THREADS;
    uint end = BINS - gl_LocalInvocationIndex * each;
    uint64_t mine = 0, all, before = cut_above;
    for (uint i = 1; i <= each; i++)
        mine += bin_sum(end - i);
    before += scan(mine, all); /* now every thread has read cut_above */
    if (before >= target || before + mine < target)
        return;
    uint bin = end - 1;
    for (; before + bin_sum(bin) < target; bin--)
        before += bin_sum(bin);
    cut_digit = bin;
    cut_above = before;
}

/* The key at which the summed mass of items with keys of at least `from`, from the largest down,
 * reaches target, which it does; `above` is the mass of all larger ones. by_mass false: each item
 * counts 1. SELECT_BITS bits of the key are found at a time. */
uint find_cut(bool by_mass, uint from, uint64_t target, out uint64_t above) {
    uint cut = 0, shift = 32;
    barrier(); /* the last call's result has been read */
    cut_above = 0;
    while (shift > 0) {
        uint width = min(SELECT_BITS, shift);
        shift -= width;
        fill_bins(by_mass, from, cut, shift, width);
        find_bin(target);
        barrier();
        cut = cut << width | cut_digit;
    }
    above = cut_above;
    return cut;
}

#endif
