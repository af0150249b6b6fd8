/* A 3x3 convolution (or a depthwise one and then a pointwise one), BatchNorm, max-pool and ReLU, a
   chunk of images at a time, so that what one step leaves is in the cache when the next one wants
   it: the convolution's output for its statistics and the pool, and its gradient, which never
   leaves the cache, for the convolutions of the backward pass. conv_norm_pool_relu.py calls these
   functions; tests compare both ways with torch in double precision. */

#include <string.h>

#include "separable.h"

/* Memory that a call needs for itself. conv_norm_pool_relu.py has the same structure and the
   sizes. */
struct scratch {
    value *taps;          /* a packed kernel */
    value *padded_images; /* of a chunk, where three channels become four, else null */
    float *grad_taps;     /* backward: the gradient of a packed kernel */
    value *pairs;         /* backward: in bf16 for pairs of pixels, else null */
    value *conv_chunk;    /* a chunk's convolution: backward its gradient, in evaluation itself */
    /* of a separable convolution, else null */
    float *windows;      /* packed */
    float *grad_windows; /* backward: their gradient, packed */
    float *bordered;     /* an image as the depthwise one takes it */
    value *between;      /* a chunk of the depthwise one's output, backward its gradient, too */
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
static void prepare_taps(struct convolution conv, int64_t out_channels, struct scratch scratch)
{
    if (conv.windows) {
        pack_windows(conv.windows, conv.in_channels, 0, scratch.windows);
        pack_matrix(conv.kernel, out_channels, conv.in_channels, 0, scratch.taps);
        return;
    }
    memset(scratch.taps, 0, 9 * PADDED(conv.in_channels) * out_channels * sizeof *scratch.taps);
    pack_kernel(conv.kernel, out_channels, conv.in_channels, scratch.taps);
}

/* The convolution of some images. */
static void convolve_images(struct convolution conv, struct scratch scratch, const value *images,
                            int64_t count, int64_t height, int64_t width, value *x, int64_t C)
{
    const int64_t pixels = count * height * width, in_channels = conv.in_channels;
    if (conv.windows) {
        depthwise(images, count, height, width, scratch.windows, scratch.between, in_channels,
                  scratch.bordered);
        pointwise(scratch.between, pixels, scratch.taps, x, in_channels, C);
        return;
    }
    const value *inputs = pad_channels(images, pixels, in_channels, scratch.padded_images);
    convolve(inputs, count, height, width, scratch.taps, x, PADDED(in_channels), C);
}

static void prepare_gradients(struct convolution conv, struct scratch scratch, int has_grad_images,
                              int64_t C)
{
    const int64_t in_channels = conv.in_channels;
    if (conv.windows) {
        const int64_t lanes = WINDOW * WHOLE_LANES(in_channels);
        memset(scratch.grad_windows, 0, lanes * sizeof *scratch.grad_windows);
        memset(scratch.grad_taps, 0, in_channels * C * sizeof *scratch.grad_taps);
        pack_windows(conv.windows, in_channels, 0, scratch.windows);
        pack_windows(conv.windows, in_channels, 1, scratch.windows + lanes);
        pack_matrix(conv.kernel, C, in_channels, 1, scratch.taps);
        return;
    }
    memset(scratch.grad_taps, 0, 9 * PADDED(in_channels) * C * sizeof *scratch.grad_taps);
    if (has_grad_images)
        pack_rotated_kernel(conv.kernel, C, in_channels, scratch.taps);
}

/* Adds what some images give to the gradient of the kernel, and writes that of the images unless
   grad_images is null. The gradient of their convolution is in the scratch memory. */
static void accumulate_conv_gradients(struct convolution conv, struct scratch scratch,
                                      const value *images, int64_t count, int64_t height,
                                      int64_t width, value *grad_images, int64_t C)
{
    const int64_t pixels = count * height * width, in_channels = conv.in_channels;
    if (conv.windows) {
        value *between = scratch.between, *grad_between = between + pixels * in_channels;
        depthwise(images, count, height, width, scratch.windows, between, in_channels,
                  scratch.bordered);
        accumulate_grad_matrix(between, scratch.conv_chunk, pixels, scratch.grad_taps, in_channels,
                               C, scratch.pairs);
        pointwise(scratch.conv_chunk, pixels, scratch.taps, grad_between, C, in_channels);
        accumulate_grad_windows(images, grad_between, count, height, width, scratch.grad_windows,
                                in_channels, scratch.bordered);
        if (grad_images)
            depthwise(grad_between, count, height, width,
                      scratch.windows + WINDOW * WHOLE_LANES(in_channels), grad_images, in_channels,
                      scratch.bordered);
        return;
    }
    const value *inputs = pad_channels(images, pixels, in_channels, scratch.padded_images);
    accumulate_grad_kernel(inputs, scratch.conv_chunk, count, height, width, scratch.grad_taps,
                           PADDED(in_channels), C, scratch.pairs);
    if (grad_images)
        convolve(scratch.conv_chunk, count, height, width, scratch.taps, grad_images, C,
                 in_channels);
}

static void finish_gradients(struct convolution conv, struct scratch scratch, float *grad_kernel,
                             float *grad_windows, int64_t C)
{
    if (conv.windows) {
        unpack_grad_windows(scratch.grad_windows, conv.in_channels, grad_windows);
        unpack_grad_matrix(scratch.grad_taps, C, conv.in_channels, grad_kernel);
    } else
        unpack_grad_kernel(scratch.grad_taps, C, conv.in_channels, grad_kernel);
}

ALWAYS_INLINE void forward_channels(struct shape shape, struct convolution conv,
                                    struct batch_norm norm, struct scratch scratch,
                                    values_in images, values_out x, values_out y,
                                    values_out pooled, const int64_t C)
{
    const int64_t height = shape.height, width = shape.width, pixels = height * width;
    const int64_t chunk = conv.chunk;
    double sum[C], sum_of_squares[C];
    EACH_CHANNEL sum[c] = sum_of_squares[c] = 0;
    prepare_taps(conv, C, scratch);
    for (int64_t image = 0; image < shape.images; image += chunk) {
        const int64_t at = image * pixels * C;
        convolve_images(conv, scratch, images + image * pixels * conv.in_channels, chunk, height,
                        width, x + at, C);
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
                                     floats_out grad_windows, values_out grad_images,
                                     const int64_t C)
{
    const int64_t height = shape.height, width = shape.width, pixels = height * width;
    const int64_t chunk = conv.chunk, in_channels = conv.in_channels;
    float scale[C], shift[C], slope[C], offset[C];
    const struct affine affine = {scale, shift};
    const struct input_gradient input = {slope, offset};
    const struct shape part = {chunk, height, width, C, shape.pool};
    prepare_gradients(conv, scratch, grad_images != 0, C);
    finalize_gradients(grad_y, pooled, shape, norm, grad_weight, grad_bias, affine, input, C);
    for (int64_t image = 0; image < shape.images; image += chunk) {
        const int64_t at = image * pixels * C, at_y = at / (shape.pool * shape.pool);
        const int64_t at_input = image * pixels * in_channels;
        grad_input(grad_y + at_y, pooled + at_y, x + at, part, affine, input, scratch.conv_chunk,
                   C);
        accumulate_conv_gradients(conv, scratch, images + at_input, chunk, height, width,
                                  grad_images ? grad_images + at_input : 0, C);
    }
    finish_gradients(conv, scratch, grad_kernel, grad_windows, C);
}

/* Writes the gradients of weight, bias, kernel, windows, if there are any, and, unless grad_images
   is null, the images. x, pooled and norm's statistics: as forward wrote them. */
void backward(const struct shape *shape, const struct convolution *conv,
              const struct batch_norm *norm, const struct scratch *scratch, const value *grad_y,
              const value *pooled, const value *x, const value *images, float *grad_weight,
              float *grad_bias, float *grad_kernel, float *grad_windows, value *grad_images)
{
    WITH_CHANNELS(shape->channels, backward_channels, *shape, *conv, *norm, *scratch, grad_y,
                  pooled, x, images, grad_weight, grad_bias, grad_kernel, grad_windows, grad_images)
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
    prepare_taps(conv, C, scratch);
    for (int64_t image = 0; image < shape.images; image += conv.chunk) {
        const int64_t left = shape.images - image, chunk = left < conv.chunk ? left : conv.chunk;
        convolve_images(conv, scratch, images + image * pixels * in_channels, chunk, height, width,
                        scratch.conv_chunk, C);
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
