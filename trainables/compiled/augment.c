/* A batch of packed images, augmented for training or as they are, each pixel read once and written
   once: augment.py. */

#include <stdint.h>

enum { PACKED_BYTES = 4, CHANNELS = 3 };
enum { IMAGE, CROP, CUTOUT, TOP, LEFT, HEIGHT, WIDTH }; /* what is drawn for an image: draw_epoch */

/* pixels: (all images, side, side, PACKED_BYTES). draws: (images, draw_width). cutout: the side of
   the blanked square. scale, shift: (CHANNELS), from a byte to a normalized value. */
struct batch {
    const uint8_t *pixels;
    const int64_t *draws;
    int64_t draw_width, images, side, cutout;
    const float *scale, *shift;
};

static const uint8_t *image_of(const struct batch *batch, const int64_t *draw)
{
    return batch->pixels + draw[IMAGE] * batch->side * batch->side * PACKED_BYTES;
}

/* Cutout number `number` of an image y becomes the mean colour. */
static void cut_out(float *y, const struct batch *batch, int64_t number)
{
    int64_t side = batch->side, cutout = batch->cutout, positions = side - cutout + 1;
    float *corner = y + (number / positions * side + number % positions) * CHANNELS;
    for (int64_t row = 0; row < cutout; row++, corner += side * CHANNELS)
        for (int64_t i = 0; i < cutout * CHANNELS; i++)
            corner[i] = 0;
}

/* rows: (positions, side), for each vertical position of the crop, which row of the image comes
   where. columns: (positions, 2, side), the same for columns, as they are and mirrored.
   y: (images, side, side, CHANNELS). */
void augment(const struct batch *batch, int64_t positions, const int32_t *restrict rows,
             const int32_t *restrict columns, float *restrict y)
{
    int64_t side = batch->side;
    const float *restrict scale = batch->scale, *restrict shift = batch->shift;
    const int64_t *draw = batch->draws;
    for (int64_t n = batch->images; n--; draw += batch->draw_width, y += side * side * CHANNELS) {
        const uint8_t *restrict image = image_of(batch, draw);
        int64_t place = draw[CROP] / 2, flip = draw[CROP] % 2;
        const int32_t *from_row = rows + place / positions * side;
        const int32_t *from_column = columns + (place % positions * 2 + flip) * side;
        for (int64_t row = 0; row < side; row++) {
            const uint8_t *from = image + from_row[row] * side * PACKED_BYTES;
            float *to = y + row * side * CHANNELS;
            for (int64_t x = 0; x < side; x++)
                for (int64_t c = 0; c < CHANNELS; c++)
                    to[x * CHANNELS + c]
                        = from[from_column[x] * PACKED_BYTES + c] * scale[c] + shift[c];
        }
        cut_out(y, batch, draw[CUTOUT]);
    }
}

/* Where pixel i of `side` lies in the `length` pixels that fill it: the pixel before it, and how
   far beyond. Bilinear with half-pixel centres; what lies beyond the part is not seen. */
static float source(int64_t i, int64_t side, int64_t length, int64_t *before)
{
    float at = (i + 0.5f) * length / side - 0.5f;
    at = at < 0 ? 0 : at > length - 1 ? length - 1 : at;
    *before = (int64_t)at;
    return at - *before;
}

/* Each image's drawn part, resized to the square, perhaps mirrored, cut out. before, weight:
   scratch of `side` values each. */
void augment_resized(const struct batch *batch, int64_t *restrict before, float *restrict weight,
                     float *restrict y)
{
    int64_t side = batch->side;
    const float *restrict scale = batch->scale, *restrict shift = batch->shift;
    const int64_t *draw = batch->draws;
    for (int64_t n = batch->images; n--; draw += batch->draw_width, y += side * side * CHANNELS) {
        const uint8_t *restrict part
            = image_of(batch, draw) + (draw[TOP] * side + draw[LEFT]) * PACKED_BYTES;
        for (int64_t x = 0; x < side; x++)
            weight[x]
                = source(draw[CROP] % 2 ? side - 1 - x : x, side, draw[WIDTH], before + x);
        for (int64_t row = 0; row < side; row++) {
            int64_t line;
            float down = source(row, side, draw[HEIGHT], &line);
            const uint8_t *upper = part + line * side * PACKED_BYTES;
            const uint8_t *lower = upper + (line + 1 < draw[HEIGHT] ? side * PACKED_BYTES : 0);
            float *to = y + row * side * CHANNELS;
            for (int64_t x = 0; x < side; x++) {
                int64_t a = before[x] * PACKED_BYTES;
                int64_t b = a + (before[x] + 1 < draw[WIDTH] ? PACKED_BYTES : 0);
                for (int64_t c = 0; c < CHANNELS; c++) {
                    float high = upper[a + c] + (upper[b + c] - upper[a + c]) * weight[x];
                    float low = lower[a + c] + (lower[b + c] - lower[a + c]) * weight[x];
                    to[x * CHANNELS + c] = (high + (low - high) * down) * scale[c] + shift[c];
                }
            }
        }
        cut_out(y, batch, draw[CUTOUT]);
    }
}

/* Images as they are; of a draw only the image is read. */
void plain(const struct batch *batch, float *restrict y)
{
    const int64_t pixels = batch->side * batch->side;
    const float *restrict scale = batch->scale, *restrict shift = batch->shift;
    const int64_t *draw = batch->draws;
    for (int64_t n = batch->images; n--; draw += batch->draw_width) {
        const uint8_t *restrict image = image_of(batch, draw);
        for (int64_t pixel = 0; pixel < pixels; pixel++, y += CHANNELS)
            for (int64_t c = 0; c < CHANNELS; c++)
                y[c] = image[pixel * PACKED_BYTES + c] * scale[c] + shift[c];
    }
}
