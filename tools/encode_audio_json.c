#include "tools/encode_audio_json.h"

#include "common/base/arena.h"
#include "common/text/chat.h"
#include "common/wire/io.h"

#include <errno.h>
#include <jansson.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void add(struct audio_parts *parts, const char *path, int fd) {
    size_t n = parts->n + 1;
    parts->paths = arena_xrealloc(parts->paths, n, sizeof *parts->paths);
    parts->fds = arena_xrealloc(parts->fds, n, sizeof *parts->fds);
    parts->paths[parts->n] = arena_xstrdup(path);
    parts->fds[parts->n] = fd;
    parts->n = n;
}

static int decode(uint8_t *dst, size_t *n, const char *text, size_t length, struct err *e) {
    struct base64_decode_ctx ctx;
    base64_decode_init(&ctx);
    if (!base64_decode_update(&ctx, n, dst, length, text) || !base64_decode_final(&ctx))
        return err_set(e, ERR_DATA, "sound in a message is not base64");
    return 0;
}

/* Sound in the message itself becomes a file that has no place on any disk. */
static int add_data(struct audio_parts *parts, const char *text, size_t length, struct err *e) {
    size_t n = BASE64_DECODE_LENGTH(length);
    uint8_t *bytes = arena_xrealloc(NULL, n, 1);
    int fd = memfd_create("input_audio", MFD_CLOEXEC);
    if (fd < 0)
        err_set(e, ERR_CANTCREAT, "cannot create a memory file: %s", strerror(errno));
    else if (decode(bytes, &n, text, length, e) == 0 && io_write(fd, bytes, n, e) == 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        add(parts, path, fd);
        fd = -1;
    }
    if (fd >= 0)
        close(fd);
    free(bytes);
    return e->code;
}

static int add_part(struct audio_parts *parts, json_t *part, struct err *e) {
    const char *type = json_string_value(json_object_get(part, "type"));
    if (!type || (strcmp(type, "input_audio") != 0 && strcmp(type, "audio") != 0))
        return 0; /* other parts are the tokenizer's to judge */
    json_t *sound = json_object_get(part, type);
    json_t *path = json_is_object(sound) ? json_object_get(sound, "path") : sound;
    json_t *data = json_object_get(sound, "data");
    if (json_is_string(path)) {
        add(parts, json_string_value(path), -1);
        return 0;
    }
    if (!json_is_string(data))
        return err_set(e, ERR_DATA, "a part of type '%s' has neither path nor data", type);
    return add_data(parts, json_string_value(data), json_string_length(data), e);
}

static int add_message(struct audio_parts *parts, json_t *message, struct err *e) {
    json_t *content = json_object_get(message, "content"), *part;
    size_t i;
    json_array_foreach(content, i, part) {
        if (add_part(parts, part, e))
            return e->code;
    }
    return 0;
}

int audio_parts_read(struct audio_parts *parts, const char *line, size_t n, struct err *e) {
    bool whole;
    size_t i;
    json_t *list = text_chat_messages(line, n, &whole, e), *message;
    *parts = (struct audio_parts){0};
    json_array_foreach(list, i, message) {
        if (add_message(parts, message, e))
            break;
    }
    json_decref(list);
    return e->code;
}

void audio_parts_free(struct audio_parts *parts) {
    for (size_t i = 0; i < parts->n; i++) {
        free(parts->paths[i]);
        if (parts->fds[i] >= 0)
            close(parts->fds[i]);
    }
    free(parts->paths);
    free(parts->fds);
    *parts = (struct audio_parts){0};
}
