/* Packed kernels. The taps lie in the order in which a tile wants them:

       [output vector][ky][input channels / (PAIR * in_lanes)][kx][lane][PAIR]

   so that a vector of taps is one load, and the next one follows it. `pair` is 1 for sums, which
   are not packed in pairs. */

#pragma once

#include "vectors.h"

#define NEVER_INLINE static __attribute__((noinline, noclone))

/* An image's channels where three are padded to four. */
#define PADDED(channels) (((channels) + 3) / 4 * 4)

ALWAYS_INLINE int64_t packed_index(int64_t o, int64_t ky, int64_t kx, int64_t i,
                                   int64_t in_channels, const int64_t pair, const int64_t in_lanes)
{
    const int64_t outputs = LANES / in_lanes, inputs = pair * in_lanes; /* of a vector */
    const int64_t vector = ((o / outputs * 3 + ky) * (in_channels / inputs) + i / inputs) * 3 + kx;
    return (vector * LANES + o % outputs * in_lanes) * pair + i % inputs;
}

/* Weights of a kernel (out_channels, 3, 3, in_channels), in their order. */
#define FOR_EACH_WEIGHT(o, ky, kx, i)                   \
    for (int64_t o = 0; o < out_channels; o++)          \
        for (int64_t ky = 0; ky < 3; ky++)              \
            for (int64_t kx = 0; kx < 3; kx++)          \
                for (int64_t i = 0; i < in_channels; i++)
#define WEIGHT(o, ky, kx, i) ((((o) * 3 + (ky)) * 3 + (kx)) * in_channels + (i))

ALWAYS_INLINE void pack(floats_in kernel, int64_t out_channels, int64_t in_channels,
                        values_out packed, const int64_t in_lanes)
{
    FOR_EACH_WEIGHT(o, ky, kx, i)
    packed[packed_index(o, ky, kx, i, PADDED(in_channels), PAIR, in_lanes)]
        = from_float(kernel[WEIGHT(o, ky, kx, i)]);
}
NEVER_INLINE void pack_kernel(floats_in kernel, int64_t out_channels, int64_t in_channels,
                              values_out packed)
{
    WITH_IN_LANES(out_channels, pack, kernel, out_channels, in_channels, packed);
}

/* For the gradient of the images, which is a convolution too: of the gradient of y with the kernel
   rotated by half a turn, from out_channels to in_channels. */
ALWAYS_INLINE void pack_rotated(floats_in kernel, int64_t out_channels, int64_t in_channels,
                                values_out packed, const int64_t in_lanes)
{
    FOR_EACH_WEIGHT(o, ky, kx, i)
    packed[packed_index(i, 2 - ky, 2 - kx, o, out_channels, PAIR, in_lanes)]
        = from_float(kernel[WEIGHT(o, ky, kx, i)]);
}
NEVER_INLINE void pack_rotated_kernel(floats_in kernel, int64_t out_channels, int64_t in_channels,
                                      values_out packed)
{
    WITH_IN_LANES(in_channels, pack_rotated, kernel, out_channels, in_channels, packed);
}

ALWAYS_INLINE void unpack(floats_in packed, int64_t out_channels, int64_t in_channels,
                          floats_out grad_kernel, const int64_t in_lanes)
{
    FOR_EACH_WEIGHT(o, ky, kx, i)
    grad_kernel[WEIGHT(o, ky, kx, i)]
        = packed[packed_index(o, ky, kx, i, PADDED(in_channels), 1, in_lanes)];
}
NEVER_INLINE void unpack_grad_kernel(floats_in packed, int64_t out_channels, int64_t in_channels,
                                     floats_out grad_kernel)
{
    WITH_IN_LANES(out_channels, unpack, packed, out_channels, in_channels, grad_kernel);
}
