/* The number format of activations and of their gradients: fp32, or bf16 with -DBF16.

   Arithmetic, parameters, statistics and sums are fp32 in both (where double is used, it says
   so). */

#pragma once

#include <stdint.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#ifdef BF16

typedef uint16_t value; /* the upper half of a float's bits: GCC 12 has no bf16 to compute with */

ALWAYS_INLINE float to_float(value v)
{
    const uint32_t bits = (uint32_t)v << 16;
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* Rounds to nearest, ties to even. A NaN stays a NaN. */
ALWAYS_INLINE value from_float(float x)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    return x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fc0;
}

#else

typedef float value;
#define to_float(v) (v)
#define from_float(x) (x)

#endif

/* Arrays that no other pointer of the same function overlaps. */
typedef const value *restrict values_in;
typedef value *restrict values_out;
typedef const float *restrict floats_in;
typedef float *restrict floats_out;
