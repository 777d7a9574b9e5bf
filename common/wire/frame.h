/* frame: one message of a stream, see omni-stream(5).
 *
 * On the wire: msgpack array of three: 0x93, head length (0xce + 4 bytes), head (map), payload
 * (0xc6 + 4 bytes of length + bytes). Fixed widths let us read the payload straight into place. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "common/base/err.h"
#include "common/wire/tensor.h"

#include <msgpack.h>

enum { FRAME_MAX_HEAD = 64 << 10, FRAME_MAX_PAYLOAD = 1 << 30, FRAME_MAX_NAME = 128 };

enum frame_kind {
    FRAME_BEGIN,
    FRAME_TURN,
    FRAME_MESSAGE,
    FRAME_TENSOR,
    FRAME_TEXT,
    FRAME_NOTE,
    FRAME_DONE,
    FRAME_ERROR,
    FRAME_END,
    FRAME_OTHER /* from a newer omni; forwarded unchanged */
};

struct frame {
    enum frame_kind kind;
    int64_t turn;              /* -1: belongs to no turn */
    char name[FRAME_MAX_NAME]; /* tensor frames */
    int64_t seq;               /* tensor frames: counts per name and turn */
    struct tensor tensor;      /* tensor frames: view of the payload */
    unsigned char *payload;    /* 16-byte aligned, a zero byte follows it */
    size_t payload_len;
    unsigned char *head; /* as it came */
    size_t head_len;
    msgpack_unpacked map; /* parsed head */
};

/* Reads one frame from fd. *f is NULL at a clean end of file. 74 read error; 76 not a frame, cut
 * short, or over the limits; 65 a tensor whose shape, dtype and payload disagree. */
int frame_read(int fd, struct frame **f, struct err *e);
void frame_free(struct frame *f);

/* Value of a head key; false if it is absent or of another type. Reals accept integers. */
bool frame_int(const struct frame *f, const char *key, int64_t *value);
bool frame_real(const struct frame *f, const char *key, double *value);
bool frame_bool(const struct frame *f, const char *key, bool *value);
/* At most size - 1 bytes are copied and the string is always terminated; false if longer. */
bool frame_string(const struct frame *f, const char *key, char *value, size_t size);
/* Any value, e.g. the `thinker` map of a turn; NULL if absent. Lives as long as the frame. */
const msgpack_object *frame_get(const struct frame *f, const char *key);
/* The same inside a map; NULL if map is NULL or no map. */
const msgpack_object *frame_map_get(const msgpack_object *map, const char *key);
bool frame_map_int(const msgpack_object *map, const char *key, int64_t *value);
bool frame_map_real(const msgpack_object *map, const char *key, double *value);

/* ---- writing: a head is built key by key, then written with its payload ---- */

struct frame_head {
    msgpack_sbuffer buf;
    msgpack_packer pk;
    unsigned n;    /* keys so far */
    size_t nested; /* pairs that a nested map still lacks */
};

void frame_head_init(struct frame_head *h, const char *kind);
void frame_head_int(struct frame_head *h, const char *key, int64_t value);
void frame_head_real(struct frame_head *h, const char *key, double value);
void frame_head_bool(struct frame_head *h, const char *key, bool value);
void frame_head_string(struct frame_head *h, const char *key, const char *value);
void frame_head_object(struct frame_head *h, const char *key, const msgpack_object *value);
/* Starts a nested map: the next n pairs are its. */
void frame_head_map(struct frame_head *h, const char *key, size_t n);
void frame_head_shape(struct frame_head *h, const char *key, const struct tensor *t);
/* A map without its `kind`, for `via`. */
void frame_head_via(struct frame_head *h, const struct frame *upstream);
void frame_head_free(struct frame_head *h);

/* Writes head and payload as one frame and empties h. 141 if the reader is gone, 74 otherwise. */
int frame_write(int fd, struct frame_head *h, const void *payload, size_t n, struct err *e);
/* Writes f as it came. */
int frame_copy(int fd, const struct frame *f, struct err *e);

#endif
