/* BatchNorm, then max-pool, then ReLU, in as few passes over memory as there can be.

   x is BatchNorm's input, y the ReLU's output. Both lie in NHWC order: the C channels of a pixel
   beside each other. `pooled` holds, for each pixel of y, the value of x that the pool selected; it
   is what the backward pass needs of the pool. Without a pool it is x itself.

   Sums over the batch are kept in float over a row of pixels and in double over the rows. The
   backward pass: norm_gradient.h. */

#pragma once

#include <math.h>

#include "values.h"

/* What BatchNorm's input looks like. norm_pool_relu.py has the same structure. */
struct shape {
    int64_t images, height, width, channels;
    int64_t pool; /* side of the max-pool's window and its stride: 1 (no pool) or 2 */
};

/* BatchNorm, (channels) each. norm_pool_relu.py has the same structure. */
struct batch_norm {
    const float *weight, *bias;
    float *running_mean, *running_var;
    float *mean, *inverse_std; /* of this batch: forward writes them, backward reads them; null in
                                  evaluation, which reads the running statistics */
    double momentum, eps;
};

/* BatchNorm as a function of one value, (channels) each: scale * x + shift. */
struct affine {
    float *scale, *shift;
};

#define EACH_CHANNEL _Pragma("omp simd") for (int64_t c = 0; c < C; c++)

/* Calls function with the number of channels as its last argument. It is a constant where it is
   small: a pixel is then one or two instructions. */
#define WITH_CHANNELS(channels, function, ...)      \
    switch (channels) {                             \
    case 8: function(__VA_ARGS__, 8); break;        \
    case 16: function(__VA_ARGS__, 16); break;      \
    case 32: function(__VA_ARGS__, 32); break;      \
    default: function(__VA_ARGS__, channels);       \
    }

ALWAYS_INLINE void max_pool_block(int64_t first, const int64_t n, values_in x, int64_t row_values,
                                  floats_in weight, values_out pooled, const int64_t C)
{
    const value *above = x + first, *below = above + row_values;
    float best[BLOCK], x1[BLOCK], x2[BLOCK], x3[BLOCK];
    widen(above, n, best), widen(above + C, n, x1);
    widen(below, n, x2), widen(below + C, n, x3);
    IN_BLOCK
    {
        const float sign = (weight[first + c] > 0) - (weight[first + c] < 0);
        best[c] = x1[c] * sign > best[c] * sign ? x1[c] : best[c];
        best[c] = x2[c] * sign > best[c] * sign ? x2[c] : best[c];
        best[c] = x3[c] * sign > best[c] * sign ? x3[c] : best[c];
    }
    round_block(best, n, pooled + first);
}

/* The max-pool of two rows. BatchNorm comes first, but it is monotonic: it keeps the order of x
   where the weight is positive and reverses it where the weight is negative. Of equal values
   the first is taken, as in torch. */
ALWAYS_INLINE void max_pool(values_in x, int64_t width, floats_in weight, values_out pooled,
                            const int64_t C)
{
    for (int64_t column = 0; column < width; column += 2)
        FOR_BLOCKS(C, max_pool_block, x + column * C, width * C, weight, pooled + column / 2 * C,
                   C);
}

ALWAYS_INLINE void add_row(int64_t first, const int64_t n, values_in x, int64_t width,
                           const value *origin, double *sum, double *sum_of_squares,
                           const int64_t C)
{
    float zero[BLOCK], v[BLOCK], row_sum[BLOCK] = {0}, row_squares[BLOCK] = {0};
    widen(origin + first, n, zero);
    for (int64_t pixel = 0; pixel < width; pixel++) {
        widen(x + pixel * C + first, n, v);
        IN_BLOCK
        {
            v[c] -= zero[c];
            row_sum[c] += v[c];
            row_squares[c] += v[c] * v[c];
        }
    }
    IN_BLOCK sum[first + c] += row_sum[c];
    IN_BLOCK sum_of_squares[first + c] += row_squares[c];
}

/* Adds up x - origin and its square, and writes pooled where there is a pool. origin is a pixel of
   x: without it, the variance would be a small difference of two large numbers where a mean is
   far from zero. rows: those of all images, one after another. */
ALWAYS_INLINE void accumulate_stats(values_in x, int64_t rows, int64_t width, int64_t pool,
                                    floats_in weight, const value *origin, double *sum,
                                    double *sum_of_squares, values_out pooled, const int64_t C)
{
    for (int64_t row = 0; row < rows; row++) {
        FOR_BLOCKS(C, add_row, x + row * width * C, width, origin, sum, sum_of_squares, C);
        if (pool == 2 && row % 2)
            max_pool(x + (row - 1) * width * C, width, weight, pooled + row / 2 * (width / 2) * C,
                     C);
    }
}

/* From those sums over count pixels: the batch's statistics, and the running ones updated. */
ALWAYS_INLINE void finalize_stats(const double *sum, const double *sum_of_squares,
                                  const value *origin, double count, struct batch_norm norm,
                                  const int64_t C)
{
    floats_out mean = norm.mean, inverse_std = norm.inverse_std;
    floats_out running_mean = norm.running_mean, running_var = norm.running_var;
    for (int64_t c = 0; c < C; c++) {
        const double shifted = sum[c] / count, var = sum_of_squares[c] / count - shifted * shifted;
        mean[c] = shifted + to_float(origin[c]);
        inverse_std[c] = 1 / sqrt(var + norm.eps);
        running_mean[c] += norm.momentum * (mean[c] - running_mean[c]);
        running_var[c] += norm.momentum * (var * count / (count - 1) - running_var[c]);
    }
}

/* With the batch's statistics. Forward and backward both call this, so that both decide alike where
   the ReLU is 0. */
ALWAYS_INLINE void batch_affine(struct batch_norm norm, struct affine affine, const int64_t C)
{
    floats_in weight = norm.weight, bias = norm.bias;
    floats_in mean = norm.mean, inverse_std = norm.inverse_std;
    floats_out scale = affine.scale, shift = affine.shift;
    for (int64_t c = 0; c < C; c++) {
        scale[c] = weight[c] * inverse_std[c];
        shift[c] = bias[c] - mean[c] * scale[c];
    }
}

ALWAYS_INLINE void affine_relu_block(int64_t first, const int64_t n, values_in x,
                                     struct affine affine, values_out y)
{
    floats_in scale = affine.scale + first, shift = affine.shift + first;
    float v[BLOCK];
    widen(x + first, n, v);
    IN_BLOCK
    {
        const float z = v[c] * scale[c] + shift[c];
        v[c] = z < 0 ? 0 : z; /* a NaN stays a NaN */
    }
    round_block(v, n, y + first);
}

ALWAYS_INLINE void affine_relu(values_in x, int64_t pixels, struct affine affine, values_out y,
                               const int64_t C)
{
    for (int64_t pixel = 0; pixel < pixels; pixel++)
        FOR_BLOCKS(C, affine_relu_block, x + pixel * C, affine, y + pixel * C);
}

/* The forward pass after accumulate_stats has seen the whole batch: statistics, then y. */
ALWAYS_INLINE void normalize(values_in pooled, struct shape shape, const double *sum,
                             const double *sum_of_squares, const value *origin,
                             struct batch_norm norm, values_out y, const int64_t C)
{
    float scale[C], shift[C];
    const struct affine affine = {scale, shift};
    const int64_t pixels = shape.images * shape.height * shape.width;
    finalize_stats(sum, sum_of_squares, origin, pixels, norm, C);
    batch_affine(norm, affine, C);
    affine_relu(pooled, pixels / (shape.pool * shape.pool), affine, y, C);
}

/* With the running statistics. */
ALWAYS_INLINE void running_affine(struct batch_norm norm, struct affine affine, const int64_t C)
{
    for (int64_t c = 0; c < C; c++) {
        affine.scale[c] = norm.weight[c] / sqrt(norm.running_var[c] + norm.eps);
        affine.shift[c] = norm.bias[c] - norm.running_mean[c] * affine.scale[c];
    }
}

/* Evaluation, whose statistics are known: all three operations on these rows in one pass. */
ALWAYS_INLINE void pool_affine_relu(values_in x, int64_t rows, int64_t width, int64_t pool,
                                    floats_in weight, struct affine affine, values_out y,
                                    const int64_t C)
{
    if (pool == 1) {
        affine_relu(x, rows * width, affine, y, C);
        return;
    }
    const int64_t row_values = width / 2 * C;
    value pooled[row_values];
    for (int64_t row = 0; row < rows; row += 2, y += row_values) {
        max_pool(x + row * width * C, width, weight, pooled, C);
        affine_relu(pooled, width / 2, affine, y, C);
    }
}
