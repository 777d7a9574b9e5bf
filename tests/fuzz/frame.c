/* Fuzz target: a stream of frames from arbitrary bytes, as a stage or omni-inspect reads it. */
#include "common/wire/frame.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stages ask a frame. */
static void look_at(const struct frame *f) {
    int64_t i;
    double r;
    bool b;
    char text[16];
    frame_int(f, "turn", &i);
    frame_real(f, "temp", &r);
    frame_bool(f, "continue", &b);
    frame_string(f, "voice", text, sizeof text);
    frame_map_real(frame_get(f, "talker"), "temp", &r);
    uint8_t sum = 0;
    for (size_t k = 0; f->kind == FRAME_TENSOR && k < tensor_bytes(&f->tensor); k++)
        sum ^= ((const uint8_t *)f->tensor.data)[k];
    __asm__ volatile("" : : "r"(sum)); /* the bytes are really read */
}

/* What was read is written as it came. */
static void write_again(const struct frame *f, int fd) {
    struct err e = {.code = 0};
    if (frame_copy(fd, f, &e))
        __builtin_trap();
    struct frame_head h;
    frame_head_init(&h, "done");
    frame_head_via(&h, f);
    e.code = 0;
    frame_write(fd, &h, NULL, 0, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int in = memfd_create("in", 0), out = memfd_create("out", 0);
    if (in < 0 || out < 0 || write(in, data, size) != (ssize_t)size)
        __builtin_trap();
    lseek(in, 0, SEEK_SET);
    struct err e = {.code = 0};
    struct frame *f;
    while (frame_read(in, &f, &e) == 0 && f) {
        look_at(f);
        write_again(f, out);
        frame_free(f);
    }
    close(in);
    close(out);
    return 0;
}
