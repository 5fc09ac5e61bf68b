/*
 * Sound as the picture that Riffusion reads: mel amplitudes of a stretch of it, grey, loud is dark,
 * the highest band at the top. As timbre_encode of the same stretch, in memory.
 */
#ifndef TB_PIPELINE_SOUND_PICTURE_H
#define TB_PIPELINE_SOUND_PICTURE_H

#include "engine/base/progress.h"
#include "engine/kernels/kernels.h"
#include "engine/os/pool.h"
#include "engine/spectrogram/params.h"
#include "engine/spectrogram/raster.h"

typedef struct tb_sound_picture {
    const timbre_spectrogram_params *params; /* one channel */
    const tb_kernels *kernels;
    tb_pool *pool;
    const tb_progress *progress;
    int n_columns;    /* of the picture; behind the end of the sound it is silent */
    int64_t n_frames; /* of the sound that the loudest moment is looked for in: columns behind
                         them do not count */
} tb_sound_picture;

/* From frame `start` of an audio file on, resampled to the picture's rate; a picture of
 * num_frequencies rows, owned. BAD_INPUT: the sound ends before, or is silent there. Errors of
 * tb_source_open and _read name the file. */
TB_MUST_USE tb_status tb_sound_picture_read(const tb_sound_picture *spec, const char *path,
                                            int64_t start, tb_raster *out, tb_error *err);
/* From the beginning of pcm[n][n_channels], at the picture's rate. */
TB_MUST_USE tb_status tb_sound_picture_draw(const tb_sound_picture *spec, const int16_t *pcm,
                                            int64_t n, int n_channels, tb_raster *out,
                                            tb_error *err);

#endif
