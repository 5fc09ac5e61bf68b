/*
 * How much of a spectrogram image is in a sound.
 *
 * The sound (all channels mixed to one) is encoded again with the default parameters, without
 * rounding to pixels. d = 20 log10(its amplitude / the image's amplitude) over the cells in which
 * the image's amplitude is within 60 dB of the image's largest. A gain for the whole sound (the
 * median of d) and a shift of -1, 0 or 1 frames are free; of the shifts the best counts. The
 * distance is the mean of |d - gain| in dB. Amplitudes of the sound below 1e-9 of its largest count
 * as that.
 *
 * The rounding of pixels alone is about 0.1 dB; a spectrogram that no sound has (as a model paints
 * them) cannot be met exactly by any decoder.
 */
#ifndef TESTS_SPECTROGRAM_QUALITY_H
#define TESTS_SPECTROGRAM_QUALITY_H

#include "engine/os/pool.h"
#include "engine/spectrogram/mel.h"

/* Mel amplitudes, [n_mels][width], band 0 lowest. */
typedef struct quality_bands {
    int n_mels, width;
    float *amplitudes; /* owned */
} quality_bands;

typedef struct quality_distance {
    double db;      /* mean of |d - gain| */
    double gain_db; /* the median of d, which was taken off */
    int shift;      /* the sound's frame t + shift was compared with the image's column t */
    int n_cells;
} quality_distance;

/* Of an image file with the default parameters, mono (its red values). */
TB_MUST_USE tb_status quality_load_image(const char *path, quality_bands *bands, tb_error *err);
/* Of an audio file of 44,100 Hz. */
TB_MUST_USE tb_status quality_load_sound(const char *path, tb_pool *pool, quality_bands *bands,
                                         tb_error *err);
void quality_deinit(quality_bands *bands);

/* Both have the same n_mels. BAD_INPUT when the widths differ by more than one. */
TB_MUST_USE tb_status quality_compare(const quality_bands *image, const quality_bands *sound,
                                      quality_distance *distance, tb_error *err);

#endif
