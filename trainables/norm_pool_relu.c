/* BatchNorm, max-pool and ReLU of a convolution's output in two passes over it, and two back.

   Images lie pixel by pixel, the C channels of a pixel beside each other (channels last), in fp32;
   rows and width are those of all images together. pool is 1 or 2. picked holds, for each pixel of
   y, the value of x that it came from; where pool is 1 it is x itself. Sums are kept in float over
   a row of pixels and in double over all rows.

   Called by norm_pool_relu.py; its tests compare both ways with torch in double precision. */

#include <math.h>

typedef const float *restrict in;
typedef float *restrict out;

#define INLINED static inline __attribute__((always_inline)) void
#define EACH_CHANNEL _Pragma("omp simd") for (long c = 0; c < C; c++)

/* Of few channels, known when this is compiled, a pixel is one or two instructions. */
#define WITH_CHANNELS(function, ...)                       \
    switch (channels) {                                    \
    case 8: function(__VA_ARGS__, 8); break;               \
    case 16: function(__VA_ARGS__, 16); break;             \
    case 32: function(__VA_ARGS__, 32); break;             \
    default: function(__VA_ARGS__, channels);              \
    }

/* Mean and variance of each channel. The first pixel is taken off, or the difference of two large
   numbers would be left where a mean is far from 0. */
INLINED moments(in x, long rows, long width, double *mean, double *variance, const long C)
{
    float sum[C], squares[C];
    EACH_CHANNEL mean[c] = variance[c] = 0;
    for (long row = 0; row < rows; row++) {
        EACH_CHANNEL sum[c] = squares[c] = 0;
        for (long pixel = row * width; pixel < (row + 1) * width; pixel++)
            EACH_CHANNEL
            {
                const float v = x[pixel * C + c] - x[c];
                sum[c] += v;
                squares[c] += v * v;
            }
        EACH_CHANNEL mean[c] += sum[c];
        EACH_CHANNEL variance[c] += squares[c];
    }
    const double count = (double)rows * width;
    for (long c = 0; c < C; c++) {
        mean[c] /= count;
        variance[c] = variance[c] / count - mean[c] * mean[c];
        mean[c] += x[c];
    }
}

/* What BatchNorm does to a value of channel c: the same both ways, which decide by its sign. */
INLINED affine(long c, in weight, in bias, in mean, in inverse, out scale, out shift)
{
    scale[c] = weight[c] * inverse[c];
    shift[c] = bias[c] - mean[c] * scale[c];
}

INLINED apply(in x, long pixels, in scale, in shift, out y, const long C)
{
    for (long pixel = 0; pixel < pixels; pixel++)
        EACH_CHANNEL
        {
            const float v = x[pixel * C + c] * scale[c] + shift[c];
            y[pixel * C + c] = v < 0 ? 0 : v; /* a NaN stays one */
        }
}

INLINED apply_pooled(in x, long rows, long width, in scale, in shift, out y, out picked,
                     const long C)
{
    for (long row = 0; row < rows; row += 2)
        for (long column = 0; column < width; column += 2) {
            in above = x + (row * width + column) * C, below = above + width * C;
            const long to = (row / 2 * (width / 2) + column / 2) * C;
            EACH_CHANNEL
            {
                const float s = scale[c]; /* its sign decides which pixel is the largest */
                const float x1 = above[C + c], x2 = below[c], x3 = below[C + c];
                float best = above[c], most = best * s;
                best = x1 * s > most ? x1 : best, most = best * s;
                best = x2 * s > most ? x2 : best, most = best * s;
                best = x3 * s > most ? x3 : best, most = best * s;
                const float v = most + shift[c];
                picked[to + c] = best;
                y[to + c] = v < 0 ? 0 : v;
            }
        }
}

INLINED norm(in x, long rows, long width, long pool, in weight, in bias, out running_mean,
             out running_variance, double momentum, double eps, out mean, out inverse, out y,
             out picked, const long C)
{
    double means[C], variances[C];
    float scale[C], shift[C];
    moments(x, rows, width, means, variances, C);
    const double count = (double)rows * width;
    for (long c = 0; c < C; c++) {
        mean[c] = means[c];
        inverse[c] = 1 / sqrt(variances[c] + eps);
        affine(c, weight, bias, mean, inverse, scale, shift);
        running_mean[c] += momentum * (means[c] - running_mean[c]);
        running_variance[c] += momentum * (variances[c] * count / (count - 1) - running_variance[c]);
    }
    if (pool == 1)
        apply(x, rows * width, scale, shift, y, C);
    else
        apply_pooled(x, rows, width, scale, shift, y, picked, C);
}

/* Writes y, picked (where pool is 2), and per channel the batch's mean and 1/deviation. */
void forward(const float *x, long rows, long width, long channels, long pool, const float *weight,
             const float *bias, float *running_mean, float *running_variance, double momentum,
             double eps, float *mean, float *inverse, float *y, float *picked)
{
    WITH_CHANNELS(norm, x, rows, width, pool, weight, bias, running_mean, running_variance,
                  momentum, eps, mean, inverse, y, picked)
}

/* Of the gradient where the ReLU let it through: its sum, and that of its product with x - mean. */
INLINED gradient_sums(in gradient, in picked, long rows, long width, in scale, in shift, in mean,
                      double *sum, double *product, const long C)
{
    float ones[C], products[C];
    EACH_CHANNEL sum[c] = product[c] = 0;
    for (long row = 0; row < rows; row++) {
        EACH_CHANNEL ones[c] = products[c] = 0;
        for (long pixel = row * width; pixel < (row + 1) * width; pixel++)
            EACH_CHANNEL
            {
                const long i = pixel * C + c;
                const float g = picked[i] * scale[c] + shift[c] > 0 ? gradient[i] : 0;
                ones[c] += g;
                products[c] += g * (picked[i] - mean[c]);
            }
        EACH_CHANNEL sum[c] += ones[c];
        EACH_CHANNEL product[c] += products[c];
    }
}

INLINED spread(in gradient, in x, long pixels, in scale, in shift, in slope, in offset, out dx,
               const long C)
{
    for (long pixel = 0; pixel < pixels; pixel++)
        EACH_CHANNEL
        {
            const long i = pixel * C + c;
            const float g = x[i] * scale[c] + shift[c] > 0 ? gradient[i] * scale[c] : 0;
            dx[i] = x[i] * slope[c] + offset[c] + g;
        }
}

INLINED spread_pooled(in gradient, in picked, in x, long rows, long width, in scale, in shift,
                      in slope, in offset, out dx, const long C)
{
    for (long row = 0; row < rows; row += 2)
        for (long column = 0; column < width; column += 2) {
            const long corner = (row * width + column) * C;
            in above = x + corner, below = above + width * C;
            out dx_above = dx + corner, dx_below = dx_above + width * C;
            const long from = (row / 2 * (width / 2) + column / 2) * C;
            EACH_CHANNEL
            {
                const float p = picked[from + c], k = slope[c], b = offset[c];
                const float g = p * scale[c] + shift[c] > 0 ? gradient[from + c] * scale[c] : 0;
                const float x0 = above[c], x1 = above[C + c], x2 = below[c], x3 = below[C + c];
                const int is0 = x0 == p; /* of equal ones the first is it, as in torch */
                const int is1 = !is0 & (x1 == p);
                const int is2 = !is0 & !is1 & (x2 == p);
                const int is3 = !is0 & !is1 & !is2;
                dx_above[c] = x0 * k + b + (is0 ? g : 0);
                dx_above[C + c] = x1 * k + b + (is1 ? g : 0);
                dx_below[c] = x2 * k + b + (is2 ? g : 0);
                dx_below[C + c] = x3 * k + b + (is3 ? g : 0);
            }
        }
}

INLINED norm_back(in gradient, in picked, in x, long rows, long width, long pool, in weight, in bias,
                  in mean, in inverse, out dx, out dweight, out dbias, const long C)
{
    double sum[C], product[C];
    float scale[C], shift[C], slope[C], offset[C];
    for (long c = 0; c < C; c++)
        affine(c, weight, bias, mean, inverse, scale, shift);
    gradient_sums(gradient, picked, rows / pool, width / pool, scale, shift, mean, sum, product, C);
    const double count = (double)rows * width;
    for (long c = 0; c < C; c++) {
        dbias[c] = sum[c];
        dweight[c] = product[c] * inverse[c];
        slope[c] = -scale[c] * inverse[c] * dweight[c] / count;
        offset[c] = -scale[c] * sum[c] / count - slope[c] * mean[c];
    }
    if (pool == 1)
        spread(gradient, x, rows * width, scale, shift, slope, offset, dx, C);
    else
        spread_pooled(gradient, picked, x, rows, width, scale, shift, slope, offset, dx, C);
}

/* Writes the gradients of x, weight and bias. */
void backward(const float *gradient, const float *picked, const float *x, long rows, long width,
              long channels, long pool, const float *weight, const float *bias, const float *mean,
              const float *inverse, float *dx, float *dweight, float *dbias)
{
    WITH_CHANNELS(norm_back, gradient, picked, x, rows, width, pool, weight, bias, mean, inverse,
                  dx, dweight, dbias)
}
