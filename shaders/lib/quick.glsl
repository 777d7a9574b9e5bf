/* quick: a draw from few items, as it is with top-k: they are gathered in any order, and each is
 * compared with all others, by several threads: thread i + SLOTS p looks at the p-th part of the
 * others for item i. The result is that of draw() in sample.comp. */
#ifndef SHADERS_QUICK
#define SHADERS_QUICK

const uint QUICK = 256; /* items at most */
const uint QUICK_AT_ONCE = 4; /* so many others are asked for together */
#ifndef QUICK_ROOM
#define QUICK_ROOM QUICK
#endif
shared uvec2 quick[QUICK_ROOM]; /* key, item */
shared uint64_t quick_mass[QUICK_ROOM], quick_kept[QUICK_ROOM];
shared uint quick_larger[THREADS];
shared uint quick_count;

/* Gathers the items whose key is at least `least`. False if they are too many. */
bool quick_gather(uint least) {
    if (gl_LocalInvocationIndex == 0)
        quick_count = 0;
    barrier();
    [[unroll]] for (uint i = 0; i < own_count(); i++) {
        uint key = own_key_at(i);
        if (!own_exists(i) || key < max(least, KEY_LOWEST))
            continue;
        uint to = atomicAdd(quick_count, 1);
        if (to < QUICK)
            quick[to] = uvec2(key, own_first + i);
    }
    barrier();
    return quick_count <= QUICK;
}

bool is_before(uvec2 other, uvec2 mine) {
    return other.x > mine.x || other.x == mine.x && other.y < mine.y;
}

/* Of thread `thread`: its item, its part of the others, and how many parts there are. What threads
 * of further parts find is not looked at. */
struct quick_share {
    uint i, part, parts, slots;
    bool exists; /* the item */
    uvec2 mine;
};

quick_share quick_split() {
    quick_share s;
    s.slots = max((quick_count + 31) / 32, 1) * 32;
    s.parts = THREADS / s.slots;
    s.i = gl_LocalInvocationIndex % s.slots;
    s.part = gl_LocalInvocationIndex / s.slots;
    s.exists = s.i < quick_count;
    s.mine = quick[s.i];
    return s;
}

/* The sum of x over an item's threads, in all of them. */
uint64_t quick_sum(quick_share s, uint64_t x) {
    uint64_t sum = 0;
    barrier();
    select_thread[gl_LocalInvocationIndex] = x;
    barrier();
    for (uint p = 0; p < s.parts; p++)
        sum += select_thread[p * s.slots + s.i];
    return sum;
}

/* Masses of the top k into quick_kept. Returns the mass of all items before this thread's. */
uint64_t quick_top_k(quick_share s, uint k) {
    uint64_t mass = 0, before = 0;
    uint larger = 0;
    if (s.part == 0 && s.exists)
        quick_mass[s.i] = mass_of(s.mine.x);
    barrier();
    for (uint first = s.part; first < quick_count; first += QUICK_AT_ONCE * s.parts)
        [[unroll]] for (uint n = 0; n < QUICK_AT_ONCE; n++) {
            uint j = min(first + n * s.parts, quick_count - 1);
            bool counts = first + n * s.parts < quick_count;
            larger += uint(counts && quick[j].x > s.mine.x);
            before += counts && is_before(quick[j], s.mine) ? quick_mass[j] : 0ul;
        }
    quick_larger[gl_LocalInvocationIndex] = larger;
    before = quick_sum(s, before);
    larger = 0;
    for (uint p = 0; p < s.parts; p++)
        larger += quick_larger[p * s.slots + s.i];
    if (s.part == 0 && s.exists)
        quick_kept[s.i] = larger < k ? quick_mass[s.i] : 0ul;
    barrier();
    return before;
}

/* Of these the smallest set that holds top_p. */
void quick_top_p(quick_share s, uint64_t before, float top_p) {
    uint64_t total = 0;
    for (uint first = s.part; first < quick_count; first += QUICK_AT_ONCE * s.parts)
        [[unroll]] for (uint n = 0; n < QUICK_AT_ONCE; n++) {
            uint j = min(first + n * s.parts, quick_count - 1);
            total += first + n * s.parts < quick_count ? quick_kept[j] : 0ul;
        }
    total = quick_sum(s, total);
    if (s.part == 0 && s.exists && before >= target_of(total, top_p))
        quick_kept[s.i] = 0;
    barrier();
}

/* The item drawn, in one thread; NONE in the others. */
uint quick_draw(uint k, float top_p, uint random) {
    quick_share s = quick_split();
    uint64_t total = 0, below = 0, before = quick_top_k(s, k);
    if (top_p < 1)
        quick_top_p(s, before, top_p);
    for (uint first = s.part; first < quick_count; first += QUICK_AT_ONCE * s.parts)
        [[unroll]] for (uint n = 0; n < QUICK_AT_ONCE; n++) {
            uint j = min(first + n * s.parts, quick_count - 1);
            uint64_t kept = first + n * s.parts < quick_count ? quick_kept[j] : 0ul;
            total += kept;
            below += quick[j].y < s.mine.y ? kept : 0ul;
        }
    total = quick_sum(s, total);
    below = quick_sum(s, below);
    if (s.part != 0 || !s.exists)
        return NONE;
    uint64_t end = portion(total, uint64_t(random), false);
    return below <= end && end < below + quick_kept[s.i] ? s.mine.y : NONE;
}

#endif
