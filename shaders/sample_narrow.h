/* sample_narrow: first step of a draw from many logits. Workgroup w makes list w: those of ids
 * w * width .. (w + 1) * width - 1 that may be drawn. */
#ifndef SHADERS_SAMPLE_NARROW_H
#define SHADERS_SAMPLE_NARROW_H

#include "shaders/sample.h"

#define sample_narrow_args sample_args

#endif
