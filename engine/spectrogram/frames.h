/*
 * Windowed, zero-padded frames to spectra and back: what an STFT does to one batch of 16 frames.
 * The window (periodic Hann of win_length) stands in the middle of n_fft; only the bins below
 * n_bins are kept, the others are taken as 0.
 *
 * Two things make it fast. Zero padding: n_fft = P * M with M the smallest divisor of n_fft that
 * holds the window; bins P*m + r are one transform of length M of the samples turned by
 * exp(-2 pi i r j / n_fft). And for signals with nothing above the band, every second sample is
 * enough (stride 2): the samples at even positions of the signal.
 */
#ifndef TB_SPECTROGRAM_FRAMES_H
#define TB_SPECTROGRAM_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kernels/kernels.h"

typedef struct tb_frames_spec {
    int n_fft;
    int win_length; /* <= n_fft */
    int hop_length;
    int n_bins; /* <= n_fft / 2 + 1 */
    int stride; /* 1: every sample; 2: samples at even positions, see tb_frames_best_stride */
} tb_frames_spec;

typedef struct tb_frames tb_frames; /* tables; immutable, shared by threads */

/* 2 when n_fft is even and the band of n_bins ends far enough below a quarter of the rate that
 * what the window spreads above it is below single precision; else 1. */
int tb_frames_best_stride(const tb_frames_spec *spec);

/* `kernels` is borrowed. BAD_INPUT for what is not as tb_frames_spec says. Returns owned. */
TB_MUST_USE tb_status tb_frames_new(const tb_frames_spec *spec, const tb_kernels *kernels,
                                    tb_frames **out, tb_error *err);
void tb_frames_free(tb_frames *frames);
const tb_frames_spec *tb_frames_get_spec(const tb_frames *frames);

/* Floats of scratch that one thread needs for the calls below; 64-byte aligned. */
size_t tb_frames_scratch_len(const tb_frames *frames);

/*
 * Positions. Frame t covers the samples [t * hop - win/2, t * hop - win/2 + win) of the signal (the
 * `center` convention: the caller reflects what is before 0 and behind the end). On the grid of the
 * stride these are tb_frames_len grid points from tb_frames_begin(t); grid point g is sample
 * g * stride. (win/2 is taken as n_fft/2 - (n_fft - win)/2, all divisions rounding down, as
 * torch.stft centres the window.)
 */
int tb_frames_len(const tb_frames *frames);                  /* grid points of a frame */
int64_t tb_frames_begin(const tb_frames *frames, int64_t t); /* floor semantics below 0 */
/* Grid points from the begin of frame t to the end of frame t + 15, the largest over t. */
int tb_frames_span(const tb_frames *frames);

/*
 * Spectra of frames t .. t+15. grid: the signal from tb_frames_begin(t) on, tb_frames_span points
 * (contiguous; points that no frame of the batch covers are not used).
 * X: [n_bins][2 halves][2][TB_LANES]: half 0 are the even frames, half 1 the odd ones of the batch;
 * then real, imaginary; lane l is frame 2*l + half. Values are torch.stft's (center=True,
 * normalized=False, onesided): the phase refers to sample t*hop - n_fft/2.
 */
void tb_frames_analyze(const tb_frames *frames, int64_t t, const float *grid, float *X,
                       float *scratch);
/* Only the magnitudes, of the frames in their order: [n_bins][TB_BATCH_FRAMES]. */
void tb_frames_magnitudes(const tb_frames *frames, int64_t t, const float *grid, float *magnitudes,
                          float *scratch);
/* The inverse: irfft of each frame times the window, without overlap-add and without the division
 * by the squared window. out: [16][tb_frames_len]. The imaginary parts of bin 0 and n_fft/2 count
 * as 0. */
void tb_frames_synthesize(const tb_frames *frames, int64_t t, const float *X, float *out,
                          float *scratch);

/*
 * One round of Griffin-Lim (torchaudio's, with its momentum) on a batch:
 *     R = stft(grid);  a = R - momentum * R_before;  Y = S * a / (|a| + 1e-16);  out = frames of Y
 * S: [n_bins][2 halves][TB_LANES] magnitudes. R: [n_bins][2][2][TB_LANES], holds R_before and then
 * R (zeros before the first round). Both in the order of tb_frames_slot and R with a phase
 * convention of its own: only this function reads R.
 */
void tb_frames_griffin_lim(const tb_frames *frames, int64_t t, const float *grid, const float *S,
                           float *R, float momentum, float *out, float *scratch);
/* The same up to Y, which comes in the layout and convention of X: for the last round, whose frames
 * are made with another stride. */
void tb_frames_griffin_lim_last(const tb_frames *frames, int64_t t, const float *grid,
                                const float *S, float *R, float momentum, float *Y, float *scratch);
/* Where bin k stands in S and R of the two functions above. */
int tb_frames_slot(const tb_frames *frames, int k);

#endif
