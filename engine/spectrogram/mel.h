/*
 * Mel filter banks (torchaudio melscale_fbanks: htk or slaney scale, norm none or slaney) and the
 * way from magnitudes to mel bands. Each FFT bin touches at most two neighbouring filters.
 */
#ifndef TB_SPECTROGRAM_MEL_H
#define TB_SPECTROGRAM_MEL_H

#include <stdbool.h>

#include "engine/kernels/kernels.h"

typedef struct tb_mel_spec {
    int sample_rate_hz;
    int n_fft;
    int n_mels;
    double min_hz, max_hz;
    bool slaney_scale; /* false: HTK, 2595 log10(1 + f / 700) */
    bool slaney_norm;  /* area normalisation */
} tb_mel_spec;

typedef struct tb_mel {
    int n_mels;
    int n_bins;     /* bins 0 .. n_bins-1 cover every non-zero weight; at least 1 */
    int *filter;    /* [n_bins] first filter i that the bin touches; -1: none */
    float *weights; /* [n_bins][2] weights of filters i and i+1; 0 where there is none */
} tb_mel;

/* Weights in double arithmetic, rounded once. Owned by the caller's storage: tb_mel_deinit. */
TB_MUST_USE tb_status tb_mel_init(tb_mel *mel, const tb_mel_spec *spec, tb_error *err);
/* From another's matrix fb[n_stft][n_mels] (torchaudio's layout). BAD_INPUT when a bin touches
 * filters that are not neighbours. */
TB_MUST_USE tb_status tb_mel_init_matrix(tb_mel *mel, const float *fb, int n_stft, int n_mels,
                                         tb_error *err);
/* Frequency at which band i is loudest. */
double tb_mel_peak_hz(const tb_mel_spec *spec, int i);
void tb_mel_deinit(tb_mel *mel);

/* out[n_mels][16] = sum over bins of weight * magnitudes[n_bins][16], bins in ascending order. */
void tb_mel_apply(const tb_mel *mel, const float *magnitudes, float *out);

#endif
