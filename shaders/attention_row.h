/* attention_row: attention_split for one new row without a window. The arguments are those of
 * attention_split; what it leaves in `found`, for ATTENTION_ROW_QUERIES queries, is as large.
 *
 * Once a token and layer there is so little to do that nothing but waiting and the fetching of code
 * takes time: so all that can be asked for is asked for at once, each thread works on what it has
 * loaded itself, and the code is short, which a GPU fetches anew in each layer. What is waited for:
 * the start of a dependent dispatch; (1) row, keys and values; five meetings in shared memory; and
 * if several workgroups share the keys (2) handing in, (3) being the last, (4) what the others
 * found. */
#ifndef SHADERS_ATTENTION_ROW_H
#define SHADERS_ATTENTION_ROW_H

#include "shaders/attention_split.h"

#define ATTENTION_ROW_QUERIES 4
#define ATTENTION_ROW_SHARED  (22 << 10) /* bytes of shared memory, at most */
#define ATTENTION_ROW_GROUPS  128        /* that share the keys, about: more wait more than work */

/* Constants as of attention_split, with FRESH and so many queries; head_dim is 32, 64 or 128, keys
 * a multiple of the teams, see there, and of 16; 8: heads that share a kv head. All addresses are
 * multiples of 16. Groups: (tiles of queries, kv heads, splits). */

#endif
