/* BatchNorm, max-pool and ReLU of a convolution's output, in as few passes over it as there can be.

   Images lie pixel by pixel, the C channels of a pixel beside each other (channels last); rows are
   those of as many images as are given. pool is 1 or 2. picked holds, for each pixel of y,
   the value of x that it came from; where pool is 1 it is x itself. moments are per channel the
   batch's mean and then 1/deviation. Sums are kept in float over a row of pixels and in double over
   all rows. */

#pragma once

#include <math.h>

#include "values.h"

#define EACH_CHANNEL _Pragma("omp simd") for (long c = 0; c < C; c++)

/* Of few channels, known when this is compiled, a pixel is one or two instructions. */
#define WITH_CHANNELS(function, ...)                       \
    switch (C) {                                           \
    case 8: function(__VA_ARGS__, 8); break;               \
    case 16: function(__VA_ARGS__, 16); break;             \
    case 32: function(__VA_ARGS__, 32); break;             \
    default: function(__VA_ARGS__, C);                     \
    }

/* Of two rows by two the value that BatchNorm, which has no weight but its sign in this, makes the
   largest of all; of equal ones the first, as in torch. */
INLINED pick(values_in x, long width, in weight, values_out picked, const long C)
{
    for (long column = 0; column < width; column += 2) {
        values_in above = x + column * C, below = above + width * C;
        EACH_CHANNEL
        {
            const float sign = (weight[c] > 0) - (weight[c] < 0);
            const float x1 = number(above[C + c]);
            const float x2 = number(below[c]), x3 = number(below[C + c]);
            float best = number(above[c]);
            best = x1 * sign > best * sign ? x1 : best;
            best = x2 * sign > best * sign ? x2 : best;
            best = x3 * sign > best * sign ? x3 : best;
            picked[column / 2 * C + c] = value_of(best);
        }
    }
}

/* Adds the sums of x - origin and of its square, and where pool is 2 writes picked. A pixel is
   taken off, or the difference of two large numbers would be left where a mean is far from 0. */
INLINED gather(values_in x, long rows, long width, long pool, in weight, const value *origin,
               double *sum, double *squares, values_out picked, const long C)
{
    float ones[C], twos[C];
    for (long row = 0; row < rows; row++) {
        EACH_CHANNEL ones[c] = twos[c] = 0;
        for (long pixel = row * width; pixel < (row + 1) * width; pixel++)
            EACH_CHANNEL
            {
                const float v = number(x[pixel * C + c]) - number(origin[c]);
                ones[c] += v;
                twos[c] += v * v;
            }
        EACH_CHANNEL sum[c] += ones[c];
        EACH_CHANNEL squares[c] += twos[c];
        if (pool == 2 && row % 2)
            pick(x + (row - 1) * width * C, width, weight, picked + row / 2 * (width / 2) * C, C);
    }
}

/* The batch's mean and 1/deviation from those sums over count pixels, and the running ones. */
INLINED settle(const double *sum, const double *squares, const value *origin, double count,
               out running_mean, out running_variance, double momentum, double eps, out moments,
               const long C)
{
    out mean = moments, inverse = moments + C;
    for (long c = 0; c < C; c++) {
        const double shifted = sum[c] / count, variance = squares[c] / count - shifted * shifted;
        mean[c] = shifted + number(origin[c]);
        inverse[c] = 1 / sqrt(variance + eps);
        running_mean[c] += momentum * (mean[c] - running_mean[c]);
        running_variance[c] += momentum * (variance * count / (count - 1) - running_variance[c]);
    }
}

/* What BatchNorm does to a value: the same both ways, which decide by its sign. */
INLINED affine(in weight, in bias, in moments, out scale, out shift, const long C)
{
    for (long c = 0; c < C; c++) {
        scale[c] = weight[c] * moments[C + c];
        shift[c] = bias[c] - moments[c] * scale[c];
    }
}

INLINED apply(values_in x, long pixels, in scale, in shift, values_out y, const long C)
{
    for (long pixel = 0; pixel < pixels; pixel++)
        EACH_CHANNEL
        {
            const float v = number(x[pixel * C + c]) * scale[c] + shift[c];
            y[pixel * C + c] = value_of(v < 0 ? 0 : v); /* a NaN stays one */
        }
}

/* BatchNorm and ReLU of count values a channel whose sums were gathered: those of picked, which has
   pool * pool times less. Writes moments and y. */
INLINED normalise(values_in picked, double count, long pool, const double *sum, const double *squares,
                  const value *origin, in weight, in bias, out running_mean, out running_variance,
                  double momentum, double eps, out moments, values_out y, const long C)
{
    float scale[C], shift[C];
    settle(sum, squares, origin, count, running_mean, running_variance, momentum, eps, moments, C);
    affine(weight, bias, moments, scale, shift, C);
    apply(picked, count / (pool * pool), scale, shift, y, C);
}

/* Of the gradient where the ReLU let it through: its sum, and that of its product with x - mean. */
INLINED gradient_sums(values_in gradient, values_in picked, long rows, long width, in scale,
                      in shift, in mean, double *sum, double *product, const long C)
{
    float ones[C], products[C];
    EACH_CHANNEL sum[c] = product[c] = 0;
    for (long row = 0; row < rows; row++) {
        EACH_CHANNEL ones[c] = products[c] = 0;
        for (long pixel = row * width; pixel < (row + 1) * width; pixel++)
            EACH_CHANNEL
            {
                const long i = pixel * C + c;
                const float p = number(picked[i]);
                const float g = p * scale[c] + shift[c] > 0 ? number(gradient[i]) : 0;
                ones[c] += g;
                products[c] += g * (p - mean[c]);
            }
        EACH_CHANNEL sum[c] += ones[c];
        EACH_CHANNEL product[c] += products[c];
    }
}

/* Writes the gradients of weight and bias, and what makes that of x: where the ReLU let it through
   a gradient times scale, and everywhere slope * x + offset. rows and width are those of x. */
INLINED settle_back(values_in gradient, values_in picked, long rows, long width, long pool,
                    in weight, in bias, in moments, out dweight, out dbias, out scale, out shift,
                    out slope, out offset, const long C)
{
    in mean = moments, inverse = moments + C;
    double sum[C], product[C];
    affine(weight, bias, moments, scale, shift, C);
    gradient_sums(gradient, picked, rows / pool, width / pool, scale, shift, mean, sum, product, C);
    const double count = (double)rows * width;
    for (long c = 0; c < C; c++) {
        dbias[c] = sum[c];
        dweight[c] = product[c] * inverse[c];
        slope[c] = -scale[c] * inverse[c] * dweight[c] / count;
        offset[c] = -scale[c] * sum[c] / count - slope[c] * mean[c];
    }
}

INLINED spread_plain(values_in gradient, values_in x, long rows, long width, in scale, in shift,
                     in slope, in offset, values_out dx, const long C)
{
    for (long pixel = 0; pixel < rows * width; pixel++)
        EACH_CHANNEL
        {
            const float v = number(x[pixel * C + c]), dy = number(gradient[pixel * C + c]);
            const float g = v * scale[c] + shift[c] > 0 ? dy * scale[c] : 0;
            dx[pixel * C + c] = value_of(v * slope[c] + offset[c] + g);
        }
}

INLINED spread_pooled(values_in gradient, values_in picked, values_in x, long rows, long width,
                      in scale, in shift, in slope, in offset, values_out dx, const long C)
{
    for (long row = 0; row < rows; row += 2)
        for (long column = 0; column < width; column += 2) {
            const long at = (row * width + column) * C, line = width * C;
            values_in above = x + at, below = above + line;
            values_out dx_above = dx + at, dx_below = dx_above + line;
            const long from = (row / 2 * (width / 2) + column / 2) * C;
            EACH_CHANNEL
            {
                const float p = number(picked[from + c]), k = slope[c], b = offset[c];
                const float dy = number(gradient[from + c]);
                const float g = p * scale[c] + shift[c] > 0 ? dy * scale[c] : 0;
                const float x0 = number(above[c]), x1 = number(above[C + c]);
                const float x2 = number(below[c]), x3 = number(below[C + c]);
                const int is0 = x0 == p; /* of equal ones the first is it, as in torch */
                const int is1 = !is0 & (x1 == p);
                const int is2 = !is0 & !is1 & (x2 == p);
                const int is3 = !is0 & !is1 & !is2;
                dx_above[c] = value_of(x0 * k + b + (is0 ? g : 0));
                dx_above[C + c] = value_of(x1 * k + b + (is1 ? g : 0));
                dx_below[c] = value_of(x2 * k + b + (is2 ? g : 0));
                dx_below[C + c] = value_of(x3 * k + b + (is3 ? g : 0));
            }
        }
}

/* The gradient of x. */
INLINED spread(values_in gradient, values_in picked, values_in x, long rows, long width, long pool,
               in scale, in shift, in slope, in offset, values_out dx, const long C)
{
    if (pool == 1)
        spread_plain(gradient, x, rows, width, scale, shift, slope, offset, dx, C);
    else
        spread_pooled(gradient, picked, x, rows, width, scale, shift, slope, offset, dx, C);
}
