/*
 * Between mel amplitudes and pixels, as Riffusion's image_from_spectrogram and
 * spectrogram_from_image (single-precision arithmetic, truncation): loud is dark.
 */
#ifndef TB_SPECTROGRAM_PIXELS_H
#define TB_SPECTROGRAM_PIXELS_H

#include <stdint.h>

/* p = trunc(255 - 255 * (a / max)^power); max > 0. NaN-free for 0 <= a <= max. */
void tb_pixels_from_amplitudes(const float *amplitudes, int n, float max, float power,
                               uint8_t *out);

/* The inverse for every value of a 16-bit sample v (p = v / 257): table[v] = ((255 - p) /
 * 255)^(1/power) * max. */
void tb_pixels_table(float power, float max, float table[65536]);

#endif
