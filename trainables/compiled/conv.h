/* A 3x3 convolution of stride 1 and the gradient of its kernel. Images lie pixel by pixel, the
   channels of a pixel beside each other; their border of zeros is nowhere in memory.

   The sums of 16 vectors or more stay in registers, and what is fetched is used for every tap that
   it meets there: a processor multiplies as often in a cycle as it fetches. */

#pragma once

#include "norm.h"
#include "vectors.h"

enum { PIXELS = 16, MOST_SUMS = 24, MOST_CHANNELS = 1024 };

#define APART static __attribute__((noinline, noclone)) void
#define UNROLLED _Pragma("GCC unroll 24")

static const value BEYOND[MOST_CHANNELS]; /* a pixel of the border */

/* Where a weight lies among the taps, in the order in which they are wanted: (vector of output
   channels, row of the kernel, units of input channels / step, column of the kernel, lane, pair). */
GIVES(long) place(long o, long above, long beside, long i, long I, const long pair, const long step)
{
    const long wide = LANES / step, many = pair * step;
    const long vector = ((o / wide * 3 + above) * (I / many) + i / many) * 3 + beside;
    return (vector * LANES + o % wide * step) * pair + i % many;
}

/* Each weight of a kernel (O, 3, 3, channels). Three channels are taken for four. */
#define EACH_WEIGHT                                                         \
    for (long o = 0; o < O; o++)                                            \
        for (long above = 0; above < 3; above++)                            \
            for (long beside = 0; beside < 3; beside++, kernel += channels) \
                for (long i = 0; i < channels; i++)
#define PADDED(channels) (((channels) + 3) / 4 * 4)

INLINED to_taps(const float *kernel, long O, long channels, values_out taps, const long step)
{
    EACH_WEIGHT taps[place(o, above, beside, i, PADDED(channels), PAIR, step)]
        = value_of(kernel[i]);
}
APART taps_from(in kernel, long O, long channels, values_out taps)
{
    WITH_STEP(O, to_taps, kernel, O, channels, taps);
}

/* Of the convolution that takes a gradient back: turned round, from O channels to those it had. */
INLINED to_taps_back(const float *kernel, long O, long channels, values_out taps, const long step)
{
    EACH_WEIGHT taps[place(i, 2 - above, 2 - beside, o, O, PAIR, step)] = value_of(kernel[i]);
}
APART taps_back_from(in kernel, long O, long channels, values_out taps)
{
    WITH_STEP(channels, to_taps_back, kernel, O, channels, taps);
}

INLINED to_kernel(in taps, long O, long channels, float *kernel, const long step)
{
    EACH_WEIGHT kernel[i] = taps[place(o, above, beside, i, PADDED(channels), 1, step)];
}
APART kernel_from(in taps, long O, long channels, out kernel)
{
    WITH_STEP(O, to_kernel, taps, O, channels, kernel);
}

/* Adds to the sums of a tile, rows x columns, what channels of a row of pixels give to them: to the
   tile's first row by row top of the kernel, to the next by the one above it. left, right: the
   pixels beside x, null at the border. line: from a row of taps to the next. */
INLINED add_row(const value *x, const value *left, const value *right, const long top,
                const value *taps, long line, long channels, long I, lanes *sum, const long columns,
                const long step)
{
    const long rows = PIXELS / columns;
    for (long i = 0; i < channels; i += PAIR * step, taps += 3 * VECTOR)
        UNROLLED for (long n = 0; n < columns + 2; n++) {
            const long at = n * 7 % (columns + 2) - 1; /* neighbours would wait for each other */
            const value *pixel = at < 0 ? left : at == columns ? right : x + at * I;
            if ((at < 0 || at == columns) && !pixel)
                continue;
            const units here = everywhere(pixel + i, step);
            UNROLLED for (long row = 0; row < rows; row++)
                UNROLLED for (long beside = 0; beside < 3; beside++) {
                    const long above = top - row, column = at + 1 - beside;
                    const value *tap = taps + above * line + beside * VECTOR;
                    if (above >= 0 && above < 3 && column >= 0 && column < columns)
                        multiply_add(&sum[row * columns + column], here, outputs(tap, 1));
                }
        }
}

/* Images (count, height, width, I) to y of O channels, a tile of 16 pixels and a vector of output
   channels at a time. columns: those of a tile, 16 or all of them. */
INLINED convolve_by(values_in images, long count, long height, long width, const value *taps,
                    values_out y, long I, long O, const long columns, const long step)
{
    const long rows = PIXELS / columns, some = PAIR * step, line = I / some * 3 * VECTOR;
    for (long o = 0; o < O; o += LANES / step, taps += 3 * line)
        for (long image = 0; image < count * height; image += height)
            for (long row = 0; row < height; row += rows)
                for (long column = 0; column < width; column += columns) {
                    lanes sum[PIXELS];
                    UNROLLED for (long p = 0; p < PIXELS; p++)
                        sum[p] = (lanes){0};
                    const value *x = images + ((image + row - 1) * width + column) * I;
                    if (rows == 1)
                        for (long above = row == 0; above < (row == height - 1 ? 2 : 3); above++) {
                            const value *pixels = x + above * width * I;
                            const value *left = column ? pixels - I : 0;
                            const value *right = column + PIXELS < width ? pixels + PIXELS * I : 0;
                            add_row(pixels, left, right, 0, taps + above * line, line, I, I, sum,
                                    columns, step);
                        }
                    else /* a channel's taps are fetched once for all rows */
                        for (long i = 0; i < I; i += some)
                            UNROLLED for (long top = 0; top < rows + 2; top++)
                                if (row + top > 0 && row + top <= height)
                                    add_row(x + top * width * I + i, 0, 0, top,
                                            taps + i / some * 3 * VECTOR, line, some, I, sum,
                                            columns, step);
                    UNROLLED for (long p = 0; p < PIXELS; p += step) {
                        const long at = (image + row + p / columns) * width + column + p % columns;
                        keep(step == 1 ? sum[p] : both(sum[p], sum[p + 1]), y + at * O + o);
                    }
                }
}

/* Adds to the gradients of a kernel's taps what these images give to them, with the gradients dx of
   what was made of them. many x 3 taps at a time. In bf16 both are pairs of a row's pixels: of
   images (0, 1), (2, 3) and so on, of dx (border, 0), (0, 1), (1, 2) to (width - 1, border). */
INLINED add_taps(values_in images, values_in dx, long count, long height, long width, float *dtaps,
                 long I, long O, const long many, const long step)
{
    const long line = (PAIR == 1 ? width : (width + 1) * PAIR) * O;
    for (long o = 0; o < O; o += LANES / step)
        for (long above = 0; above < 3; above++)
            for (long i = 0; i < I; i += many * step, dtaps += 3 * many * LANES) {
                lanes sum[MOST_SUMS];
                UNROLLED for (long t = 0; t < 3 * many; t++)
                    sum[t] = (lanes){0};
                for (long image = 0; image < count * height; image += height)
                    for (long row = above == 0; row < height - (above == 2); row++) {
                        const value *x = images + (image + row + above - 1) * width * I + i * PAIR;
                        const value *g = dx + (image + row) * line + o * PAIR;
                        units after = outputs(g, step);
                        units before = PAIR == 1 ? (units){0} : after;
                        for (long column = PAIR; column <= width; column += PAIR, x += PAIR * I) {
                            const units here = PAIR == 1 ? after : outputs(g + O * PAIR, step);
                            g += PAIR * PAIR * O;
                            after = PAIR == 2 || column < width ? outputs(g, step) : (units){0};
                            UNROLLED for (long t = 0; t < many; t++) {
                                const units of = everywhere(x + t * PAIR * step, step);
                                multiply_add(&sum[3 * t], of, after);
                                multiply_add(&sum[3 * t + 1], of, here);
                                multiply_add(&sum[3 * t + 2], of, before);
                            }
                            before = PAIR == 1 ? here : after;
                        }
                    }
                UNROLLED for (long t = 0; t < 3 * many; t++)
                    UNROLLED for (long lane = 0; lane < LANES; lane++)
                        dtaps[t * LANES + lane] += sum[t][lane];
            }
}

/* For each channel of a pixel its value beside that of the pixel after it: in a row for every other
   pixel, or, with the border, for every one. Returns where they end. */
static value *pair_up(const value *x, long rows, long width, long channels, const int border,
                      value *pairs)
{
    for (long row = 0; row < rows; row++, x += width * channels)
        for (long column = border ? -1 : 0; column < width; column += border ? 1 : 2) {
            values_in one = column < 0 ? BEYOND : x + column * channels;
            values_in next = column + 1 < width ? x + (column + 1) * channels : BEYOND;
            _Pragma("omp simd") for (long c = 0; c < channels; c++)
                pairs[2 * c] = one[c], pairs[2 * c + 1] = next[c];
            pairs += 2 * channels;
        }
    return pairs;
}

#define CONVOLVE(I, columns) \
    WITH_STEP(O, convolve_by, images, count, height, width, taps, y, I, O, columns)
#define WITH_CHANNELS_IN(channels) \
    case channels:                 \
        CONVOLVE(channels, 16);    \
        break;

/* Where addresses have their number of channels in them they take no instructions of their own. */
APART convolve(values_in images, long count, long height, long width, values_in taps, values_out y,
               long I, long O)
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

/* room: in bf16 for what pair_up makes of both. */
APART convolve_back(values_in images, values_in dx, long count, long height, long width, out dtaps,
                    long I, long O, value *room)
{
    const value *x = images, *g = dx;
    if (PAIR == 2) {
        value *after = pair_up(images, count * height, width, I, 0, room);
        pair_up(dx, count * height, width, O, 1, after);
        x = room, g = after;
    }
#define WITH_MANY(many) WITH_STEP(O, add_taps, x, g, count, height, width, dtaps, I, O, many)
    const long steps = I / STEP(O);
    if (steps % 8 == 0)
        WITH_MANY(8);
    else if (steps % 4 == 0)
        WITH_MANY(4);
    else
        WITH_MANY(2);
}
