/* Vectors of sums, and of the units that they are made of.

   A unit is what a lane multiplies: an fp32 value, or a PAIR of bf16, whose two products it adds
   up. A vector of sums holds 16 output channels, or 8 of them for two units in turn: step is 1 or
   2. Sums are fp32. */

#pragma once

#include "values.h"

#ifdef BF16
enum { PAIR = 2 };
typedef unsigned unit;
#else
enum { PAIR = 1 };
typedef float unit;
#endif
enum { LANES = 16, VECTOR = LANES * PAIR /* values in a vector of units */ };
typedef float lanes __attribute__((vector_size(64)));
typedef unit units __attribute__((vector_size(64)));
typedef unit half __attribute__((vector_size(32)));
typedef double twice __attribute__((vector_size(64))); /* two units that go together */

#define STEP(O) ((O) == LANES / 2 ? 2 : 1)
#define WITH_STEP(O, function, ...) \
    (STEP(O) == 1 ? function(__VA_ARGS__, 1) : function(__VA_ARGS__, 2))

/* sum += x * by, as one instruction: a compiler would take either of the others for the result, and
   move sums about. */
INLINED multiply_add(lanes *sum, units x, units by)
{
#if !defined BF16
    __asm__("vfmadd231ps %1, %2, %0" : "+v"(*sum) : "v"(x), "v"(by));
#elif defined __AVX512BF16__
    __asm__("vdpbf16ps %1, %2, %0" : "+v"(*sum) : "v"(x), "v"(by));
#else
    const units upper = ~(units){0} << 16;
    *sum += (lanes)(x << 16) * (lanes)(by << 16);
    *sum += (lanes)(x & upper) * (lanes)(by & upper);
#endif
}

/* A unit in every lane, or two in turn. */
GIVES(units) everywhere(const value *x, const long step)
{
    unit one;
    double two;
    if (step == 1) {
        __builtin_memcpy(&one, x, sizeof one);
        return one - (units){0};
    }
    __builtin_memcpy(&two, x, sizeof two);
    return (units)(twice){two, two, two, two, two, two, two, two};
}

/* Units of 16 output channels, or of 8 of them twice. */
GIVES(units) outputs(const value *y, const long step)
{
    units all;
    half h;
    if (step == 1) {
        __builtin_memcpy(&all, y, sizeof all);
        return all;
    }
    __builtin_memcpy(&h, y, sizeof h);
    return __builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

/* What two units in turn have given to 8 output channels of two pixels. */
GIVES(lanes) both(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
           + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                     31);
}

/* Writes sums as values. */
INLINED keep(lanes sum, value *y)
{
#ifdef __AVX512BF16__
    half bits;
    if (PAIR == 2) {
        __asm__("vcvtneps2bf16 %1, %0" : "=v"(bits) : "v"(sum));
        __builtin_memcpy(y, &bits, sizeof bits);
        return;
    }
#endif
    _Pragma("omp simd") for (long lane = 0; lane < LANES; lane++)
        y[lane] = value_of(sum[lane]);
}
