/*
 * A look-ahead true-peak limiter: a gain curve, at most 1, that keeps gain * peak under a ceiling.
 * It is smooth (two box filters after a sliding minimum), and for a loop it is periodic.
 */
#ifndef TB_AUDIO_LIMITER_H
#define TB_AUDIO_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

enum {
    TB_LIMITER_BOX_FRAMES = 111, /* length of each of the box filters */
    TB_LIMITER_WINDOW_FRAMES = 2 * TB_LIMITER_BOX_FRAMES - 1, /* 5 ms of look-ahead */
};

/*
 * True peak of each frame, the larger of the channels, into peaks[n_frames]: the sample and the
 * interpolated values up to the next frame, by the 4-times polyphase filter of ITU-R BS.1770-4
 * annex 2. pcm is [n_frames * 2]; outside it is silence, or itself again when `loop`.
 */
void tb_true_peaks(const float *pcm, int64_t n_frames, bool loop, float *peaks);

typedef struct tb_limiter {
    const float *peaks; /* [n_frames], borrowed */
    int64_t n_frames;
    bool loop;
    double gain, ceiling; /* linear */
    int64_t frame;        /* next frame whose gain comes out */
    /* Sliding minimum: increasing values with the frames at which they leave the window. */
    double minimum_value[TB_LIMITER_WINDOW_FRAMES];
    int64_t minimum_until[TB_LIMITER_WINDOW_FRAMES];
    int first, n_minima;
    double envelope; /* minimum with the release applied */
    double box[2][TB_LIMITER_BOX_FRAMES];
    double box_sum[2];
    int box_at;
} tb_limiter;

/* Begin at frame 0 as if the limiter had run before it: over silence, or over the loop's end. */
void tb_limiter_init(tb_limiter *l, const float *peaks, int64_t n_frames, bool loop, double gain,
                     double ceiling);
/* Gains of the next n frames into gains[n]: `gain` times the limiting. Ends at n_frames. */
void tb_limiter_run(tb_limiter *l, float *gains, int n);

#endif
