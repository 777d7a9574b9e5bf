#include "tools/begin.h"

#include "common/base/die.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct size {
    const char *name;
    int64_t value;
};

enum { N_SIZES = 4 };

static void sizes_of(const struct config *c, struct size sizes[N_SIZES]) {
    sizes[0] = (struct size){"D", (int64_t)c->thinker.hidden};
    sizes[1] = (struct size){"Dt", (int64_t)c->talker.text.hidden};
    sizes[2] = (struct size){"G", (int64_t)c->code2wav.n_groups};
    sizes[3] = (struct size){"codebook", (int64_t)c->code2wav.codebook};
}

static void hash_text(const struct config *c, char text[17]) {
    snprintf(text, 17, "%016" PRIx64, c->hash);
}

static void describe_model(struct frame_head *h, const struct config *c) {
    char hash[17];
    hash_text(c, hash);
    frame_head_string(h, "model", c->model);
    if (!c->assumed)
        frame_head_string(h, "hash", hash);
    struct size sizes[N_SIZES];
    sizes_of(c, sizes);
    frame_head_map(h, "sizes", N_SIZES);
    for (size_t i = 0; i < N_SIZES; i++)
        frame_head_int(h, sizes[i].name, sizes[i].value);
    if (!c->code2wav.factor)
        return;
    frame_head_map(h, "rates", 2);
    frame_head_real(h, "frames", (double)c->code2wav.sample_rate / (double)c->code2wav.factor);
    frame_head_int(h, "samples", (int64_t)c->code2wav.sample_rate);
}

void begin_head(struct frame_head *h, const char *producer, const struct config *c) {
    frame_head_init(h, "begin");
    frame_head_int(h, "omni", 1);
    frame_head_string(h, "producer", producer);
    frame_head_string(h, "version", OMNI_VERSION);
    if (c)
        describe_model(h, c);
}

static int check_sizes(const struct frame *f, const struct config *c, struct err *e) {
    struct size sizes[N_SIZES];
    sizes_of(c, sizes);
    for (size_t i = 0; i < N_SIZES; i++) {
        int64_t size;
        if (frame_map_int(frame_get(f, "sizes"), sizes[i].name, &size) && size && sizes[i].value &&
            size != sizes[i].value)
            return err_set(e, ERR_DATA, "the stream's model has %s = %" PRId64 ", ours %" PRId64,
                           sizes[i].name, size, sizes[i].value);
    }
    return 0;
}

int begin_check(const struct frame *f, const struct config *c, struct err *e) {
    int64_t version;
    char theirs[17], ours[17];
    if (f->kind != FRAME_BEGIN || !frame_int(f, "omni", &version) || version != 1)
        return err_set(e, ERR_PROTOCOL, "stream does not start with a begin frame of version 1");
    if (!c || c->assumed || !frame_string(f, "hash", theirs, sizeof theirs))
        return 0;
    if (check_sizes(f, c, e))
        return e->code;
    hash_text(c, ours);
    if (strcmp(theirs, ours) != 0)
        die_warn("the stream was made with another model (config %s, ours %s)", theirs, ours);
    return 0;
}
