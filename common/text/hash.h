/* hash: of short byte strings, for tables in memory (never stored). */
#ifndef TEXT_HASH_H
#define TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Spreads the bits of x over the whole word (the finaliser of splitmix64). */
static inline uint64_t text_hash_mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Eight bytes at a time; the length goes in, so that zero bytes at the end count. */
static inline uint64_t text_hash(const char *s, size_t n) {
    uint64_t h = n * 0x9e3779b97f4a7c15u, word;
    for (; n >= sizeof word; s += sizeof word, n -= sizeof word) {
        memcpy(&word, s, sizeof word);
        h = (h ^ word) * 0x9fb21c651e98df25u;
        h ^= h >> 32;
    }
    word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)s[i] << 8 * i;
    return text_hash_mix(h ^ word);
}

#endif
