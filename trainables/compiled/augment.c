/* A training batch from packed images, each pixel read once and written once: augment.py. */

enum { PIXELS = 1024, HOLE = 64, BYTES = 4, CHANNELS = 3 };

/* pixels: four bytes each, of all images. draws: image, crop and cutout of each image of the batch.
   crops, cuts: which pixel of the image comes where, and which are blanked, for each that may be
   drawn. out: (batch, PIXELS, CHANNELS). */
void augment(const unsigned char *restrict pixels, const long *restrict draws, long batch,
             const int *restrict crops, const long *restrict cuts, const float *restrict scale,
             const float *restrict shift, float *restrict out)
{
    for (; batch--; draws += 3, out += PIXELS * CHANNELS) {
        const unsigned char *image = pixels + draws[0] * PIXELS * BYTES;
        const int *from = crops + draws[1] * PIXELS;
        const long *hole = cuts + draws[2] * HOLE;
        for (long pixel = 0; pixel < PIXELS; pixel++)
            for (long c = 0; c < CHANNELS; c++)
                out[pixel * CHANNELS + c] = image[from[pixel] * BYTES + c] * scale[c] + shift[c];
        for (long pixel = 0; pixel < HOLE; pixel++)
            for (long c = 0; c < CHANNELS; c++)
                out[hole[pixel] * CHANNELS + c] = 0; /* the mean colour */
    }
}
