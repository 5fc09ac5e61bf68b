/*
 * From the pixels of a spectrogram image to its sound: amplitudes of pixels, the inverse of the mel
 * filter bank and the vocoder, as Riffusion's parameters and the caller's choices have them.
 */
#ifndef TB_PIPELINE_VOCODE_H
#define TB_PIPELINE_VOCODE_H

#include "engine/spectrogram/params.h"
#include "engine/spectrogram/vocoder.h"

/* Amplitude of a black pixel; Riffusion ignores what an EXIF block says of it. */
#define TB_VOCODE_MAX_VALUE 30e6f

typedef struct tb_vocode_choices {
    timbre_spectrogram_params params; /* checked */
    tb_phase_start phase;
    tb_mel_inverse_method inverse;
    uint64_t seed;
} tb_vocode_choices;

/* For one image of `width` columns; used for each of its channels. */
typedef struct tb_vocode {
    tb_vocode_choices choices;
    int64_t width;
    tb_mel mel;
    tb_mel_inverse *inverse;
    float *table; /* [65536] amplitude of a 16-bit pixel (8 bits times 257) */
} tb_vocode;

/* NO_MEMORY, or BAD_INPUT of the filter bank. deinit is due either way. */
TB_MUST_USE tb_status tb_vocode_init(tb_vocode *vocode, const tb_vocode_choices *choices,
                                     int64_t width, int n_channels, tb_error *err);
void tb_vocode_deinit(tb_vocode *vocode); /* accepts a zeroed object */

/* All of a channel through `io`: hop * (width - 1) samples. As tb_vocoder_run. */
TB_MUST_USE tb_status tb_vocode_run(const tb_vocode *vocode, int channel, const tb_kernels *kernels,
                                    tb_pool *pool, const tb_vocoder_io *io,
                                    const tb_progress *progress, tb_error *err);

/* One channel of an image in memory: pixels [height][width], row 0 the highest band, into
 * samples[hop * (width - 1)]. */
TB_MUST_USE tb_status tb_vocode_pixels(const tb_vocode *vocode, const uint8_t *pixels,
                                       const tb_kernels *kernels, tb_pool *pool,
                                       const tb_progress *progress, float *samples, tb_error *err);

#endif
