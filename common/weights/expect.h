/* expect: the names and shapes of all tensors that a checkpoint of a given config holds, component
 * by component. Whoever checks or converts a checkpoint walks this list. */
#ifndef WEIGHTS_EXPECT_H
#define WEIGHTS_EXPECT_H

#include "common/weights/config.h"

enum expect_component {
    EXPECT_THINKER,
    EXPECT_AUDIO,
    EXPECT_VISION,
    EXPECT_TALKER,
    EXPECT_CODEPRED,
    EXPECT_CODE2WAV,
    EXPECT_COMPONENTS
};

enum { EXPECT_MAX_RANK = 5, EXPECT_MAX_NAME = 128 };

/* "thinker", "audio", ... */
const char *expect_name(enum expect_component which);

/* True if the config describes the component. */
bool expect_configured(const struct config *c, enum expect_component which);

/* Calls each() for every tensor of the component; shape ends with a 0. Nothing is called for a
 * component that is not configured. */
void expect_tensors(const struct config *c, enum expect_component which,
                    void (*each)(void *ctx, const char *name, const size_t *shape), void *ctx);

#endif
