/* types: what C and GLSL need to read the same struct <op>_args. Fields are uint64_t (a device
 * address), uint32_t, int32_t or float, addresses first: both sides then lay them out alike. */
#ifndef SHADERS_TYPES_H
#define SHADERS_TYPES_H

#ifdef __STDC__
#include <stdint.h>
#else
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int32 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#endif

#endif
