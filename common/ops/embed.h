/* embed: rows of a table by id, for op_embed() and op_embed_add(). Private to this room. */
#ifndef OPS_EMBED_H
#define OPS_EMBED_H

#include "common/ops/ops.h"

/* dst[t] = table[ids[t]], or += if add; a negative id stands for a row of zeros. */
void embed_rows(struct run *run, const struct tensor *dst, const struct tensor *table,
                const struct tensor *ids, bool add);

#endif
