/* What activations and their gradients are kept as: fp32, or with -DBF16 bf16, a float's upper half.
   All that is computed, parameters, statistics and sums are fp32. */

#pragma once

typedef const float *restrict in;
typedef float *restrict out;

#define INLINED static inline __attribute__((always_inline)) void
#define GIVES(type) static inline __attribute__((always_inline)) type

#ifdef BF16

typedef unsigned short value; /* what it holds is bits: GCC 12 has no bf16 to compute with */

GIVES(float) number(value v)
{
    const unsigned bits = (unsigned)v << 16;
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* To the nearest, of two the even one; a NaN stays one. */
GIVES(value) value_of(float x)
{
    unsigned bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    return x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fc0;
}

#else

typedef float value;
#define number(v) (v)
#define value_of(x) (x)

#endif

typedef const value *restrict values_in;
typedef value *restrict values_out;
