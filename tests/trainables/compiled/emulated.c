/* Runs the compiled functions once, on another processor than the tests' own: test_emulated.py.

   Reads from its standard input what they need, and writes to its standard output what they write,
   each an array of the machine's own format after another. */

#include <stdio.h>
#include <stdlib.h>

#include "augment.c"
#include "norm_pool_relu.c"

static void *read_array(size_t count, size_t size)
{
    void *array = malloc(count * size + 1);
    if (!array || fread(array, size, count, stdin) != count)
        exit(1);
    return array;
}

static void *write_later(size_t count, size_t size)
{
    return calloc(count + 1, size);
}

#define READ(type, count) ((type *)read_array(count, sizeof(type)))
#define WRITE(array, count) fwrite(array, sizeof *(array), count, stdout)

static void run_norm_pool_relu(void)
{
    const struct shape shape = *READ(struct shape, 1);
    const int64_t C = shape.channels, in = shape.images * shape.height * shape.width * C;
    const int64_t out = in / (shape.pool * shape.pool);
    struct batch_norm norm = {.momentum = .1, .eps = 1e-5};
    norm.weight = READ(float, C), norm.bias = READ(float, C);
    norm.running_mean = READ(float, C), norm.running_var = READ(float, C);
    norm.mean = write_later(C, sizeof(float)), norm.inverse_std = write_later(C, sizeof(float));
    const value *x = READ(value, in), *grad_y = READ(value, out);
    value *evaluated = write_later(out, sizeof(value)), *y = write_later(out, sizeof(value));
    value *selected = write_later(out, sizeof(value)), *grad_x = write_later(in, sizeof(value));
    float *grad_weight = write_later(C, sizeof(float)), *grad_bias = write_later(C, sizeof(float));
    const value *pooled = shape.pool == 1 ? x : selected;

    evaluate(&shape, &norm, x, evaluated);
    forward(&shape, &norm, x, y, (value *)pooled);
    backward(&shape, &norm, grad_y, pooled, x, grad_x, grad_weight, grad_bias);
    WRITE(evaluated, out), WRITE(y, out), WRITE(grad_x, in);
    WRITE(grad_weight, C), WRITE(grad_bias, C);
    WRITE(norm.running_mean, C), WRITE(norm.running_var, C);
}

static void run_augment(void)
{
    enum { ALL_IMAGES, POSITIONS, DRAW_WIDTH, IMAGES, SIDE, CUTOUT_SIDE, SIZES };
    const int64_t *sizes = READ(int64_t, SIZES), side = sizes[SIDE];
    const int64_t draws = sizes[IMAGES] * sizes[DRAW_WIDTH], rows = sizes[POSITIONS] * side;
    struct batch batch = {.draw_width = sizes[DRAW_WIDTH], .images = sizes[IMAGES],
                          .side = side, .cutout = sizes[CUTOUT_SIDE]};
    batch.pixels = READ(uint8_t, sizes[ALL_IMAGES] * side * side * PACKED_BYTES);
    batch.draws = READ(int64_t, draws);
    const int32_t *from_row = READ(int32_t, rows), *from_column = READ(int32_t, 2 * rows);
    batch.scale = READ(float, CHANNELS), batch.shift = READ(float, CHANNELS);
    const int64_t count = batch.images * side * side * CHANNELS;
    float *y = write_later(count, sizeof *y);
    augment(&batch, sizes[POSITIONS], from_row, from_column, y);
    WRITE(y, count);
    plain(&batch, y);
    WRITE(y, count);
}

int main(int count, char **arguments)
{
    (void)arguments;
    if (count > 1)
        run_augment();
    else
        run_norm_pool_relu();
    return fflush(stdout);
}
