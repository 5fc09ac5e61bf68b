/* Loudness and true peak of mono and stereo sound (ITU-R BS.1770-4 by libebur128). */
#ifndef TB_AUDIO_LOUDNESS_H
#define TB_AUDIO_LOUDNESS_H

#include <stdbool.h>
#include <stdint.h>

#include <ebur128.h>

#include "engine/base/error.h"

typedef struct tb_loudness {
    ebur128_state *meter; /* owned */
    double square_sum;    /* for what is too short or too quiet for the meter */
    int64_t n_frames;
} tb_loudness;

/* with_peak: measure the true peak too, several times the work. */
TB_MUST_USE tb_status tb_loudness_init(tb_loudness *m, int n_channels, int rate_hz, bool with_peak,
                                       tb_error *err);
void tb_loudness_deinit(tb_loudness *m);
/* Take in pcm[n_frames * n_channels], interleaved. */
TB_MUST_USE tb_status tb_loudness_add(tb_loudness *m, const float *pcm, int64_t n_frames,
                                      tb_error *err);
/* Integrated loudness, LUFS; plain RMS on the same scale when there is no block of 400 ms above
 * -70 LUFS, or the rate is below 4 kHz; -infinity for digital silence. */
double tb_loudness_lufs(const tb_loudness *m);
/* True peak, dBTP; -infinity for digital silence. Only with with_peak. */
double tb_loudness_peak_dbtp(const tb_loudness *m);
/* Version of the libebur128 in use, e.g. "1.2.6", into out[16]. */
void tb_loudness_version(char out[16]);

#endif
