/* select: what sample and sample_narrow do with scores. A workgroup of SELECT_THREADS has items of
 * ascending ids; each thread owns the run of them from own_first to own_end, one after another in
 * the order of threads. Before it is included: sampler.glsl, `float score_at(uint item)`, never NaN,
 * and the uint constant OWN: items of a thread at most, whose keys are then kept in registers; 0: not
 * known. */
#ifndef SHADERS_SELECT
#define SHADERS_SELECT

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/math.glsl"
#include "shaders/lib/order.glsl"

uint own_first, own_end;

/* The run of this thread when items first .. first + n - 1 are shared by `threads`, of which it is
 * number `thread`. */
void own(uint first, uint n, uint thread, uint threads) {
    uint each = (n + threads - 1) / threads;
    own_first = first + min(n, thread * each);
    own_end = first + min(n, thread * each + each);
}

uint key_at(uint item) {
    return order(score_at(item));
}

uint own_key[OWN > 0 ? OWN : 1];

/* The keys of the thread's items, whose logits are asked for all at once; `last` is the last item
 * of all. */
void own_load(sampling s, uint64_t logits, uint64_t seen, uint last) {
    float l[OWN > 0 ? OWN : 1];
    int again[OWN > 0 ? OWN : 1];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        l[i] = floats(logits).at[min(own_first + i, last)];
        again[i] = 0;
    }
    if (seen != 0)
        [[unroll]] for (uint i = 0; i < OWN; i++)
            again[i] = ints(seen).at[min(own_first + i, last)];
    [[unroll]] for (uint i = 0; i < OWN; i++)
        own_key[i] = order(penalise(s, l[i], again[i] != 0, min(own_first + i, last)));
}

/* Item i of the thread is own_first + i, if it exists, for i < own_count(). */
uint own_count() {
    return OWN > 0 ? OWN : own_end - own_first;
}

bool own_exists(uint i) {
    return own_first + i < own_end;
}

uint own_key_at(uint i) {
    return OWN > 0 ? own_key[i] : key_at(own_first + i);
}

/* ---- sums ---- */

/* Sums and maxima are made in three levels: a barrier costs more than a few additions. */
const uint THREADS = SELECT_THREADS, GROUPS = THREADS / 4, PARTS = GROUPS / 8;
shared uint64_t select_thread[THREADS], select_group[GROUPS], select_part[PARTS];

/* The sum of x over all threads before this one, and over all. */
uint64_t scan(uint64_t x, out uint64_t total) {
    uint i = gl_LocalInvocationIndex;
    uint64_t sum = 0, before = 0;
    barrier(); /* the last call's results have been read */
    select_thread[i] = x;
    barrier();
    for (uint j = 4 * i; j < 4 * i + 4 && i < GROUPS; j++)
        sum += select_thread[j];
    if (i < GROUPS)
        select_group[i] = sum;
    barrier();
    sum = 0;
    for (uint j = 8 * i; j < 8 * i + 8 && i < PARTS; j++)
        sum += select_group[j];
    if (i < PARTS)
        select_part[i] = sum;
    barrier();
    total = 0;
    for (uint j = 0; j < PARTS; j++) {
        before += j < i / 32 ? select_part[j] : 0;
        total += select_part[j];
    }
    for (uint j = i / 32 * 8; j < i / 4; j++)
        before += select_group[j];
    for (uint j = i / 4 * 4; j < i; j++)
        before += select_thread[j];
    return before;
}

/* The largest item's key in the upper half, ~item in the lower: the first of equal ones. Then
 * select_group has the same for each four threads. */
uint64_t largest() {
    uint i = gl_LocalInvocationIndex;
    uint64_t best = 0;
    [[unroll]] for (uint i = 0; i < own_count(); i++)
        if (own_exists(i))
            best = max(best, uint64_t(own_key_at(i)) << 32 | uint64_t(~(own_first + i)));
    barrier();
    select_thread[i] = best;
    barrier();
    best = 0;
    for (uint j = 4 * i; j < 4 * i + 4 && i < GROUPS; j++)
        best = max(best, select_thread[j]);
    if (i < GROUPS)
        select_group[i] = best;
    barrier();
    for (uint j = 8 * i; j < 8 * i + 8 && i < PARTS; j++)
        best = max(best, select_group[j]);
    if (i < PARTS)
        select_part[i] = best;
    barrier();
    for (uint j = 0; j < PARTS; j++)
        best = max(best, select_part[j]);
    return best;
}

shared uint select_floor;
shared uint group_key[GROUPS], group_rank[GROUPS];

/* A key that at least k <= GROUPS items reach and not many more: k groups of threads have an item
 * that does. After largest(). Four threads rank a group among all others. */
uint floor_of(uint k) {
    uint i = gl_LocalInvocationIndex, group = i / 4, rank = 0;
    if (i < GROUPS) {
        group_key[i] = uint(select_group[i] >> 32);
        group_rank[i] = 0;
    }
    barrier();
    uint mine = group_key[group];
    [[unroll]] for (uint n = 0; n < GROUPS / 4; n++) {
        uint j = 4 * n + i % 4, key = group_key[j];
        rank += uint(key > mine || key == mine && j < group);
    }
    atomicAdd(group_rank[group], rank);
    barrier();
    if (i % 4 == 0 && group_rank[group] == k - 1)
        select_floor = mine;
    barrier();
    return select_floor;
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

const uint BINS = 2048;
#ifndef bins /* they may be somebody else's room */
shared uint bins[2 * BINS]; /* lower halves of sums, then the upper ones */
#endif
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
    [[unroll]] for (uint i = 0; i < own_count(); i++) {
        uint key = own_key_at(i);
        if (own_exists(i) && key >= from && (shift + width == 32 || key >> (shift + width) == prefix))
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
 * counts 1. The bits of the key are found in three steps. */
uint find_cut(bool by_mass, uint from, uint64_t target, out uint64_t above) {
    const uint width[3] = {11, 11, 10};
    uint cut = 0, shift = 32;
    barrier(); /* the last call's result has been read */
    cut_above = 0;
    for (uint i = 0; i < 3; i++) {
        shift -= width[i];
        fill_bins(by_mass, from, cut, shift, width[i]);
        find_bin(target);
        barrier();
        cut = cut << width[i] | cut_digit;
    }
    above = cut_above;
    return cut;
}

#endif
