/* Two passes over a convolution's output, and two back: norm.h has them, norm_pool_relu.py calls
   them, and tests compare both ways with torch in double precision. */

#include "norm.h"

INLINED there(values_in x, long rows, long width, long pool, in weight, in bias, out running_mean,
              out running_variance, double momentum, double eps, out moments, values_out y,
              values_out picked, const long C)
{
    double sum[C], squares[C];
    EACH_CHANNEL sum[c] = squares[c] = 0;
    gather(x, rows, width, pool, weight, x, sum, squares, picked, C);
    normalise(picked, (double)rows * width, pool, sum, squares, x, weight, bias, running_mean,
              running_variance, momentum, eps, moments, y, C);
}

/* Writes y, picked (where pool is 2) and moments. */
void forward(const value *x, long rows, long width, long C, long pool, const float *weight,
             const float *bias, float *running_mean, float *running_variance, double momentum,
             double eps, float *moments, value *y, value *picked)
{
    WITH_CHANNELS(there, x, rows, width, pool, weight, bias, running_mean, running_variance,
                  momentum, eps, moments, y, picked)
}

INLINED back(values_in gradient, values_in picked, values_in x, long rows, long width, long pool,
             in weight, in bias, in moments, values_out dx, out dweight, out dbias, const long C)
{
    float scale[C], shift[C], slope[C], offset[C];
    settle_back(gradient, picked, rows, width, pool, weight, bias, moments, dweight, dbias, scale,
                shift, slope, offset, C);
    spread(gradient, picked, x, rows, width, pool, scale, shift, slope, offset, dx, C);
}

/* Writes the gradients of x, weight and bias. */
void backward(const value *gradient, const value *picked, const value *x, long rows, long width,
              long C, long pool, const float *weight, const float *bias, const float *moments,
              value *dx, float *dweight, float *dbias)
{
    WITH_CHANNELS(back, gradient, picked, x, rows, width, pool, weight, bias, moments, dx, dweight,
                  dbias)
}
