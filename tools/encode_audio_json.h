/* encode_audio_json: the sound files that chat messages in JSON name. */
#ifndef TOOLS_ENCODE_AUDIO_JSON_H
#define TOOLS_ENCODE_AUDIO_JSON_H

#include "common/base/err.h"

#include <stddef.h>

/* File names in the order of the parts. Sound that a message holds itself (base64) is put into a
 * memory file, whose name is in /proc. */
struct audio_parts {
    char **paths;
    int *fds; /* of memory files, else -1 */
    size_t n;
};

/* line: one message {role, content}, a list of them, or {"messages": [...]}. A part of a message's
 * content is sound if it is {"type": "input_audio", "input_audio": {"path": NAME} or {"data":
 * BASE64}} (OpenAI's chat format, and a path besides) or {"type": "audio", "audio": NAME} (Qwen's).
 * 65: not such JSON. Free with audio_parts_free, also after failure. */
int audio_parts_read(struct audio_parts *parts, const char *line, size_t n, struct err *e);
void audio_parts_free(struct audio_parts *parts);

#endif
