/* msgpack_fit: a check before unpacking. msgpack-c makes room for as many elements as an array's
 * header promises, so five hostile bytes could ask for gigabytes. */
#ifndef WIRE_MSGPACK_FIT_H
#define WIRE_MSGPACK_FIT_H

#include <stdbool.h>
#include <stddef.h>

/* True if p[0..n) is one msgpack object whose elements are all there. */
bool msgpack_fit(const unsigned char *p, size_t n);

#endif
