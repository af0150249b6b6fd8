/* Two passes over a convolution's output, and two back: norm.h has them, norm_pool_relu.py calls
   them, and tests compare both ways with torch in double precision. */

#include "norm.h"

INLINED there(in x, long rows, long width, long pool, in weight, in bias, out running_mean,
              out running_variance, double momentum, double eps, out mean, out inverse, out y,
              out picked, const long C)
{
    double sum[C], squares[C];
    EACH_CHANNEL sum[c] = squares[c] = 0;
    add_moments(x, rows, width, x, sum, squares, C);
    normalise(x, rows, width, pool, sum, squares, weight, bias, running_mean, running_variance,
              momentum, eps, mean, inverse, y, picked, C);
}

/* Writes y, picked (where pool is 2), and per channel the batch's mean and 1/deviation. */
void forward(const float *x, long rows, long width, long C, long pool, const float *weight,
             const float *bias, float *running_mean, float *running_variance, double momentum,
             double eps, float *mean, float *inverse, float *y, float *picked)
{
    WITH_CHANNELS(there, x, rows, width, pool, weight, bias, running_mean, running_variance,
                  momentum, eps, mean, inverse, y, picked)
}

INLINED back(in gradient, in picked, in x, long rows, long width, long pool, in weight, in bias,
             in mean, in inverse, out dx, out dweight, out dbias, const long C)
{
    float scale[C], shift[C], slope[C], offset[C];
    settle_back(gradient, picked, rows, width, pool, weight, bias, mean, inverse, dweight, dbias,
                scale, shift, slope, offset, C);
    spread(gradient, picked, x, rows, width, pool, scale, shift, slope, offset, dx, width * C, C);
}

/* Writes the gradients of x, weight and bias. */
void backward(const float *gradient, const float *picked, const float *x, long rows, long width,
              long C, long pool, const float *weight, const float *bias, const float *mean,
              const float *inverse, float *dx, float *dweight, float *dbias)
{
    WITH_CHANNELS(back, gradient, picked, x, rows, width, pool, weight, bias, mean, inverse, dx,
                  dweight, dbias)
}
