/*
 * Levels of sound that is too long for memory: it stands somewhere (a spool), is read in passes and
 * comes out as 16-bit samples in order.
 *
 * clean: a loudness (BS.1770 by libebur128) under a true-peak ceiling, by the look-ahead limiter.
 * riffusion: exactly what riffusion-hobby does to the samples, hard clipping included.
 */
#ifndef TB_AUDIO_LEVELS_H
#define TB_AUDIO_LEVELS_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/progress.h"

typedef struct tb_levels_io {
    /* n frames from `frame` on into out[n * n_channels], interleaved; any order, any number of
     * times, always the same values. */
    tb_status (*read)(void *user, int64_t frame, int64_t n, float *out, tb_error *err);
    /* The next n frames of the result. */
    tb_status (*write)(void *user, const int16_t *pcm, int64_t n, tb_error *err);
    void *user;
    int64_t n_frames;
    int n_channels; /* 1 or 2 */
    int rate_hz;
} tb_levels_io;

typedef struct tb_levels_report {
    double gain_db; /* the whole factor from input to 16-bit samples; rounded to 0.01 in clean */
    double lufs;    /* of the result */
    double peak_dbtp;
    int64_t n_clipped; /* samples that met the end of the range in riffusion's first gain */
} tb_levels_report;

/* -16 LUFS +-1 and at most -1 dBTP; any scale of input: its largest sample counts as full scale.
 * From there the gain is at most 60 dB, so a lone click in a minute of silence stays quieter.
 * Silence or values that are not finite: TIMBRE_FAILED, never success. */
TB_MUST_USE tb_status tb_levels_clean(const tb_levels_io *io, const tb_progress *progress,
                                      tb_levels_report *report, tb_error *err);
/* pydub's rules as riffusion uses them (reference: audio_util.apply_filters without compression):
 * scale to 32767 / max, truncate to int16; gain to -12 dBFS (integer rms), clip, floor; normalise
 * to 0.1 dB of headroom, clip, floor. Silence stays silence; values that are not finite:
 * TIMBRE_FAILED. The factors may differ from Python's pow in the last bit of a double, which shows
 * only where a product is an integer. */
TB_MUST_USE tb_status tb_levels_riffusion(const tb_levels_io *io, const tb_progress *progress,
                                          tb_levels_report *report, tb_error *err);

#endif
