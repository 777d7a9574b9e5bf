#include "common/wire/msgpack_fit.h"

#include <stdint.h>

/* What the first byte of an object says (msgpack specification, "Formats"). */
struct format {
    size_t length_bytes; /* of the count or length that follows */
    size_t fixed;        /* bytes after that, besides a counted body */
    size_t per_count;    /* body bytes each count stands for */
    size_t children;     /* objects each count stands for */
    size_t count;        /* if there are no length bytes */
};

static struct format format_of(unsigned char b) {
    if (b <= 0x7f || b >= 0xe0) /* small integers */
        return (struct format){0};
    if (b <= 0x8f)
        return (struct format){.children = 2, .count = b & 0x0f};
    if (b <= 0x9f)
        return (struct format){.children = 1, .count = b & 0x0f};
    if (b <= 0xbf)
        return (struct format){.per_count = 1, .count = b & 0x1f};
    if (b <= 0xc3) /* nil, false, true */
        return (struct format){0};
    if (b <= 0xc6) /* bin */
        return (struct format){.length_bytes = (size_t)1 << (b - 0xc4), .per_count = 1};
    if (b <= 0xc9) /* ext: a type byte besides */
        return (struct format){.length_bytes = (size_t)1 << (b - 0xc7), .fixed = 1, .per_count = 1};
    if (b <= 0xcb) /* float */
        return (struct format){.fixed = (size_t)4 << (b - 0xca)};
    if (b <= 0xd3) /* integers, unsigned then signed */
        return (struct format){.fixed = (size_t)1 << ((b - 0xcc) & 3)};
    if (b <= 0xd8) /* fixext */
        return (struct format){.fixed = 1 + ((size_t)1 << (b - 0xd4))};
    if (b <= 0xdb) /* str */
        return (struct format){.length_bytes = (size_t)1 << (b - 0xd9), .per_count = 1};
    return (struct format){.length_bytes = b & 1 ? 4 : 2, .children = b <= 0xdd ? 1 : 2};
}

/* Every object takes a byte at least, so objects still to come never outnumber the bytes left. */
bool msgpack_fit(const unsigned char *p, size_t n) {
    size_t objects = 1;
    for (; objects > 0 && objects <= n; objects--) {
        struct format f = format_of(*p++);
        n--;
        if (f.length_bytes > n)
            return false;
        for (size_t i = 0; i < f.length_bytes; i++)
            f.count = f.count << 8 | *p++;
        n -= f.length_bytes;
        uint64_t body = f.fixed + (uint64_t)f.count * f.per_count;
        uint64_t children = (uint64_t)f.count * f.children;
        if (body > n || children > n - body)
            return false;
        p += body;
        n -= body;
        objects += children;
    }
    return objects == 0 && n == 0;
}
