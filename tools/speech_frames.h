/* speech_frames: the part of speech that makes frames of codes, once their text rows are here. */
#ifndef TOOLS_SPEECH_FRAMES_H
#define TOOLS_SPEECH_FRAMES_H

#include "tools/speech.h"

/* True if all of the user's rows are here. */
bool speech_heard_all(const struct speech *s);
/* Does all that the rows which are here allow, and sends the frames. */
int speech_speak(struct speech *s, struct err *e);
/* There will be no further frame in this turn. */
void speech_end(struct speech *s, const char *reason);

#endif
