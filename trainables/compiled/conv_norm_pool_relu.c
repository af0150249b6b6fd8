/* A 3x3 convolution, BatchNorm, max-pool and ReLU, a chunk of images at a time, so that what one
   step leaves is in the cache when the next one wants it: the convolution's output for its
   statistics and the pool, and its gradient, which never leaves the cache, for the two
   convolutions of the backward pass. conv_norm_pool_relu.py calls these functions; tests
   compare both ways with torch in double precision. */

#include <string.h>

#include "conv.h"

/* Memory that a call needs for itself. conv_norm_pool_relu.py has the same structure and the
   sizes. */
struct scratch {
    value *taps;          /* a packed kernel */
    value *padded_images; /* of a chunk, where three channels become four, else null */
    float *grad_taps;     /* backward: the gradient of a packed kernel */
    value *pairs;         /* backward: in bf16 for pairs of pixels, else null */
    value *conv_chunk;    /* a chunk's convolution: backward its gradient, in evaluation itself */
};

/* Images as convolve takes them: three channels become four, the last of zeros. */
static const value *pad_channels(const value *images, int64_t pixels, int64_t channels,
                                 value *padded)
{
    if (channels != 3)
        return images;
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(padded + pixel * 4, images + pixel * 3, 3 * sizeof *padded);
        padded[pixel * 4 + 3] = 0;
    }
    return padded;
}

/* Packs the kernel; the taps of padded channels are zeros. */
static void prepare_taps(struct convolution conv, int64_t out_channels, value *taps)
{
    memset(taps, 0, 9 * PADDED(conv.in_channels) * out_channels * sizeof *taps);
    pack_kernel(conv.kernel, out_channels, conv.in_channels, taps);
}

ALWAYS_INLINE void forward_channels(struct shape shape, struct convolution conv,
                                    struct batch_norm norm, struct scratch scratch,
                                    values_in images, values_out x, values_out y,
                                    values_out pooled, const int64_t C)
{
    const int64_t height = shape.height, width = shape.width, pixels = height * width;
    const int64_t chunk = conv.chunk, in_channels = conv.in_channels;
    double sum[C], sum_of_squares[C];
    EACH_CHANNEL sum[c] = sum_of_squares[c] = 0;
    prepare_taps(conv, C, scratch.taps);
    for (int64_t image = 0; image < shape.images; image += chunk) {
        const int64_t at = image * pixels * C;
        values_in inputs = pad_channels(images + image * pixels * in_channels, chunk * pixels,
                                        in_channels, scratch.padded_images);
        convolve(inputs, chunk, height, width, scratch.taps, x + at, PADDED(in_channels), C);
        accumulate_stats(x + at, chunk * height, width, shape.pool, norm.weight, x, sum,
                         sum_of_squares, pooled + at / (shape.pool * shape.pool), C);
    }
    normalize(pooled, shape, sum, sum_of_squares, x, norm, y, C);
}

/* Writes x, the convolution's output, then what forward in norm_pool_relu.c writes. */
void forward(const struct shape *shape, const struct convolution *conv,
             const struct batch_norm *norm, const struct scratch *scratch, const value *images,
             value *x, value *y, value *pooled)
{
    WITH_CHANNELS(shape->channels, forward_channels, *shape, *conv, *norm, *scratch, images, x, y,
                  pooled)
}

ALWAYS_INLINE void backward_channels(struct shape shape, struct convolution conv,
                                     struct batch_norm norm, struct scratch scratch,
                                     values_in grad_y, values_in pooled, values_in x,
                                     values_in images, floats_out grad_weight,
                                     floats_out grad_bias, floats_out grad_kernel,
                                     values_out grad_images, const int64_t C)
{
    const int64_t height = shape.height, width = shape.width, pixels = height * width;
    const int64_t chunk = conv.chunk, in_channels = conv.in_channels;
    float scale[C], shift[C], slope[C], offset[C];
    const struct affine affine = {scale, shift};
    const struct input_gradient input = {slope, offset};
    const struct shape part = {chunk, height, width, C, shape.pool};
    memset(scratch.grad_taps, 0, 9 * PADDED(in_channels) * C * sizeof *scratch.grad_taps);
    if (grad_images)
        pack_rotated_kernel(conv.kernel, C, in_channels, scratch.taps);
    finalize_gradients(grad_y, pooled, shape, norm, grad_weight, grad_bias, affine, input, C);
    for (int64_t image = 0; image < shape.images; image += chunk) {
        const int64_t at = image * pixels * C, at_y = at / (shape.pool * shape.pool);
        const int64_t at_input = image * pixels * in_channels;
        grad_input(grad_y + at_y, pooled + at_y, x + at, part, affine, input, scratch.conv_chunk,
                   C);
        values_in inputs = pad_channels(images + at_input, chunk * pixels, in_channels,
                                        scratch.padded_images);
        accumulate_grad_kernel(inputs, scratch.conv_chunk, chunk, height, width, scratch.grad_taps,
                               PADDED(in_channels), C, scratch.pairs);
        if (grad_images)
            convolve(scratch.conv_chunk, chunk, height, width, scratch.taps, grad_images + at_input,
                     C, in_channels);
    }
    unpack_grad_kernel(scratch.grad_taps, C, in_channels, grad_kernel);
}

/* Writes the gradients of weight, bias, kernel and, unless grad_images is null, the images. x,
   pooled and norm's statistics: as forward wrote them. */
void backward(const struct shape *shape, const struct convolution *conv,
              const struct batch_norm *norm, const struct scratch *scratch, const value *grad_y,
              const value *pooled, const value *x, const value *images, float *grad_weight,
              float *grad_bias, float *grad_kernel, value *grad_images)
{
    WITH_CHANNELS(shape->channels, backward_channels, *shape, *conv, *norm, *scratch, grad_y,
                  pooled, x, images, grad_weight, grad_bias, grad_kernel, grad_images)
}

ALWAYS_INLINE void evaluate_channels(struct shape shape, struct convolution conv,
                                     struct batch_norm norm, struct scratch scratch,
                                     values_in images, values_out y, const int64_t C)
{
    const int64_t height = shape.height, width = shape.width, pixels = height * width;
    const int64_t in_channels = conv.in_channels;
    float scale[C], shift[C];
    const struct affine affine = {scale, shift};
    running_affine(norm, affine, C);
    prepare_taps(conv, C, scratch.taps);
    for (int64_t image = 0; image < shape.images; image += conv.chunk) {
        const int64_t left = shape.images - image, chunk = left < conv.chunk ? left : conv.chunk;
        values_in inputs = pad_channels(images + image * pixels * in_channels, chunk * pixels,
                                        in_channels, scratch.padded_images);
        convolve(inputs, chunk, height, width, scratch.taps, scratch.conv_chunk,
                 PADDED(in_channels), C);
        pool_affine_relu(scratch.conv_chunk, chunk * height, width, shape.pool, norm.weight, affine,
                         y + image * pixels * C / (shape.pool * shape.pool), C);
    }
}

/* Writes y, with the running statistics. The convolution's output never leaves the cache. Here a
   chunk need not divide the batch. */
void evaluate(const struct shape *shape, const struct convolution *conv,
              const struct batch_norm *norm, const struct scratch *scratch, const value *images,
              value *y)
{
    WITH_CHANNELS(shape->channels, evaluate_channels, *shape, *conv, *norm, *scratch, images, y)
}

/* Whether the others take images of this shape. */
int is_supported(const struct shape *shape, const struct convolution *conv)
{
    return is_conv_supported(shape->height, shape->width, conv->in_channels, shape->channels);
}
