/* A training batch from packed images, each pixel read once and written once: augment.py. */

#include <stdint.h>

enum { PIXELS = 32 * 32, HOLE_PIXELS = 8 * 8, PACKED_BYTES = 4, CHANNELS = 3 };

/* Of one epoch's draws, a row for each image of the batch: see draw_epoch. */
struct draw {
    int64_t image, crop, cutout;
};

/* pixels: (all images, PIXELS, PACKED_BYTES). crops: (crops, PIXELS), which pixel of the image comes
   where. holes: (cutouts, HOLE_PIXELS), which pixels are blanked. scale, shift: (CHANNELS), from a
   byte to a normalized value. y: (batch, PIXELS, CHANNELS). */
void augment(const uint8_t *restrict pixels, const struct draw *restrict draws, int64_t batch,
             const int32_t *restrict crops, const int64_t *restrict holes,
             const float *restrict scale, const float *restrict shift, float *restrict y)
{
    for (; batch--; draws++, y += PIXELS * CHANNELS) {
        const uint8_t *image = pixels + draws->image * PIXELS * PACKED_BYTES;
        const int32_t *from = crops + draws->crop * PIXELS;
        const int64_t *hole = holes + draws->cutout * HOLE_PIXELS;
        for (int64_t pixel = 0; pixel < PIXELS; pixel++)
            for (int64_t c = 0; c < CHANNELS; c++)
                y[pixel * CHANNELS + c]
                    = image[from[pixel] * PACKED_BYTES + c] * scale[c] + shift[c];
        for (int64_t pixel = 0; pixel < HOLE_PIXELS; pixel++)
            for (int64_t c = 0; c < CHANNELS; c++)
                y[hole[pixel] * CHANNELS + c] = 0; /* the mean colour */
    }
}
