/* encode_audio_turn: the turns that omni-encode-audio writes: turn, audio_embeds for each clip,
 * done; or an error that takes the turn but not the stream. */
#ifndef TOOLS_ENCODE_AUDIO_TURN_H
#define TOOLS_ENCODE_AUDIO_TURN_H

#include "tools/encode_audio.h"
#include "tools/stage.h"

struct audio_turns {
    struct stage *stage;
    struct encoder *encoder;
    size_t rows;                                /* audio_embeds rows sent in this turn */
    double start, seconds_mel, seconds_encoder; /* clock, and time spent in this turn */
};

/* One turn with the clips of these files. */
void audio_turns_files(struct audio_turns *t, const char *const *paths, size_t n);
/* The same from a line of file names between blanks, quoted as in a shell. */
void audio_turns_names(struct audio_turns *t, const char *line, size_t n);
/* From a line of chat messages: the clips they name, then the line itself as a message frame. */
void audio_turns_message(struct audio_turns *t, const char *line, size_t n);

#endif
