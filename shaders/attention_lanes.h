/* attention_lanes: attention_split for one new row without a window, by teams of lanes that tell
 * each other sums without memory between them. The arguments are those of attention_split, and so
 * is what it leaves in `found`.
 *
 * A team of LANES has a key at a time, all of its numbers and those of QUERIES queries in
 * registers. The workgroup meets once, at the end; more than once only where several share the
 * keys. On one H100 a dependent dispatch takes 2.1 us, what is waited for is (1) the row and `at`,
 * 0.6 us from the cache, (2) keys and values, 0.8 us from memory, unless AHEAD, (3) the meeting,
 * (4) if the keys are shared, handing in and being the last, three times 0.6 us. */
#ifndef SHADERS_ATTENTION_LANES_H
#define SHADERS_ATTENTION_LANES_H

#include "shaders/attention_split.h"

/* Constants: 0: head_dim; 1: k and v are bf16; 2: LANES, a power of two, 8 times which divides
 * head_dim; 3: norms are bf16; 4: queries of a workgroup, at least 2; 5: keys of a tile, a multiple
 * of the teams; 6: threads of a subgroup, a multiple of LANES; 7: threads, a multiple of that; 8:
 * the first tile is asked for at once. All addresses are multiples of 16. Groups: (tiles of
 * queries, kv heads, splits). */

#endif
