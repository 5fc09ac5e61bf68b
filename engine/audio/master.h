/*
 * Levels: bring a mix to a loudness and under a true-peak ceiling (ITU-R BS.1770 by libebur128, a
 * look-ahead limiter of our own).
 */
#ifndef TB_AUDIO_MASTER_H
#define TB_AUDIO_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/progress.h"

typedef struct tb_master_options {
    double target_lufs;  /* -16 */
    double ceiling_dbtp; /* -1 */
    bool loop;           /* treat the signal as periodic: no seam from the limiter */
    double fade_out_s;   /* ignored for loops; 0: none. Raised-cosine, ends at digital silence */
} tb_master_options;

typedef struct tb_master_report {
    double input_lufs; /* integrated loudness before */
    double gain_db;    /* applied, rounded to 0.01 dB: part of the recipe */
    double output_lufs;
    double output_dbtp;
} tb_master_report;

/*
 * In place on pcm[n_frames * 2], interleaved stereo, 44.1 kHz. Signals shorter than the 400 ms
 * block of BS.1770, or below its -70 LUFS gate, are measured by plain RMS (K-weighting omitted).
 * Digital silence where there should be sound, NaN or infinity: TIMBRE_FAILED, never success.
 */
TB_MUST_USE tb_status tb_master_run(float *pcm, int64_t n_frames, const tb_master_options *options,
                                    const tb_progress *progress, tb_master_report *report,
                                    tb_error *err);

/* float to int16 with rounding to nearest even and saturation (the ceiling makes it a guard only);
 * no dither: the same PCM for the same take. */
void tb_pcm_to_int16(const float *in, int64_t n_samples, int16_t *out);

#endif
