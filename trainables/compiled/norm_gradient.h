/* The backward pass of BatchNorm, max-pool and ReLU: norm.h has the forward pass and the layout. */

#pragma once

#include "norm.h"

/* The gradient of x is slope * x + offset everywhere, plus scale * grad_y where the pool and the
   ReLU let grad_y through. (channels) each. */
struct input_gradient {
    float *slope, *offset;
};

/* Sums of grad_y where the ReLU let it through, and of its product with x - mean. rows and width
   are those of y. */
ALWAYS_INLINE void accumulate_gradients(values_in grad_y, values_in pooled, int64_t rows,
                                        int64_t width, floats_in scale, floats_in shift,
                                        floats_in mean, double *sum, double *sum_of_products,
                                        const int64_t C)
{
    float row_sum[C], row_products[C];
    EACH_CHANNEL sum[c] = sum_of_products[c] = 0;
    for (int64_t row = 0; row < rows; row++) {
        EACH_CHANNEL row_sum[c] = row_products[c] = 0;
        for (int64_t pixel = row * width; pixel < (row + 1) * width; pixel++)
            EACH_CHANNEL
            {
                const int64_t i = pixel * C + c;
                const float p = to_float(pooled[i]);
                const float g = p * scale[c] + shift[c] > 0 ? to_float(grad_y[i]) : 0;
                row_sum[c] += g;
                row_products[c] += g * (p - mean[c]);
            }
        EACH_CHANNEL sum[c] += row_sum[c];
        EACH_CHANNEL sum_of_products[c] += row_products[c];
    }
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
    accumulate_gradients(grad_y, pooled, rows / shape.pool, shape.width / shape.pool, affine.scale,
                         affine.shift, mean, sum, sum_of_products, C);
    const double count = (double)rows * shape.width;
    for (int64_t c = 0; c < C; c++) {
        grad_bias[c] = sum[c];
        grad_weight[c] = sum_of_products[c] * inverse_std[c];
        slope[c] = -scale[c] * inverse_std[c] * grad_weight[c] / count;
        offset[c] = -scale[c] * sum[c] / count - slope[c] * mean[c];
    }
}

ALWAYS_INLINE void grad_input_pixels(values_in grad_y, values_in x, int64_t pixels, floats_in scale,
                                     floats_in shift, floats_in slope, floats_in offset,
                                     values_out grad_x, const int64_t C)
{
    for (int64_t pixel = 0; pixel < pixels; pixel++)
        EACH_CHANNEL
        {
            const float v = to_float(x[pixel * C + c]), dy = to_float(grad_y[pixel * C + c]);
            const float g = v * scale[c] + shift[c] > 0 ? dy * scale[c] : 0;
            grad_x[pixel * C + c] = from_float(v * slope[c] + offset[c] + g);
        }
}

ALWAYS_INLINE void grad_input_without_pool(values_in grad_y, values_in x, int64_t pixels,
                                           struct affine affine, struct input_gradient input,
                                           values_out grad_x, const int64_t C)
{
    if (C == 8 && pixels % 2 == 0) {
        float scale[16], shift[16], slope[16], offset[16];
        repeat(affine.scale, scale), repeat(affine.shift, shift);
        repeat(input.slope, slope), repeat(input.offset, offset);
        grad_input_pixels(grad_y, x, pixels / 2, scale, shift, slope, offset, grad_x, 16);
    } else
        grad_input_pixels(grad_y, x, pixels, affine.scale, affine.shift, input.slope, input.offset,
                          grad_x, C);
}

ALWAYS_INLINE void grad_input_with_pool(values_in grad_y, values_in pooled, values_in x,
                                        int64_t rows, int64_t width, floats_in scale,
                                        floats_in shift, floats_in slope, floats_in offset,
                                        values_out grad_x, const int64_t C)
{
    for (int64_t row = 0; row < rows; row += 2)
        for (int64_t column = 0; column < width; column += 2) {
            const int64_t at = (row * width + column) * C, row_values = width * C;
            values_in above = x + at, below = above + row_values;
            values_out grad_above = grad_x + at, grad_below = grad_above + row_values;
            const int64_t from = (row / 2 * (width / 2) + column / 2) * C;
            EACH_CHANNEL
            {
                const float p = to_float(pooled[from + c]), k = slope[c], b = offset[c];
                const float dy = to_float(grad_y[from + c]);
                const float g = p * scale[c] + shift[c] > 0 ? dy * scale[c] : 0;
                const float x0 = to_float(above[c]), x1 = to_float(above[C + c]);
                const float x2 = to_float(below[c]), x3 = to_float(below[C + c]);
                const int is0 = x0 == p; /* of equal values the first gets it, as in torch */
                const int is1 = !is0 & (x1 == p);
                const int is2 = !is0 & !is1 & (x2 == p);
                const int is3 = !is0 & !is1 & !is2;
                grad_above[c] = from_float(x0 * k + b + (is0 ? g : 0));
                grad_above[C + c] = from_float(x1 * k + b + (is1 ? g : 0));
                grad_below[c] = from_float(x2 * k + b + (is2 ? g : 0));
                grad_below[C + c] = from_float(x3 * k + b + (is3 ? g : 0));
            }
        }
}

/* The second half of the backward pass, for as many images as shape says: the gradient of x. */
ALWAYS_INLINE void grad_input(values_in grad_y, values_in pooled, values_in x, struct shape shape,
                              struct affine affine, struct input_gradient input, values_out grad_x,
                              const int64_t C)
{
    const int64_t rows = shape.images * shape.height;
    if (shape.pool == 1)
        grad_input_without_pool(grad_y, x, rows * shape.width, affine, input, grad_x, C);
    else
        grad_input_with_pool(grad_y, pooled, x, rows, shape.width, affine.scale, affine.shift,
                             input.slope, input.offset, grad_x, C);
}
