/* A depthwise 3x3 convolution of stride 1, padded by one pixel of zeros, then a pointwise one, and
   the gradients of both. Images are as in conv.h.

   The depthwise one works on an image of floats with a border of zeros: each output is a sum of
   nine products, in vectors of LANES values. A vector is 16 channels of a pixel, or the 8 channels
   of two neighbouring ones. The pointwise one is a matrix product in tiles of TILE pixels by one
   vector of output channels. */

#pragma once

#include "conv.h"

enum { WINDOW = 9 };

/* The values of a vector of windows: 16 channels, or 8 channels twice. */
#define WHOLE_LANES(channels) ((channels) < LANES ? LANES : (channels))

/* A matrix (out_channels, in_channels) as pointwise takes it, or, transposed, the matrix that takes
   the gradient of its output back to that of its input. */
static void pack_matrix(const float *matrix, int64_t out_channels, int64_t in_channels,
                        int transposed, value *packed)
{
    const int64_t outputs = transposed ? in_channels : out_channels;
    const int64_t inputs = transposed ? out_channels : in_channels;
    const int64_t in_lanes = outputs == LANES / 2 ? 2 : 1, each = LANES / in_lanes;
    const int64_t together = PAIR * in_lanes;
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t i = 0; i < inputs; i++) {
            const int64_t vector = o / each * (inputs / together) + i / together;
            const int64_t lane = o % each * together + i % together;
            packed[vector * VECTOR_VALUES + lane]
                = from_float(matrix[transposed ? i * in_channels + o : o * in_channels + i]);
        }
}

/* (pixels, in_channels) to y of out_channels. */
ALWAYS_INLINE void pointwise_tiles(values_in x, int64_t pixels, const value *matrix, values_out y,
                                   const int64_t in_channels, int64_t out_channels,
                                   const int64_t in_lanes)
{
    const int64_t inputs = PAIR * in_lanes, taps = in_channels / inputs * VECTOR_VALUES;
    for (int64_t o = 0; o < out_channels; o += LANES / in_lanes, matrix += taps)
        for (int64_t pixel = 0; pixel < pixels; pixel += TILE) {
            const value *input = x + pixel * in_channels, *tap = matrix;
            accumulator sum[TILE];
            UNROLLED for (int64_t p = 0; p < TILE; p++)
                sum[p] = (accumulator){0};
            _Pragma("GCC unroll 1") /* or sums are moved to memory for inputs that wait */
            for (; tap < matrix + taps; tap += VECTOR_VALUES, input += inputs) {
                const vector weights = load(tap, 1);
                UNROLLED for (int64_t p = 0; p < TILE; p++)
                    multiply_add(&sum[p], broadcast(input + p * in_channels, in_lanes), weights);
            }
            UNROLLED for (int64_t p = 0; p < TILE; p += in_lanes)
                store(in_lanes == 1 ? sum[p] : pair_sum(sum[p], sum[p + 1]),
                      y + (pixel + p) * out_channels + o);
        }
}

#define POINTWISE(in_channels) \
    WITH_IN_LANES(out_channels, pointwise_tiles, x, pixels, matrix, y, in_channels, out_channels)
NEVER_INLINE void pointwise(values_in x, int64_t pixels, values_in matrix, values_out y,
                            int64_t in_channels, int64_t out_channels)
{
    WITH_IN_CHANNELS(in_channels, POINTWISE)
}

/* Adds to the matrix's gradient, [output vector][input channel][lane], what these pixels give to
   it. In bf16 x and grad are pairs of pixels. */
ALWAYS_INLINE void accumulate_matrix(values_in x, values_in grad, int64_t pixels, float *sums,
                                     int64_t in_channels, int64_t out_channels)
{
    for (int64_t o = 0; o < out_channels; o += LANES)
        for (int64_t i = 0; i < in_channels; i += 8, sums += 8 * LANES) {
            accumulator sum[8];
            UNROLLED for (int64_t t = 0; t < 8; t++)
                sum[t] = (accumulator){0};
            for (int64_t pixel = 0; pixel < pixels; pixel += PAIR) {
                const vector g = load(grad + pixel * out_channels + o * PAIR, 1);
                const value *inputs = x + pixel * in_channels + i * PAIR;
                UNROLLED for (int64_t t = 0; t < 8; t++)
                    multiply_add(&sum[t], broadcast(inputs + t * PAIR, 1), g);
            }
            UNROLLED for (int64_t t = 0; t < 8; t++)
                UNROLLED for (int64_t lane = 0; lane < LANES; lane++)
                    sums[t * LANES + lane] += sum[t][lane];
        }
}

/* The same. pairs: in bf16 scratch memory for the pairs, each of a pixel in the first half and one
   in the second. */
NEVER_INLINE void accumulate_grad_matrix(values_in x, values_in grad, int64_t pixels,
                                         floats_out sums, int64_t in_channels,
                                         int64_t out_channels, value *pairs)
{
    const value *inputs = x, *gradients = grad;
    if (PAIR == 2) {
        const int64_t ins = pixels / 2 * in_channels, outs = pixels / 2 * out_channels;
        value *end = interleave(x, x + ins, ins, pairs);
        interleave(grad, grad + outs, outs, end);
        inputs = pairs, gradients = end;
    }
    accumulate_matrix(inputs, gradients, pixels, sums, in_channels, out_channels);
}

static void unpack_grad_matrix(const float *sums, int64_t out_channels, int64_t in_channels,
                               float *grad_matrix)
{
    for (int64_t o = 0; o < out_channels; o++)
        for (int64_t i = 0; i < in_channels; i++)
            grad_matrix[o * in_channels + i]
                = sums[(o / LANES * in_channels + i) * LANES + o % LANES];
}

/* Windows (channels, 3, 3) as depthwise takes them, [tap][lane]; turned: by half a turn, for the
   gradient of its input. */
static void pack_windows(const float *windows, int64_t channels, int turned, float *packed)
{
    const int64_t lanes = WHOLE_LANES(channels);
    for (int64_t tap = 0; tap < WINDOW; tap++)
        for (int64_t lane = 0; lane < lanes; lane++)
            packed[tap * lanes + lane]
                = to_float(from_float(windows[lane % channels * WINDOW
                                              + (turned ? WINDOW - 1 - tap : tap)]));
}

static void unpack_grad_windows(const float *sums, int64_t channels, float *grad_windows)
{
    const int64_t lanes = WHOLE_LANES(channels);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t tap = 0; tap < WINDOW; tap++) {
            float sum = 0;
            for (int64_t lane = c; lane < lanes; lane += channels)
                sum += sums[tap * lanes + lane];
            grad_windows[c * WINDOW + tap] = sum;
        }
}

ALWAYS_INLINE accumulator load_floats(const float *x)
{
    accumulator all;
    memcpy(&all, x, sizeof all);
    return all;
}

ALWAYS_INLINE accumulator load_wide(const value *x)
{
    float wide[LANES];
    widen(x, LANES, wide);
    return load_floats(wide);
}

/* An image as floats within a border of zeros, which is there already. */
ALWAYS_INLINE void fill(const value *image, int64_t height, int64_t width, int64_t channels,
                        float *bordered)
{
    const int64_t row_values = width * channels, line = row_values + 2 * channels;
    for (int64_t row = 0; row < height; row++)
        for (int64_t v = 0; v < row_values; v += LANES)
            widen(image + row * row_values + v, LANES,
                  bordered + (row + 1) * line + channels + v);
}

/* Nine vectors of the bordered image around a place. */
#define EACH_TAP UNROLLED for (int64_t t = 0; t < WINDOW; t++)
#define NEIGHBOUR(at, t) load_floats((at) + (t) / 3 * line + (t) % 3 * channels)

/* What nine taps make of an image. */
ALWAYS_INLINE void depthwise_image(const float *bordered, int64_t height, int64_t width,
                                   const float *windows, value *y, const int64_t channels)
{
    const int64_t row_values = width * channels, line = row_values + 2 * channels;
    const int64_t lanes = WHOLE_LANES(channels);
    for (int64_t block = 0; block < lanes; block += LANES) {
        accumulator tap[WINDOW];
        EACH_TAP tap[t] = load_floats(windows + t * lanes + block);
        for (int64_t row = 0; row < height; row++)
            for (int64_t at = block; at < row_values; at += lanes) {
                const float *corner = bordered + row * line + at;
                accumulator sum = {0};
                EACH_TAP sum += tap[t] * NEIGHBOUR(corner, t);
                store(sum, y + row * row_values + at);
            }
    }
}

/* Adds to the gradients of the windows what the gradient of an image's output gives to them. */
ALWAYS_INLINE void accumulate_windows(const float *bordered, const value *grad, int64_t height,
                                      int64_t width, float *sums, const int64_t channels)
{
    const int64_t row_values = width * channels, line = row_values + 2 * channels;
    const int64_t lanes = WHOLE_LANES(channels);
    for (int64_t block = 0; block < lanes; block += LANES) {
        accumulator sum[WINDOW];
        EACH_TAP sum[t] = (accumulator){0};
        for (int64_t row = 0; row < height; row++)
            for (int64_t at = block; at < row_values; at += lanes) {
                const float *corner = bordered + row * line + at;
                const accumulator g = load_wide(grad + row * row_values + at);
                EACH_TAP sum[t] += g * NEIGHBOUR(corner, t);
            }
        EACH_TAP
        {
            const accumulator all = sum[t] + load_floats(sums + t * lanes + block);
            memcpy(sums + t * lanes + block, &all, sizeof all);
        }
    }
}

/* Scratch memory of (height + 2, width + 2, channels) floats, all zero. */
ALWAYS_INLINE void clear(int64_t height, int64_t width, int64_t channels, float *bordered)
{
    memset(bordered, 0, (height + 2) * (width + 2) * channels * sizeof *bordered);
}

/* (images, height, width, channels) to y of the same shape. windows: packed. */
NEVER_INLINE void depthwise(values_in x, int64_t images, int64_t height, int64_t width,
                            floats_in windows, values_out y, int64_t channels, float *bordered)
{
    const int64_t size = height * width * channels;
    clear(height, width, channels, bordered);
    for (int64_t at = 0; at < images * size; at += size) {
        fill(x + at, height, width, channels, bordered);
        WITH_CHANNELS(channels, depthwise_image, bordered, height, width, windows, y + at);
    }
}

/* Adds to sums, [tap][lane], the gradient of the windows. */
NEVER_INLINE void accumulate_grad_windows(values_in x, values_in grad, int64_t images,
                                          int64_t height, int64_t width, floats_out sums,
                                          int64_t channels, float *bordered)
{
    const int64_t size = height * width * channels;
    clear(height, width, channels, bordered);
    for (int64_t at = 0; at < images * size; at += size) {
        fill(x + at, height, width, channels, bordered);
        WITH_CHANNELS(channels, accumulate_windows, bordered, grad + at, height, width, sums);
    }
}
