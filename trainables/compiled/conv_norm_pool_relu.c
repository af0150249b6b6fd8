/* A 3x3 convolution, BatchNorm, max-pool and ReLU, a few images at a time, so that what one of them
   leaves is in the cache when the next wants it: a convolution's output for its mean, variance and
   pool, and its gradient, which never leaves the cache, for the two convolutions back. Called by
   conv_norm_pool_relu.py; its tests compare both ways with torch in double precision. */

#include <string.h>

#include "conv.h"

/* Images as convolve takes them: three channels become four, in room, the last of zeros. */
static const value *padded(const value *images, long pixels, long channels, value *room)
{
    if (channels != 3)
        return images;
    for (long pixel = 0; pixel < pixels; pixel++) {
        memcpy(room + pixel * 4, images + pixel * 3, 3 * sizeof *room);
        room[pixel * 4 + 3] = 0;
    }
    return room;
}

INLINED there(values_in images, long batch, long few, long height, long width, long channels,
              in kernel, long pool, in weight, in bias, out running_mean, out running_variance,
              double momentum, double eps, values_out taps, values_out room, out moments,
              values_out x, values_out y, values_out picked, const long C)
{
    const long pixels = height * width, I = PADDED(channels);
    double sum[C], squares[C];
    EACH_CHANNEL sum[c] = squares[c] = 0;
    memset(taps, 0, 9 * I * C * sizeof *taps);
    taps_from(kernel, C, channels, taps);
    for (long image = 0; image < batch; image += few) {
        const long at = image * pixels * C;
        values_in some = padded(images + image * pixels * channels, few * pixels, channels, room);
        convolve(some, few, height, width, taps, x + at, I, C);
        gather(x + at, few * height, width, pool, weight, x, sum, squares,
               picked + at / (pool * pool), C);
    }
    normalise(picked, (double)batch * pixels, pool, sum, squares, x, weight, bias, running_mean,
              running_variance, momentum, eps, moments, y, C);
}

/* Writes x, the convolution's output, then what norm_pool_relu.c's forward writes. batch: a
   multiple of few. Room is needed for taps, 9 times the input channels times C, and where three
   channels become four for few images. */
void forward(const value *images, long batch, long few, long height, long width, long channels,
             const float *kernel, long C, long pool, const float *weight, const float *bias,
             float *running_mean, float *running_variance, double momentum, double eps, value *taps,
             value *room, float *moments, value *x, value *y, value *picked)
{
    WITH_CHANNELS(there, images, batch, few, height, width, channels, kernel, pool, weight, bias,
                  running_mean, running_variance, momentum, eps, taps, room, moments, x, y, picked)
}

INLINED back(values_in gradient, values_in picked, values_in x, values_in images, long batch,
             long few, long height, long width, long channels, in kernel, long pool, in weight,
             in bias, in moments, values_out taps, out dtaps, values_out room, value *pairs,
             values_out dx, out dweight, out dbias, out dkernel, values_out dimages, const long C)
{
    const long pixels = height * width, I = PADDED(channels);
    float scale[C], shift[C], slope[C], offset[C];
    memset(dtaps, 0, 9 * I * C * sizeof *dtaps);
    if (dimages)
        taps_back_from(kernel, C, channels, taps);
    settle_back(gradient, picked, batch * height, width, pool, weight, bias, moments, dweight,
                dbias, scale, shift, slope, offset, C);
    for (long image = 0; image < batch; image += few) {
        const long at = image * pixels * C, pooled = at / (pool * pool);
        spread(gradient + pooled, picked + pooled, x + at, few * height, width, pool, scale, shift,
               slope, offset, dx, C);
        values_in some = padded(images + image * pixels * channels, few * pixels, channels, room);
        convolve_back(some, dx, few, height, width, dtaps, I, C, pairs);
        if (dimages)
            convolve(dx, few, height, width, taps, dimages + image * pixels * channels, C,
                     channels);
    }
    kernel_from(dtaps, C, channels, dkernel);
}

/* Writes the gradients of weight, bias, kernel and, unless they are null, the images. Room as in
   forward, for the gradients of taps and those of few images, and for convolve_back. */
void backward(const value *gradient, const value *picked, const value *x, const value *images,
              long batch, long few, long height, long width, long channels, const float *kernel,
              long C, long pool, const float *weight, const float *bias, const float *moments,
              value *taps, float *dtaps, value *room, value *pairs, value *dx, float *dweight,
              float *dbias, float *dkernel, value *dimages)
{
    WITH_CHANNELS(back, gradient, picked, x, images, batch, few, height, width, channels, kernel,
                  pool, weight, bias, moments, taps, dtaps, room, pairs, dx, dweight, dbias,
                  dkernel, dimages)
}
