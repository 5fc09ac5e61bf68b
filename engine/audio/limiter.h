/*
 * A look-ahead true-peak limiter: a gain curve, at most 1, that keeps gain * peak under a ceiling.
 * It is smooth (two box filters after a sliding minimum). Peaks go in, gains come out, in order.
 */
#ifndef TB_AUDIO_LIMITER_H
#define TB_AUDIO_LIMITER_H

#include <stdint.h>

enum {
    TB_LIMITER_BOX_FRAMES = 111, /* length of each of the box filters */
    TB_LIMITER_WINDOW_FRAMES = 2 * TB_LIMITER_BOX_FRAMES - 1, /* 5 ms at 44.1 kHz */
    TB_LIMITER_AHEAD_FRAMES = TB_LIMITER_WINDOW_FRAMES - 1,   /* gains come this long after peaks */
};

typedef struct tb_limiter {
    double gain, ceiling; /* linear */
    double release;       /* part of the way back to 1 in one frame */
    int64_t newest;       /* frames whose peaks have gone in */
    /* Sliding minimum: increasing values with the frames at which they leave the window. */
    double minimum_value[TB_LIMITER_WINDOW_FRAMES];
    int64_t minimum_until[TB_LIMITER_WINDOW_FRAMES];
    int first, n_minima;
    double envelope; /* minimum with the release applied */
    double box[2][TB_LIMITER_BOX_FRAMES];
    double box_sum[2];
    int box_at;
} tb_limiter;

/* Begin as if silence had gone in for ever. */
void tb_limiter_init(tb_limiter *l, int rate_hz, double gain, double ceiling);
/* The peaks of the next n frames go in; out come `gain` times the limiting, gains[n], of the frames
 * that stand TB_LIMITER_AHEAD_FRAMES before them. */
void tb_limiter_run(tb_limiter *l, const float *peaks, float *gains, int n);

#endif
