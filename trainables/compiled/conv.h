/* A 3x3 convolution of stride 1 and the gradient of its kernel. Images lie pixel by pixel, the
   channels of a pixel beside each other, in fp32; their border of zeros is nowhere in memory.

   A vector holds 16 output channels, or 8 of them for two input channels in turn. The sums of 16
   vectors or more stay in registers, and what is fetched is used for every tap that it meets there:
   the processor multiplies twice a cycle, and fetches no more often than that. */

#include "norm.h"

enum { LANES = 16, PIXELS = 16, MOST_SUMS = 24, MOST_CHANNELS = 1024 };
typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef float half __attribute__((vector_size(32), aligned(4)));
typedef double pairs __attribute__((vector_size(64))); /* of floats, that go together */
typedef double pair __attribute__((aligned(4), may_alias));

#define GIVES(type) static inline __attribute__((always_inline)) type
#define APART static __attribute__((noinline, noclone)) void
#define UNROLLED _Pragma("GCC unroll 24")

/* Input channels that a vector takes at once where there are O output channels. */
#define STEP(O) ((O) == LANES / 2 ? 2 : 1)
#define WITH_STEP(O, function, ...) \
    (STEP(O) == 1 ? function(__VA_ARGS__, 1) : function(__VA_ARGS__, 2))

static const float BEYOND[MOST_CHANNELS]; /* a pixel of the border */

/* sum += x * by, as one instruction: a compiler would take either of the others for the result, and
   move sums about. */
INLINED multiply_add(lanes *sum, lanes x, lanes by)
{
    __asm__("vfmadd231ps %1, %2, %0" : "+v"(*sum) : "v"(x), "v"(by));
}

/* An input channel in every lane, or two in turn. */
GIVES(lanes) everywhere(const float *x, const long step)
{
    const double two = step == 1 ? 0 : *(const pair *)x;
    return step == 1 ? *x - (lanes){0} : (lanes)(pairs){two, two, two, two, two, two, two, two};
}

/* 16 output channels, or 8 of them twice. */
GIVES(lanes) outputs(const float *y, const long step)
{
    const half h = *(const half *)y;
    return step == 1 ? *(const lanes *)y
                     : __builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7,
                                               7);
}

/* Where a weight lies among the taps, in the order in which they are wanted: (vector of output
   channels, row of the kernel, input channels / step, column of the kernel, lane). */
GIVES(long) place(long o, long above, long beside, long i, long I, const long step)
{
    const long wide = LANES / step;
    const long vector = ((o / wide * 3 + above) * (I / step) + i / step) * 3 + beside;
    return vector * LANES + o % wide * step + i % step;
}

/* Each weight of a kernel (O, 3, 3, channels). Three channels are taken for four. */
#define EACH_WEIGHT                                                         \
    for (long o = 0; o < O; o++)                                            \
        for (long above = 0; above < 3; above++)                            \
            for (long beside = 0; beside < 3; beside++, kernel += channels) \
                for (long i = 0; i < channels; i++)
#define PADDED(channels) (((channels) + 3) / 4 * 4)

INLINED to_taps(const float *kernel, long O, long channels, out taps, const long step)
{
    EACH_WEIGHT taps[place(o, above, beside, i, PADDED(channels), step)] = kernel[i];
}
APART taps_from(in kernel, long O, long channels, out taps)
{
    WITH_STEP(O, to_taps, kernel, O, channels, taps);
}

/* Of the convolution that takes a gradient back: turned round, from O channels to those it had. */
INLINED to_taps_back(const float *kernel, long O, long channels, out taps, const long step)
{
    EACH_WEIGHT taps[place(i, 2 - above, 2 - beside, o, O, step)] = kernel[i];
}
APART taps_back_from(in kernel, long O, long channels, out taps)
{
    WITH_STEP(channels, to_taps_back, kernel, O, channels, taps);
}

INLINED to_kernel(in taps, long O, long channels, float *kernel, const long step)
{
    EACH_WEIGHT kernel[i] = taps[place(o, above, beside, i, PADDED(channels), step)];
}
APART kernel_from(in taps, long O, long channels, out kernel)
{
    WITH_STEP(O, to_kernel, taps, O, channels, kernel);
}

/* Adds to the sums of a tile, rows x columns, what a row of pixels gives to them: to the tile's
   first row by row top of the kernel, to the next by the one above it. left, right: the pixels
   beside x, where the tile is less wide than the image. */
INLINED add_row(const float *x, const float *left, const float *right, const long top,
                const float *taps, long I, lanes *sum, const long columns, const long step)
{
    const long rows = PIXELS / columns;
    for (long i = 0; i < I; i += step, taps += 3 * LANES)
        UNROLLED for (long n = 0; n < columns + 2; n++) {
            const long at = n * 7 % (columns + 2) - 1; /* neighbours would wait for each other */
            if (columns < PIXELS && (at < 0 || at == columns))
                continue;
            const float *pixel = at < 0 ? left : at == columns ? right : x + at * I;
            const lanes value = everywhere(pixel + i, step);
            UNROLLED for (long row = 0; row < rows; row++)
                UNROLLED for (long beside = 0; beside < 3; beside++) {
                    const long above = top - row, column = at + 1 - beside;
                    const float *tap = taps + (above * (I / step) * 3 + beside) * LANES;
                    if (above >= 0 && above < 3 && column >= 0 && column < columns)
                        multiply_add(&sum[row * columns + column], value, *(const lanes *)tap);
                }
        }
}

/* What two input channels in turn have given to 8 output channels of two pixels. */
GIVES(lanes) both(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
           + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                     31);
}

/* Images (count, height, width, I) to y of O channels, a tile of 16 pixels and a vector of output
   channels at a time. columns: those of a tile, 16 or all of them. */
INLINED convolve_by(in images, long count, long height, long width, const float *taps, out y,
                    long I, long O, const long columns, const long step)
{
    const long rows = PIXELS / columns;
    for (long o = 0; o < O; o += LANES / step, taps += 9 * I / step * LANES)
        for (long image = 0; image < count * height; image += height)
            for (long row = 0; row < height; row += rows)
                for (long column = 0; column < width; column += columns) {
                    lanes sum[PIXELS];
                    UNROLLED for (long p = 0; p < PIXELS; p++)
                        sum[p] = (lanes){0};
                    const float *x = images + ((image + row - 1) * width + column) * I;
                    if (rows == 1)
                        for (long above = row == 0; above < (row == height - 1 ? 2 : 3); above++) {
                            const float *pixels = x + above * width * I;
                            add_row(pixels, column ? pixels - I : BEYOND,
                                    column + columns < width ? pixels + columns * I : BEYOND, 0,
                                    taps + above * 3 * I / step * LANES, I, sum, columns, step);
                        }
                    else
                        UNROLLED for (long top = 0; top < rows + 2; top++) {
                            const float *pixels = x + top * width * I;
                            if (row + top > 0 && row + top <= height)
                                add_row(pixels, 0, 0, top, taps, I, sum, columns, step);
                        }
                    UNROLLED for (long p = 0; p < PIXELS; p += step) {
                        const long at = (image + row + p / columns) * width + column + p % columns;
                        *(lanes *)(y + at * O + o) = step == 1 ? sum[p] : both(sum[p], sum[p + 1]);
                    }
                }
}

/* Adds to the gradients of a kernel's taps what these images give to them, with the gradients dx of
   what was made of them. many x 3 taps at a time. */
INLINED add_taps(in images, in dx, long count, long height, long width, float *dtaps, long I,
                 long O, const long many, const long step)
{
    for (long o = 0; o < O; o += LANES / step)
        for (long above = 0; above < 3; above++)
            for (long i = 0; i < I; i += many * step, dtaps += 3 * many * LANES) {
                lanes sum[MOST_SUMS];
                UNROLLED for (long t = 0; t < 3 * many; t++)
                    sum[t] = (lanes){0};
                for (long image = 0; image < count * height; image += height)
                    for (long row = above == 0; row < height - (above == 2); row++) {
                        const float *x = images + (image + row + above - 1) * width * I + i;
                        const float *g = dx + (image + row) * width * O + o;
                        lanes before = {0}, here = outputs(g, step);
                        for (long column = 1; column <= width; column++, x += I) {
                            g += O;
                            const lanes after = column < width ? outputs(g, step) : (lanes){0};
                            UNROLLED for (long t = 0; t < many; t++) {
                                const lanes value = everywhere(x + t * step, step);
                                multiply_add(&sum[3 * t], value, after);
                                multiply_add(&sum[3 * t + 1], value, here);
                                multiply_add(&sum[3 * t + 2], value, before);
                            }
                            before = here, here = after;
                        }
                    }
                UNROLLED for (long t = 0; t < 3 * many; t++)
                    *(lanes *)(dtaps + t * LANES) += sum[t];
            }
}

#define CONVOLVE(I, columns) \
    WITH_STEP(O, convolve_by, images, count, height, width, taps, y, I, O, columns)
#define WITH_CHANNELS_IN(channels) \
    case channels:                 \
        CONVOLVE(channels, 16);    \
        break;

/* Where addresses have their number of channels in them they take no instructions of their own. */
APART convolve(in images, long count, long height, long width, in taps, out y, long I, long O)
{
    if (width == 4)
        CONVOLVE(I, 4);
    else if (width == 8)
        CONVOLVE(I, 8);
    else
        switch (I) {
            WITH_CHANNELS_IN(4)
            WITH_CHANNELS_IN(8)
            WITH_CHANNELS_IN(16)
            WITH_CHANNELS_IN(32)
            WITH_CHANNELS_IN(64)
            WITH_CHANNELS_IN(128)
            default:
                CONVOLVE(I, 16);
        }
}

APART convolve_back(in images, in dx, long count, long height, long width, out dtaps, long I,
                    long O)
{
#define WITH_MANY(many) \
    WITH_STEP(O, add_taps, images, dx, count, height, width, dtaps, I, O, many)
    const long steps = I / STEP(O);
    if (steps % 8 == 0)
        WITH_MANY(8);
    else if (steps % 4 == 0)
        WITH_MANY(4);
    else
        WITH_MANY(2);
}
