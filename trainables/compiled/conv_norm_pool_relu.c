/* A 3x3 convolution, BatchNorm, max-pool and ReLU, image by image, so that what one of them leaves
   is in the cache when the next wants it: a convolution's output for its mean and variance, and its
   gradient, which never leaves the cache, for the two convolutions back.

   An image is padded by a border of zeros, so that the taps of one kernel row over a pixel lie
   beside each other: 3 pixels of I channels. Called by conv_norm_pool_relu.py; its tests compare
   both ways with torch in double precision. */

#include <string.h>

#include "norm.h"

enum { LANES = 16, PIXELS = 16, MOST_TAPS = 24 };
typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef float half __attribute__((vector_size(32), aligned(4)));
typedef double pairs __attribute__((vector_size(64)));
typedef double pair __attribute__((aligned(4), may_alias));

/* Taps that a vector takes at once: of 8 output channels there are lanes for two, side by side. */
#define STEP(O) ((O) == 8 ? 2 : 1)
#define PADDED(channels) (((channels) + 3) / 4 * 4)
#define APART static __attribute__((noinline)) void
#define UNROLLED _Pragma("GCC unroll 24")

/* Where a tap for an output channel lies among the taps of a kernel: (taps / step, O, step). */
static inline long place(long tap, long out, long O)
{
    return (tap / STEP(O) * O + out) * STEP(O) + tap % STEP(O);
}

/* A kernel, (C, 3, 3, channels), as taps; turned round, as those from C channels back; and its
   gradient from that of its taps. */
#define EACH_WEIGHT                                                     \
    for (long c = 0; c < C; c++)                                        \
        for (long pixel = 0; pixel < 9; pixel++)                        \
            for (long i = 0; i < channels; i++)
#define WEIGHT ((c * 9 + pixel) * channels + i)
#define TAP place(pixel * PADDED(channels) + i, c, C)

APART as_taps(in kernel, long C, long channels, out taps)
{
    EACH_WEIGHT taps[TAP] = kernel[WEIGHT];
}
APART as_taps_back(in kernel, long C, long channels, out taps)
{
    EACH_WEIGHT taps[place((8 - pixel) * C + c, i, channels)] = kernel[WEIGHT];
}
APART from_taps(in dtaps, long C, long channels, out dkernel)
{
    EACH_WEIGHT dkernel[WEIGHT] = dtaps[TAP];
}

/* sum += the step taps at x, in every lane or every other, times by. */
INLINED multiply_add(lanes *sum, const float *x, lanes by, const long step)
{
    if (step == 1)
        *sum += *x * by;
    else {
        const double d = *(const pair *)x; /* two floats, carried */
        *sum += (lanes)(pairs){d, d, d, d, d, d, d, d} * by;
    }
}

INLINED store(lanes *sum, float *y, long O, const long step)
{
    if (step == 1)
        UNROLLED for (long i = 0; i < PIXELS; i++)
            *(lanes *)(y + i * O) = sum[i];
    else
        UNROLLED for (long i = 0; i < PIXELS; i += 2) {
            const lanes a = sum[i], b = sum[i + 1];
            *(lanes *)(y + i * O) = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
                                                            20, 22, 24, 26, 28, 30)
                                    + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17,
                                                              19, 21, 23, 25, 27, 29, 31);
        }
}

/* A padded image to O channels by the taps of a kernel, 16 pixels of a row by 16 lanes at a time. */
INLINED convolve_by(in image, long height, long width, in taps, out y, long O, const long I,
                    const long step)
{
    for (long o = 0; o < O; o += LANES / step)
        for (long row = 0; row < height; row++)
            for (long column = 0; column < width; column += PIXELS) {
                lanes sum[PIXELS];
                UNROLLED for (long i = 0; i < PIXELS; i++)
                    sum[i] = (lanes){0};
                for (long above = 0; above < 3; above++) {
                    const float *x = image + ((row + above) * (width + 2) + column) * I;
                    const float *tap = taps + above * 3 * I * O + o;
                    for (long t = 0; t < 3 * I; t += step, x += step, tap += step * O)
                        UNROLLED for (long i = 0; i < PIXELS; i++)
                            multiply_add(&sum[i], x + i * I, *(const lanes *)tap, step);
                }
                store(sum, y + (row * width + column) * O + o, O, step);
            }
}

/* Adds what an image gives to the gradients of as many taps at a time; both images are padded. */
INLINED add_taps(in image, in dx, long height, long width, out dtaps, long I, long O,
                 const long taps, const long step)
{
    for (long o = 0; o < O; o += LANES / step)
        for (long first = 0; first < 9 * I; first += taps) {
            lanes sum[MOST_TAPS];
            UNROLLED for (long t = 0; t < taps / step; t++)
                sum[t] = (lanes){0};
            const long above = first / (3 * I), tap = first % (3 * I);
            for (long row = 0; row < height; row++) {
                const float *x = image + (row + above) * (width + 2) * I + tap;
                const float *g = dx + ((row + 1) * (width + 2) + 1) * O + o;
                for (long column = 0; column < width; column++, x += I, g += O) {
                    const half h = *(const half *)g;
                    const lanes by = step == 1 ? *(const lanes *)g
                                               : __builtin_shufflevector(h, h, 0, 0, 1, 1, 2, 2, 3,
                                                                         3, 4, 4, 5, 5, 6, 6, 7, 7);
                    UNROLLED for (long t = 0; t < taps / step; t++)
                        multiply_add(&sum[t], x + t * step, by, step);
                }
            }
            UNROLLED for (long t = 0; t < taps / step; t++)
                *(lanes *)(dtaps + (first + t * step) * O + o * step) += sum[t];
        }
}

/* Each number of input channels has code of its own, with the addresses of its taps in it. */
APART convolve(in image, long height, long width, in taps, out y, long I, long O)
{
#define CASE(I)                                                     \
    case I:                                                         \
        if (STEP(O) == 1)                                           \
            convolve_by(image, height, width, taps, y, O, I, 1);    \
        else                                                        \
            convolve_by(image, height, width, taps, y, 8, I, 2);    \
        break;
    switch (I) {
        CASE(4)
        CASE(8)
        CASE(16)
        CASE(32)
    }
}

APART convolve_back(in image, in dx, long height, long width, out dtaps, long I, long O)
{
    if (STEP(O) == 1)
        if (I == 4)
            add_taps(image, dx, height, width, dtaps, 4, O, 12, 1);
        else
            add_taps(image, dx, height, width, dtaps, I, O, 24, 1);
    else if (I == 4)
        add_taps(image, dx, height, width, dtaps, 4, 8, 12, 2);
    else
        add_taps(image, dx, height, width, dtaps, I, 8, 24, 2);
}

/* Into the middle of a border of zeros; three channels become four, the last of zeros. */
INLINED pad(in image, long height, long width, long channels, out padded)
{
    const long I = PADDED(channels);
    for (long row = 0; row < height; row++) {
        const float *x = image + row * width * channels;
        float *to = padded + ((row + 1) * (width + 2) + 1) * I;
        if (channels == I)
            memcpy(to, x, width * I * sizeof(float));
        else
            for (long column = 0; column < width; column++)
                memcpy(to + column * 4, x + column * 3, 3 * sizeof(float));
    }
}

INLINED there(in images, long batch, long height, long width, long channels, in kernel, long pool,
              in weight, in bias, out running_mean, out running_variance, double momentum,
              double eps, out padded, out mean, out inverse, out x, out y, out picked, const long C)
{
    const long pixels = height * width, I = PADDED(channels);
    double sum[C], squares[C];
    float taps[9 * I * C];
    EACH_CHANNEL sum[c] = squares[c] = 0;
    memset(taps, 0, sizeof taps);
    as_taps(kernel, C, channels, taps);
    for (long image = 0; image < batch; image++) {
        pad(images + image * pixels * channels, height, width, channels, padded);
        convolve(padded, height, width, taps, x + image * pixels * C, I, C);
        add_moments(x + image * pixels * C, height, width, x, sum, squares, C);
    }
    normalise(x, batch * height, width, pool, sum, squares, weight, bias, running_mean,
              running_variance, momentum, eps, mean, inverse, y, picked, C);
}

/* Writes x, the convolution's output, then what norm_pool_relu.c's forward writes. padded: room for
   an image with a border of zeros around. */
void forward(const float *images, long batch, long height, long width, long channels,
             const float *kernel, long C, long pool, const float *weight, const float *bias,
             float *running_mean, float *running_variance, double momentum, double eps,
             float *padded, float *mean, float *inverse, float *x, float *y, float *picked)
{
    WITH_CHANNELS(there, images, batch, height, width, channels, kernel, pool, weight, bias,
                  running_mean, running_variance, momentum, eps, padded, mean, inverse, x, y,
                  picked)
}

INLINED back(in gradient, in picked, in x, in images, long batch, long height, long width,
             long channels, in kernel, long pool, in weight, in bias, in mean, in inverse,
             out padded, out dx, out dweight, out dbias, out dkernel, out dimages, const long C)
{
    const long pixels = height * width, I = PADDED(channels), line = (width + 2) * C;
    float scale[C], shift[C], slope[C], offset[C], dtaps[9 * I * C], turned[9 * C * channels];
    memset(dtaps, 0, sizeof dtaps);
    as_taps_back(kernel, C, channels, turned);
    settle_back(gradient, picked, batch * height, width, pool, weight, bias, mean, inverse, dweight,
                dbias, scale, shift, slope, offset, C);
    for (long image = 0; image < batch; image++) {
        const long at = image * pixels * C, pooled = at / (pool * pool);
        spread(gradient + pooled, picked + pooled, x + at, height, width, pool, scale, shift, slope,
               offset, dx + line + C, line, C);
        pad(images + image * pixels * channels, height, width, channels, padded);
        convolve_back(padded, dx, height, width, dtaps, I, C);
        if (dimages)
            convolve(dx, height, width, turned, dimages + image * pixels * channels, C, channels);
    }
    from_taps(dtaps, C, channels, dkernel);
}

/* Writes the gradients of weight, bias, kernel and, unless they are null, the images. padded and
   dx: room for an image and a gradient with a border of zeros around. */
void backward(const float *gradient, const float *picked, const float *x, const float *images,
              long batch, long height, long width, long channels, const float *kernel, long C,
              long pool, const float *weight, const float *bias, const float *mean,
              const float *inverse, float *padded, float *dx, float *dweight, float *dbias,
              float *dkernel, float *dimages)
{
    WITH_CHANNELS(back, gradient, picked, x, images, batch, height, width, channels, kernel, pool,
                  weight, bias, mean, inverse, padded, dx, dweight, dbias, dkernel, dimages)
}
