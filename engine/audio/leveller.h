/*
 * The search behind every level: the gain that brings a sound to a loudness under a true-peak
 * ceiling, and the sound with that gain and the limiter on it. The sound is read in passes; nothing
 * here grows with its length but libebur128's list of blocks (320 bytes a second).
 */
#ifndef TB_AUDIO_LEVELLER_H
#define TB_AUDIO_LEVELLER_H

#include "engine/audio/limiter.h"
#include "engine/audio/sound.h"
#include "engine/base/progress.h"

enum { TB_LEVELLED_CHUNK_FRAMES = 4096 };

#define TB_LEVEL_FOUND 0.8 /* share of the work; giving out the levelled sound is the rest */

typedef struct tb_level_target {
    double lufs;         /* -16 */
    double ceiling_dbtp; /* -1 */
    double slack_lu;     /* how much quieter it may be where that saves the limiter work; 0: not */
} tb_level_target;

typedef struct tb_level_plan {
    double input_lufs;  /* of the sound as it is read */
    double gain_db;     /* before the limiter, rounded to 0.01 dB */
    double trim_db;     /* after it, <= 0, rounded: what its margin did not cover */
    double ceiling;     /* of the limiter, linear */
    double output_lufs; /* of the result */
    double output_dbtp;
} tb_level_plan;

/* Largest |sample| into *peak. A value that is not finite, or none of at least `least_peak`:
 * TIMBRE_FAILED naming the time. */
TB_MUST_USE tb_status tb_level_scan(const tb_sound *sound, double least_peak,
                                    const tb_progress *progress, float *peak, tb_error *err);

/*
 * Of a sound that was scanned. The gain is at most 60 dB; a sound that needs more, such as a lone
 * click in a minute of silence, stays quieter than asked. Short and quiet sounds are measured as
 * tb_loudness_lufs says. Reports 0..TB_LEVEL_FOUND.
 */
TB_MUST_USE tb_status tb_level_find(const tb_sound *sound, const tb_level_target *target,
                                    const tb_progress *progress, tb_level_plan *plan,
                                    tb_error *err);

/* The levelled sound as a stream of chunks. Reads ahead of what it has given out by the limiter's
 * look-ahead and the reach of the true-peak filter, never behind it. */
typedef struct tb_levelled {
    const tb_sound *sound; /* borrowed */
    tb_limiter limiter;
    double floor; /* peaks up to this need no limiting */
    float trim;
    int64_t frame; /* the next one to come out */
} tb_levelled;

/* With the gains of `plan`, of which trim_db may still be 0. */
TB_MUST_USE tb_status tb_levelled_begin(tb_levelled *s, const tb_sound *sound,
                                        const tb_level_plan *plan, tb_error *err);
/* The next *n frames, at most TB_LEVELLED_CHUNK_FRAMES, into out[*n * n_channels]; 0 at the end. */
TB_MUST_USE tb_status tb_levelled_next(tb_levelled *s, float *out, int *n, tb_error *err);

#endif
