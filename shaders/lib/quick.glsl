/* quick: a draw from few items, as it is with top-k: they are gathered in any order, and each
 * thread compares one with all others. The result is that of draw() in sample.comp. */
#ifndef SHADERS_QUICK
#define SHADERS_QUICK

const uint QUICK = 256; /* items at most */
shared uvec2 quick[QUICK]; /* key, item */
shared uint64_t quick_mass[QUICK], quick_kept[QUICK];
shared uint quick_count;

/* Gathers the items whose key is at least `least`. False if they are too many. */
bool quick_gather(uint least) {
    barrier();
    if (gl_LocalInvocationIndex == 0)
        quick_count = 0;
    barrier();
    for (uint item = own_first; item < own_end; item++) {
        uint key = key_at(item);
        if (key < max(least, KEY_LOWEST))
            continue;
        uint to = atomicAdd(quick_count, 1);
        if (to < QUICK)
            quick[to] = uvec2(key, item);
    }
    barrier();
    return quick_count <= QUICK;
}

bool is_before(uvec2 other, uvec2 mine) {
    return other.x > mine.x || other.x == mine.x && other.y < mine.y;
}

/* Masses of the top k into quick_kept, of which this thread's item is one unless that is zero.
 * Returns the mass of all items before it. */
uint64_t quick_top_k(uvec2 mine, bool exists, uint k) {
    uint i = gl_LocalInvocationIndex, larger = 0;
    uint64_t before = 0;
    if (exists)
        quick_mass[i] = mass_of(mine.x);
    barrier();
    for (uint j = 0; j < quick_count && exists; j++) {
        larger += uint(quick[j].x > mine.x);
        before += is_before(quick[j], mine) ? quick_mass[j] : 0ul;
    }
    if (exists)
        quick_kept[i] = larger < k ? quick_mass[i] : 0ul;
    barrier();
    return before;
}

/* Of these the smallest set that holds top_p. */
void quick_top_p(bool exists, uint64_t before, float top_p) {
    uint64_t total = 0;
    for (uint j = 0; j < quick_count && exists; j++)
        total += quick_kept[j];
    bool kept = before < target_of(total, top_p);
    barrier();
    if (exists && !kept)
        quick_kept[gl_LocalInvocationIndex] = 0;
    barrier();
}

/* The item drawn, in one thread; NONE in the others. */
uint quick_draw(uint k, float top_p, uint random) {
    uint i = gl_LocalInvocationIndex;
    bool exists = i < quick_count;
    uvec2 mine = exists ? quick[i] : uvec2(0);
    uint64_t total = 0, below = 0, before = quick_top_k(mine, exists, k);
    if (top_p < 1)
        quick_top_p(exists, before, top_p);
    if (!exists)
        return NONE;
    for (uint j = 0; j < quick_count; j++) {
        total += quick_kept[j];
        below += quick[j].y < mine.y ? quick_kept[j] : 0ul;
    }
    uint64_t end = portion(total, uint64_t(random), false);
    return below <= end && end < below + quick_kept[i] ? mine.y : NONE;
}

#endif
