/* A 3x3 convolution of stride 1, padded by one pixel of zeros, and the gradient of its kernel.

   Images are (images, height, width, channels), NHWC. The padding is nowhere in memory.

   One tile: 16 pixels by one vector of output channels, in 16 accumulators that stay in registers.

       input, one channel (PAIR of them in bf16)         accumulators
                                                         (each a vector of output channels)
       ky 0   .  x  x  x  x  ...  x  .
       ky 1   .  x  x  x  x  ...  x  .      kernel       a0  a1  a2  a3  ...  a15
       ky 2   .  x  x  x  x  ...  x  .

   A pixel x is broadcast once and meets the taps of kx 0, 1 and 2, which add to the accumulators of
   its neighbours: a processor can multiply only as often in a cycle as it can fetch. Where an image
   is 8 or 4 pixels wide the tile is 2 x 8 or 4 x 4 pixels, and a pixel meets up to 9 taps. */

#pragma once

#include "norm_gradient.h"
#include "packed_kernel.h"

enum { TILE = 16, MAX_SUMS = 24, MAX_CHANNELS = 1024 };

#define UNROLLED _Pragma("GCC unroll 24")

/* The convolution before BatchNorm, whose shape says how many output channels there are.
   conv_norm_pool_relu.py has the same structure. */
struct convolution {
    int64_t in_channels;
    int64_t chunk;       /* images that are worked on at a time; divides the batch */
    const float *kernel; /* (out_channels, 3, 3, in_channels); (out_channels, in_channels) of a
                            separable convolution */
    const float *windows; /* (in_channels, 3, 3) of a separable convolution, else null */
};

static const value ZERO_PIXEL[MAX_CHANNELS];

ALWAYS_INLINE int fills_vectors(int64_t channels)
{
    return channels == LANES / 2 || (channels % LANES == 0 && channels <= MAX_CHANNELS);
}

/* Whether the tiles fit the images, and the channels the vectors. Images of three channels get a
   fourth. */
static int is_conv_supported(int64_t height, int64_t width, int64_t in_channels,
                             int64_t out_channels)
{
    const int narrow = (width == 4 || width == 8) && height * width % TILE == 0;
    return (width % TILE == 0 || narrow) && (in_channels == 3 || fills_vectors(in_channels))
           && fills_vectors(out_channels);
}

/* A row of input pixels under a tile, and the pixels beside its two ends (null: padding). */
struct input_row {
    const value *first, *left, *right;
};

/* Adds to a tile's sums what `channels` channels of one row of pixels give to them: to the tile's
   first row by row ky of the kernel, to its second row by row ky - 1, and so on. ky_stride: values
   from a ky's taps to the next one's. columns: of the tile. */
ALWAYS_INLINE void accumulate_row(struct input_row row, const int64_t ky, const value *taps,
                                  int64_t ky_stride, int64_t channels, int64_t in_channels,
                                  accumulator *sum, const int64_t columns, const int64_t in_lanes)
{
    const int64_t tile_rows = TILE / columns;
    for (int64_t i = 0; i < channels; i += PAIR * in_lanes, taps += 3 * VECTOR_VALUES)
        UNROLLED for (int64_t n = 0; n < columns + 2; n++) {
            /* Not from left to right: multiply-adds to neighbouring sums wait for each other. */
            const int64_t at = n * 7 % (columns + 2) - 1;
            const value *pixel = row.first + at * in_channels;
            pixel = at < 0 ? row.left : at == columns ? row.right : pixel;
            if ((at < 0 || at == columns) && !pixel)
                continue;
            const vector x = broadcast(pixel + i, in_lanes);
            UNROLLED for (int64_t r = 0; r < tile_rows; r++)
                UNROLLED for (int64_t kx = 0; kx < 3; kx++) {
                    const int64_t column = at + 1 - kx;
                    const value *tap = taps + (ky - r) * ky_stride + kx * VECTOR_VALUES;
                    if (ky - r >= 0 && ky - r < 3 && column >= 0 && column < columns)
                        multiply_add(&sum[r * columns + column], x, load(tap, 1));
                }
        }
}

/* (images, height, width, in_channels) to y of out_channels, tile by tile. columns: of a tile. */
ALWAYS_INLINE void convolve_tiles(values_in x, int64_t images, int64_t height, int64_t width,
                                  const value *taps, values_out y, int64_t in_channels,
                                  int64_t out_channels, const int64_t columns,
                                  const int64_t in_lanes)
{
    const int64_t tile_rows = TILE / columns, inputs = PAIR * in_lanes;
    const int64_t ky_stride = in_channels / inputs * 3 * VECTOR_VALUES;
    for (int64_t o = 0; o < out_channels; o += LANES / in_lanes, taps += 3 * ky_stride)
        for (int64_t image = 0; image < images * height; image += height)
            for (int64_t row = 0; row < height; row += tile_rows)
                for (int64_t column = 0; column < width; column += columns) {
                    accumulator sum[TILE];
                    UNROLLED for (int64_t p = 0; p < TILE; p++)
                        sum[p] = (accumulator){0};
                    const value *above = x + ((image + row - 1) * width + column) * in_channels;
                    if (tile_rows == 1)
                        for (int64_t ky = row == 0; ky < (row == height - 1 ? 2 : 3); ky++) {
                            const value *first = above + ky * width * in_channels;
                            const struct input_row pixels = {
                                first, column ? first - in_channels : 0,
                                column + TILE < width ? first + TILE * in_channels : 0};
                            accumulate_row(pixels, 0, taps + ky * ky_stride, ky_stride, in_channels,
                                           in_channels, sum, columns, in_lanes);
                        }
                    else /* a channel's taps are fetched once for all rows */
                        for (int64_t i = 0; i < in_channels; i += inputs)
                            UNROLLED for (int64_t ky = 0; ky < tile_rows + 2; ky++)
                                if (row + ky > 0 && row + ky <= height) {
                                    const struct input_row pixels
                                        = {above + ky * width * in_channels + i, 0, 0};
                                    const value *tap = taps + i / inputs * 3 * VECTOR_VALUES;
                                    accumulate_row(pixels, ky, tap, ky_stride, inputs, in_channels,
                                                   sum, columns, in_lanes);
                                }
                    UNROLLED for (int64_t p = 0; p < TILE; p += in_lanes) {
                        const int64_t at
                            = (image + row + p / columns) * width + column + p % columns;
                        store(in_lanes == 1 ? sum[p] : pair_sum(sum[p], sum[p + 1]),
                              y + at * out_channels + o);
                    }
                }
}

#define CONVOLVE(in_channels, columns)                                                         \
    WITH_IN_LANES(out_channels, convolve_tiles, x, images, height, width, taps, y, in_channels, \
                  out_channels, columns)
#define CONVOLVE_ROWS(in_channels) CONVOLVE(in_channels, TILE)

/* Calls function(channels); the common numbers of input channels are constants: addresses that
   contain them then take no instructions of their own. */
#define WITH_IN_CHANNELS(channels, function) \
    switch (channels) {                      \
    case 4: function(4); break;              \
    case 8: function(8); break;              \
    case 16: function(16); break;            \
    case 32: function(32); break;            \
    case 64: function(64); break;            \
    case 128: function(128); break;          \
    default: function(channels);             \
    }

/* taps: a packed kernel. */
NEVER_INLINE void convolve(values_in x, int64_t images, int64_t height, int64_t width,
                           values_in taps, values_out y, int64_t in_channels, int64_t out_channels)
{
    if (width == 4)
        CONVOLVE(in_channels, 4);
    else if (width == 8)
        CONVOLVE(in_channels, 8);
    else
        WITH_IN_CHANNELS(in_channels, CONVOLVE_ROWS)
}

/* Adds to the gradients of a kernel's taps what these images x give to them, where grad is the
   gradient of the convolution's output. inputs x 3 taps are summed in registers at a time. In
   bf16 both are pairs of pixels, as pair_pixels and pair_neighbours make them: x of pixels (0, 1), (2, 3)
   and so on, grad of (padding, 0), (0, 1), (1, 2) to (width - 1, padding). */
ALWAYS_INLINE void accumulate_taps(values_in x, values_in grad, int64_t images, int64_t height,
                                   int64_t width, float *grad_taps, int64_t in_channels,
                                   int64_t out_channels, const int64_t inputs,
                                   const int64_t in_lanes)
{
    const int64_t grad_row = (PAIR == 1 ? width : (width + 1) * PAIR) * out_channels;
    for (int64_t o = 0; o < out_channels; o += LANES / in_lanes)
        for (int64_t ky = 0; ky < 3; ky++)
            for (int64_t i = 0; i < in_channels;
                 i += inputs * in_lanes, grad_taps += 3 * inputs * LANES) {
                accumulator sum[MAX_SUMS];
                UNROLLED for (int64_t t = 0; t < 3 * inputs; t++)
                    sum[t] = (accumulator){0};
                for (int64_t image = 0; image < images * height; image += height)
                    for (int64_t row = ky == 0; row < height - (ky == 2); row++) {
                        const value *pixel
                            = x + (image + row + ky - 1) * width * in_channels + i * PAIR;
                        const value *g = grad + (image + row) * grad_row + o * PAIR;
                        vector after = load(g, in_lanes);
                        vector before = PAIR == 1 ? (vector){0} : after;
                        for (int64_t column = PAIR; column <= width;
                             column += PAIR, pixel += PAIR * in_channels) {
                            const vector here
                                = PAIR == 1 ? after : load(g + out_channels * PAIR, in_lanes);
                            g += PAIR * PAIR * out_channels;
                            after = PAIR == 2 || column < width ? load(g, in_lanes) : (vector){0};
                            UNROLLED for (int64_t t = 0; t < inputs; t++) {
                                const vector input
                                    = broadcast(pixel + t * PAIR * in_lanes, in_lanes);
                                multiply_add(&sum[3 * t], input, after);
                                multiply_add(&sum[3 * t + 1], input, here);
                                multiply_add(&sum[3 * t + 2], input, before);
                            }
                            before = PAIR == 1 ? here : after;
                        }
                    }
                UNROLLED for (int64_t t = 0; t < 3 * inputs; t++)
                    UNROLLED for (int64_t lane = 0; lane < LANES; lane++)
                        grad_taps[t * LANES + lane] += sum[t][lane];
            }
}

/* Each of count values of left beside the one of right. Returns where the pairs end. */
ALWAYS_INLINE value *interleave(values_in left, values_in right, const int64_t count,
                                values_out pairs)
{
    _Pragma("omp simd") for (int64_t v = 0; v < count; v++)
        pairs[2 * v] = left[v], pairs[2 * v + 1] = right[v];
    return pairs + 2 * count;
}

/* The values of every other pixel beside those of the next one. Widths are even. */
ALWAYS_INLINE void pair_pixels(values_in x, int64_t pixels, value *pairs, const int64_t channels)
{
    for (int64_t pixel = 0; pixel < pixels; pixel += 2)
        pairs = interleave(x + pixel * channels, x + (pixel + 1) * channels, channels, pairs);
}

/* The same of every pixel, and of the padding to its left. */
static void pair_neighbours(const value *x, int64_t rows, int64_t width, value *pairs,
                            int64_t channels)
{
    for (int64_t row = 0; row < rows; row++, x += width * channels) {
        const value *last = x + (width - 1) * channels;
        pairs = interleave(ZERO_PIXEL, x, channels, pairs);
        pairs = interleave(x, x + channels, (width - 1) * channels, pairs);
        pairs = interleave(last, ZERO_PIXEL, channels, pairs);
    }
}

/* Adds the gradient of a packed kernel. pairs: in bf16 scratch memory for the pairs. */
NEVER_INLINE void accumulate_grad_kernel(values_in x, values_in grad, int64_t images,
                                         int64_t height, int64_t width, floats_out grad_taps,
                                         int64_t in_channels, int64_t out_channels, value *pairs)
{
    const value *inputs = x, *gradients = grad;
    if (PAIR == 2) {
        const int64_t pixels = images * height * width;
        value *end = pairs + pixels * in_channels;
        if (in_channels == 4) /* a constant, or GCC makes loops for so short a row of values */
            pair_pixels(x, pixels, pairs, 4);
        else if (in_channels == 8)
            pair_pixels(x, pixels, pairs, 8);
        else
            pair_pixels(x, pixels, pairs, in_channels);
        pair_neighbours(grad, images * height, width, end, out_channels);
        inputs = pairs, gradients = end;
    }
#define WITH_INPUTS(count)                                                                     \
    WITH_IN_LANES(out_channels, accumulate_taps, inputs, gradients, images, height, width,     \
                  grad_taps, in_channels, out_channels, count)
    const int64_t steps = out_channels == LANES / 2 ? in_channels / 2 : in_channels;
    if (steps % 8 == 0)
        WITH_INPUTS(8);
    else if (steps % 4 == 0)
        WITH_INPUTS(4);
    else
        WITH_INPUTS(2);
}
