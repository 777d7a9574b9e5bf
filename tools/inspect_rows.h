/* inspect_rows: everything a stream says, gathered by turn and name: the rows of a tensor joined,
 * the text joined, how the turn ended. */
#ifndef TOOLS_INSPECT_ROWS_H
#define TOOLS_INSPECT_ROWS_H

#include "tools/inspect.h"

enum inspect_what { INSPECT_TENSOR, INSPECT_TEXT, INSPECT_MESSAGE, INSPECT_DONE, INSPECT_ERROR };

struct inspect_item {
    enum inspect_what what;
    int64_t turn;              /* -1: of no turn */
    char name[FRAME_MAX_NAME]; /* of a tensor; else "text", "message", "done", "error" */
    struct tensor rows;        /* a tensor: what its frames add up to */
    char *bytes;               /* the data, text or reason; a 0 byte follows */
    size_t n_bytes, room;
    struct inspect_item *same_hash;
};

enum { INSPECT_BUCKETS = 4096 };

struct inspect_rows {
    struct inspect_item **items; /* in order of first appearance */
    size_t n_items, room;
    struct inspect_item *buckets[INSPECT_BUCKETS];
};

/* Reads a stream to its end. name NULL: everything, else only tensors of that name. turn -1: all
 * turns apart; join: frames of all turns count as one, of turn -1. On failure, what came before it
 * is there. 65 when frames of one tensor do not go together. */
int inspect_rows_read(struct inspect_rows *r, const char *path, const char *name, int64_t turn,
                      bool join, struct err *e);
void inspect_rows_free(struct inspect_rows *r);

struct inspect_item *inspect_rows_find(const struct inspect_rows *r, enum inspect_what what,
                                       int64_t turn, const char *name);

#endif
