/* gguf_names: what a tensor of the checkpoint is called in a GGUF file, and the other way round.
 *
 * Thinker and audio encoder have llama.cpp's names (gguf-py's constants.py and tensor_mapping.py),
 * the code predictor and code2wav those of its Qwen3-TTS (conversion/qwen3tts.py) where the
 * contents are the same; the others are omni's own. Experts and codebooks, one by one in a
 * checkpoint, are one tensor there with a dimension more. */
#ifndef WEIGHTS_GGUF_NAMES_H
#define WEIGHTS_GGUF_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum { GGUF_NAME_MAX = 128 };

/* Name in a checkpoint of the GGUF's tensor: exact, or with '*' in the place of the stacked number.
 * n_blocks: blocks of code2wav's decoder (their number is in the names of what follows them).
 * False: a tensor omni has no use for. */
bool gguf_name_read(char checkpoint[GGUF_NAME_MAX], const char *gguf, size_t n_blocks);

/* Name in a GGUF file of the checkpoint's tensor; *stacked: it is slice *slice of that. False: such
 * a tensor does not go into GGUF files (the vision encoder's). */
bool gguf_name_write(char gguf[GGUF_NAME_MAX], const char *checkpoint, size_t n_blocks,
                     bool *stacked, size_t *slice);

#endif
