/* The backward pass of BatchNorm, max-pool and ReLU: norm.h has the forward pass and the layout. */

#pragma once

#include "norm.h"

/* The gradient of x is slope * x + offset everywhere, plus scale * grad_y where the pool and the
   ReLU let grad_y through. (channels) each. */
struct input_gradient {
    float *slope, *offset;
};

ALWAYS_INLINE void add_gradient_row(int64_t first, const int64_t n, values_in grad_y,
                                    values_in pooled, int64_t width, struct affine affine,
                                    const float *mean, double *sum, double *sum_of_products,
                                    const int64_t C)
{
    floats_in scale = affine.scale + first, shift = affine.shift + first;
    float p[BLOCK], g[BLOCK], row_sum[BLOCK] = {0}, row_products[BLOCK] = {0};
    for (int64_t pixel = 0; pixel < width; pixel++) {
        widen(pooled + pixel * C + first, n, p), widen(grad_y + pixel * C + first, n, g);
        IN_BLOCK
        {
            g[c] = p[c] * scale[c] + shift[c] > 0 ? g[c] : 0;
            row_sum[c] += g[c];
            row_products[c] += g[c] * (p[c] - mean[first + c]);
        }
    }
    IN_BLOCK sum[first + c] += row_sum[c];
    IN_BLOCK sum_of_products[first + c] += row_products[c];
}

/* Sums of grad_y where the ReLU let it through, and of its product with x - mean. rows and width
   are those of y. */
ALWAYS_INLINE void accumulate_gradients(values_in grad_y, values_in pooled, int64_t rows,
                                        int64_t width, struct affine affine, const float *mean,
                                        double *sum, double *sum_of_products, const int64_t C)
{
    EACH_CHANNEL sum[c] = sum_of_products[c] = 0;
    for (int64_t row = 0; row < rows; row++)
        FOR_BLOCKS(C, add_gradient_row, grad_y + row * width * C, pooled + row * width * C, width,
                   affine, mean, sum, sum_of_products, C);
}

/* The first half of the backward pass, over the whole batch: writes the gradients of weight and
   bias, and what grad_input needs. */
ALWAYS_INLINE void finalize_gradients(values_in grad_y, values_in pooled, struct shape shape,
                                      struct batch_norm norm, floats_out grad_weight,
                                      floats_out grad_bias, struct affine affine,
                                      struct input_gradient input, const int64_t C)
{
    floats_in mean = norm.mean, inverse_std = norm.inverse_std;
    floats_out scale = affine.scale, slope = input.slope, offset = input.offset;
    const int64_t rows = shape.images * shape.height;
    double sum[C], sum_of_products[C];
    batch_affine(norm, affine, C);
    accumulate_gradients(grad_y, pooled, rows / shape.pool, shape.width / shape.pool, affine,
                         mean, sum, sum_of_products, C);
    const double count = (double)rows * shape.width;
    for (int64_t c = 0; c < C; c++) {
        grad_bias[c] = sum[c];
        grad_weight[c] = sum_of_products[c] * inverse_std[c];
        slope[c] = -scale[c] * inverse_std[c] * grad_weight[c] / count;
        offset[c] = -scale[c] * sum[c] / count - slope[c] * mean[c];
    }
}

ALWAYS_INLINE void grad_input_block(int64_t first, const int64_t n, values_in grad_y, values_in x,
                                    struct affine affine, struct input_gradient input,
                                    values_out grad_x)
{
    floats_in scale = affine.scale + first, shift = affine.shift + first;
    floats_in slope = input.slope + first, offset = input.offset + first;
    float v[BLOCK], grad[BLOCK];
    widen(x + first, n, v), widen(grad_y + first, n, grad);
    IN_BLOCK
    {
        const float g = v[c] * scale[c] + shift[c] > 0 ? grad[c] * scale[c] : 0;
        grad[c] = v[c] * slope[c] + offset[c] + g;
    }
    round_block(grad, n, grad_x + first);
}

/* Of a window of four pixels: x and grad_x are its first, row_values before the first one below. */
ALWAYS_INLINE void grad_window_block(int64_t first, const int64_t n, values_in grad_y,
                                     values_in pooled, values_in x, int64_t row_values,
                                     struct affine affine, struct input_gradient input,
                                     values_out grad_x, const int64_t C)
{
    floats_in scale = affine.scale + first, shift = affine.shift + first;
    floats_in slope = input.slope + first, offset = input.offset + first;
    const value *above = x + first, *below = above + row_values;
    value *grad_above = grad_x + first, *grad_below = grad_above + row_values;
    float p[BLOCK], dy[BLOCK], x0[BLOCK], x1[BLOCK], x2[BLOCK], x3[BLOCK];
    widen(pooled + first, n, p), widen(grad_y + first, n, dy);
    widen(above, n, x0), widen(above + C, n, x1);
    widen(below, n, x2), widen(below + C, n, x3);
    IN_BLOCK
    {
        const float k = slope[c], b = offset[c];
        /* Of equal values the first gets it, as in torch. */
        const float g = p[c] * scale[c] + shift[c] > 0 ? dy[c] * scale[c] : 0;
        const float after0 = x0[c] == p[c] ? 0 : g;
        const float after1 = x1[c] == p[c] ? 0 : after0;
        const float after2 = x2[c] == p[c] ? 0 : after1;
        x0[c] = x0[c] * k + b + (x0[c] == p[c] ? g : 0);
        x1[c] = x1[c] * k + b + (x1[c] == p[c] ? after0 : 0);
        x2[c] = x2[c] * k + b + (x2[c] == p[c] ? after1 : 0);
        x3[c] = x3[c] * k + b + after2;
    }
    round_block(x0, n, grad_above), round_block(x1, n, grad_above + C);
    round_block(x2, n, grad_below), round_block(x3, n, grad_below + C);
}

/* The second half of the backward pass, for as many images as shape says: the gradient of x. */
ALWAYS_INLINE void grad_input(values_in grad_y, values_in pooled, values_in x, struct shape shape,
                              struct affine affine, struct input_gradient input, values_out grad_x,
                              const int64_t C)
{
    const int64_t rows = shape.images * shape.height, width = shape.width;
    if (shape.pool == 1)
        for (int64_t at = 0; at < rows * width * C; at += C)
            FOR_BLOCKS(C, grad_input_block, grad_y + at, x + at, affine, input, grad_x + at);
    else
        for (int64_t row = 0; row < rows; row += 2)
            for (int64_t column = 0; column < width; column += 2) {
                const int64_t at = (row * width + column) * C;
                const int64_t from = (row / 2 * (width / 2) + column / 2) * C;
                FOR_BLOCKS(C, grad_window_block, grad_y + from, pooled + from, x + at, width * C,
                           affine, input, grad_x + at, C);
            }
}
