/* Vectors of 512 bits: multiply-add, broadcast, load and store.

   A lane is 32 bits wide. An accumulator has an fp32 sum in each of its 16 lanes. What is
   multiplied is a lane_t: an fp32 value, or two bf16 values whose products are both added to the
   lane's sum (PAIR is how many). So one multiply-add takes PAIR input channels in fp32 sums.

   Output channels lie along the lanes. Where there are only 8 of them, two lanes in turn belong to
   one output channel and take different inputs; pair_sum adds them up at the end. The parameter
   in_lanes says how many lanes an output channel has:

       in_lanes 1   lane   0  1  2  3  4 ... 15        in_lanes 2   lane   0  1  2  3  4 ... 15
                    output 0  1  2  3  4 ... 15                     output 0  0  1  1  2 ...  7
                    input  0  0  0  0  0 ...  0                     input  0  1  0  1  0 ...  1

   It is a constant in every call, so that each function is compiled once for 1 and once for 2. */

#pragma once

#include "values.h"

#ifdef BF16
enum { PAIR = 2 };
typedef uint32_t lane_t;
#else
enum { PAIR = 1 };
typedef float lane_t;
#endif
enum { LANES = 16, VECTOR_VALUES = LANES * PAIR };
typedef float accumulator __attribute__((vector_size(4 * LANES)));
typedef lane_t vector __attribute__((vector_size(4 * LANES)));
typedef lane_t half_vector __attribute__((vector_size(2 * LANES)));
typedef double packed_pairs __attribute__((vector_size(4 * LANES))); /* two lane_t in each double */

/* Calls function with in_lanes as its last argument, a constant. */
#define WITH_IN_LANES(out_channels, function, ...) \
    ((out_channels) == LANES / 2 ? function(__VA_ARGS__, 2) : function(__VA_ARGS__, 1))

/* sum += x * weight, one instruction. It is written out because a compiler may put the result into
   the register of x or weight instead, and then has to move sums between registers. */
ALWAYS_INLINE void multiply_add(accumulator *sum, vector x, vector weight)
{
#if !defined BF16
    __asm__("vfmadd231ps %1, %2, %0" : "+v"(*sum) : "v"(x), "v"(weight));
#elif defined __AVX512BF16__
    __asm__("vdpbf16ps %1, %2, %0" : "+v"(*sum) : "v"(x), "v"(weight));
#else
    const vector upper = ~(vector){0} << 16;
    *sum += (accumulator)(x << 16) * (accumulator)(weight << 16);
    *sum += (accumulator)(x & upper) * (accumulator)(weight & upper);
#endif
}

/* The lane_t at x in every lane, or, with in_lanes 2, it and the next one in turn. */
ALWAYS_INLINE vector broadcast(const value *x, const int64_t in_lanes)
{
    lane_t single;
    double packed_pair;
    if (in_lanes == 1) {
        __builtin_memcpy(&single, x, sizeof single);
        return single - (vector){0};
    }
    __builtin_memcpy(&packed_pair, x, sizeof packed_pair);
    return (vector)(packed_pairs){packed_pair, packed_pair, packed_pair, packed_pair,
                                  packed_pair, packed_pair, packed_pair, packed_pair};
}

/* The lane_t of 16 channels at x, or, with in_lanes 2, those of 8 channels twice each. */
ALWAYS_INLINE vector load(const value *x, const int64_t in_lanes)
{
    vector all;
    half_vector half;
    if (in_lanes == 1) {
        __builtin_memcpy(&all, x, sizeof all);
        return all;
    }
    __builtin_memcpy(&half, x, sizeof half);
    return __builtin_shufflevector(half, half, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

/* With in_lanes 2: the sums of 8 output channels of one pixel, then of another. */
ALWAYS_INLINE accumulator pair_sum(accumulator a, accumulator b)
{
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
           + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                     31);
}

/* Rounds 16 sums to values and writes them to y. */
ALWAYS_INLINE void store(accumulator sum, value *y)
{
#ifdef __AVX512BF16__
    half_vector bits;
    if (PAIR == 2) {
        __asm__("vcvtneps2bf16 %1, %0" : "=v"(bits) : "v"(sum));
        __builtin_memcpy(y, &bits, sizeof bits);
        return;
    }
#endif
    _Pragma("omp simd") for (int64_t lane = 0; lane < LANES; lane++)
        y[lane] = from_float(sum[lane]);
}
