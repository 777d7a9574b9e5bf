/* gguf_config: what config.json of a model says, from the metadata of its GGUF files. */
#ifndef WEIGHTS_GGUF_CONFIG_H
#define WEIGHTS_GGUF_CONFIG_H

#include "common/weights/gguf_set.h"

/* The keys under which omni-quantize keeps the two files, byte by byte. */
#define GGUF_KEY_CONFIG     "omni.config"
#define GGUF_KEY_GENERATION "omni.generation_config"

/* *json, for the caller to free, is config.json as the files have it, or, if they were not made by
 * omni-quantize (*assumed): the sizes that llama.cpp keeps, and for all it does not keep, the
 * released model's values. 78: no Qwen3-Omni. */
int gguf_config(const struct gguf_set *s, char **json, size_t *size, bool *assumed, struct err *e);

#endif
