/*
 * A signal that is made of frames: added up where they overlap and divided by the sum of their
 * squared windows (torch.istft), then read again in frames, reflected at both ends (torch.stft,
 * center and pad_mode reflect). A ring: only the stretch that one reader behind it needs is there.
 */
#ifndef TB_SPECTROGRAM_OVERLAP_H
#define TB_SPECTROGRAM_OVERLAP_H

#include <stdint.h>

#include "engine/spectrogram/frames.h"

/* Sum of the squared Hann windows of frames 0 .. n_frames-1 over each sample. Immutable. */
typedef struct tb_window_sum {
    int win_length, hop_length;
    int before; /* samples of a frame before its centre t * hop */
    int64_t n_frames;
    double *prefix; /* [win_length] prefix[j] = w[j]^2 + prefix[j - hop] */
    float
        *steady; /* [hop_length] the sum over sample n with all its frames, at (n + before) % hop */
} tb_window_sum;

TB_MUST_USE tb_status tb_window_sum_init(tb_window_sum *sum, const tb_frames_spec *spec,
                                         int64_t n_frames, tb_error *err);
void tb_window_sum_deinit(tb_window_sum *sum);

typedef struct tb_overlap {
    const tb_frames *frames;   /* borrowed */
    const tb_window_sum *sum;  /* borrowed */
    int64_t n_points;          /* of the signal of hop * (n_frames - 1) samples, on the grid */
    int64_t n_touched, n_done; /* points that frames have reached; that are complete */
    float *ring;               /* [ring_len]: point g is at g % ring_len */
    int64_t ring_len;
} tb_overlap;

/* The end of the signal is read up to so many samples before the begin of the last frame. */
enum { TB_OVERLAP_MARGIN = 16 };

/* Batches of 16 frames that a reader must be behind: when batch b is read, batches up to b + lag -
 * 1 have to be added. */
int tb_overlap_lag(const tb_frames *frames);

/* Floats of the ring of a signal whose reader is `lag` batches behind. */
int64_t tb_overlap_ring_len(const tb_frames *frames, int lag);

/* For a reader `lag` batches behind: batch b may be read while b + lag is added on another thread.
 */
TB_MUST_USE tb_status tb_overlap_init(tb_overlap *overlap, const tb_frames *frames,
                                      const tb_window_sum *sum, int lag, tb_error *err);
void tb_overlap_deinit(tb_overlap *overlap);

/* Add frames t .. t+15 as tb_frames_synthesize gives them, rows [16][tb_frames_len]; those behind
 * the last frame are left out. In order: t = 0, 16, ... */
void tb_overlap_add(tb_overlap *overlap, int64_t t, const float *rows);
/* Instead of tb_overlap_add, where nobody will read what these frames cover. */
void tb_overlap_skip(tb_overlap *overlap, int64_t t);
/* The signal under frames t .. t+15 as tb_frames_analyze takes it: grid[tb_frames_span]. */
void tb_overlap_gather(const tb_overlap *overlap, int64_t t, float *grid);
/* Complete points from g on: *n of at most `n_max` that are side by side. */
const float *tb_overlap_peek(const tb_overlap *overlap, int64_t g, int64_t n_max, int64_t *n);

#endif
