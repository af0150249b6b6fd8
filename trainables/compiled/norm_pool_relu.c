/* BatchNorm, max-pool and ReLU: two passes over memory forward, two backward, and one in
   evaluation. norm.h and norm_gradient.h have the passes, norm_pool_relu.py calls these functions,
   and tests compare them with torch in double precision. */

#include "norm_gradient.h"

ALWAYS_INLINE void forward_channels(struct shape shape, struct batch_norm norm, values_in x,
                                    values_out y, values_out pooled, const int64_t C)
{
    double sum[C], sum_of_squares[C];
    EACH_CHANNEL sum[c] = sum_of_squares[c] = 0;
    accumulate_stats(x, shape.images * shape.height, shape.width, shape.pool, norm.weight, x, sum,
                     sum_of_squares, pooled, C);
    normalize(pooled, shape, sum, sum_of_squares, x, norm, y, C);
}

/* Writes y, the statistics in norm and, where there is a pool, pooled. Without one pooled is x. */
void forward(const struct shape *shape, const struct batch_norm *norm, const value *x, value *y,
             value *pooled)
{
    WITH_CHANNELS(shape->channels, forward_channels, *shape, *norm, x, y, pooled)
}

ALWAYS_INLINE void backward_channels(struct shape shape, struct batch_norm norm, values_in grad_y,
                                     values_in pooled, values_in x, values_out grad_x,
                                     floats_out grad_weight, floats_out grad_bias, const int64_t C)
{
    float scale[C], shift[C], slope[C], offset[C];
    const struct affine affine = {scale, shift};
    const struct input_gradient input = {slope, offset};
    finalize_gradients(grad_y, pooled, shape, norm, grad_weight, grad_bias, affine, input, C);
    grad_input(grad_y, pooled, x, shape, affine, input, grad_x, C);
}

/* Writes the gradients of x, weight and bias. norm's statistics, pooled: as forward wrote them. */
void backward(const struct shape *shape, const struct batch_norm *norm, const value *grad_y,
              const value *pooled, const value *x, value *grad_x, float *grad_weight,
              float *grad_bias)
{
    WITH_CHANNELS(shape->channels, backward_channels, *shape, *norm, grad_y, pooled, x, grad_x,
                  grad_weight, grad_bias)
}

ALWAYS_INLINE void evaluate_channels(struct shape shape, struct batch_norm norm, values_in x,
                                     values_out y, const int64_t C)
{
    float scale[C], shift[C];
    const struct affine affine = {scale, shift};
    running_affine(norm, affine, C);
    pool_affine_relu(x, shape.images * shape.height, shape.width, shape.pool, norm.weight, affine,
                     y, C);
}

/* Writes y, with the running statistics. */
void evaluate(const struct shape *shape, const struct batch_norm *norm, const value *x, value *y)
{
    WITH_CHANNELS(shape->channels, evaluate_channels, *shape, *norm, x, y)
}
