/* The number format of activations and of their gradients: fp32, or bf16 with -DBF16.

   Arithmetic, parameters, statistics and sums are fp32 in both (where double is used, it says
   so). */

#pragma once

#include <stdint.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

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

/* Calls function(first, n, ...) for the channels in blocks of n. n is a constant, and a block one
   vector of floats, where it is 16 or 8; what is left is a last block. */
enum { BLOCK = 16 };
#define FOR_BLOCKS(channels, function, ...)                             \
    do {                                                                \
        int64_t first = 0;                                              \
        for (; first + BLOCK <= (channels); first += BLOCK)             \
            function(first, BLOCK, __VA_ARGS__);                        \
        if (first + 8 <= (channels))                                    \
            function(first, 8, __VA_ARGS__), first += 8;                \
        if (first < (channels))                                         \
            function(first, (channels) - first, __VA_ARGS__);           \
    } while (0)
#define IN_BLOCK _Pragma("omp simd") for (int64_t c = 0; c < n; c++)

/* A block of values as floats, and floats rounded to values. Of itself GCC 12 takes half a vector at
   a time, or a quarter, where 16 and 32 bits meet, and does not find the instruction that
   rounds. */
ALWAYS_INLINE void widen(const value *x, const int64_t n, float *y)
{
#if defined BF16 && defined __AVX512F__ && defined __AVX512VL__
    if (n == 16) {
        const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)x));
        _mm512_storeu_si512(y, _mm512_slli_epi32(bits, 16));
        return;
    }
    if (n == 8) {
        const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)x));
        _mm256_storeu_si256((void *)y, _mm256_slli_epi32(bits, 16));
        return;
    }
#endif
    IN_BLOCK y[c] = to_float(x[c]);
}

ALWAYS_INLINE void round_block(const float *x, const int64_t n, value *y)
{
#if defined BF16 && defined __AVX512BF16__
    if (n == 16) {
        const __m256bh bits = _mm512_cvtneps_pbh(_mm512_loadu_ps(x));
        __builtin_memcpy(y, &bits, sizeof bits);
        return;
    }
    if (n == 8) {
        const __m128bh bits = _mm256_cvtneps_pbh(_mm256_loadu_ps(x));
        __builtin_memcpy(y, &bits, sizeof bits);
        return;
    }
#endif
    IN_BLOCK y[c] = from_float(x[c]);
}
