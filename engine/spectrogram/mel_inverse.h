/*
 * From mel bands back to magnitudes of bins.
 *
 * lstsq: relu of the minimum-norm least-squares solution (torchaudio >= 2.1). The product of the
 * filter bank with its transpose is tridiagonal, so this is one Thomas solve a frame. Banks with as
 * many narrow filters as bins make that product nearly singular, where torch's `gels` is undefined
 * and pixels' rounding would grow to thunder: its diagonal is then raised by 1e-4 of itself
 * (Tikhonov 1963, in units of the filters' norms), which moves the bands by less than 0.01 %.
 * Filters that touch no bin have no say. sgd: torchaudio <= 2.0, the behaviour of 2022: gradient
 * descent with momentum from a random start. Its gradient has the factor 2 / (channels * frames) of
 * the whole spectrogram, so the result depends on the width. Bins that no filter touches are 0
 * here; torchaudio leaves them at their start, below 1 where the maximum is 3e7, which nobody
 * hears. Its tolerances, which end it early on spectrograms that are almost silent, are left out.
 */
#ifndef TB_SPECTROGRAM_MEL_INVERSE_H
#define TB_SPECTROGRAM_MEL_INVERSE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/spectrogram/mel.h"

typedef enum tb_mel_inverse_method { TB_MEL_LSTSQ, TB_MEL_SGD } tb_mel_inverse_method;

typedef struct tb_mel_inverse_spec {
    tb_mel_inverse_method method;
    int n_iter;       /* sgd: 200 */
    int64_t n_frames; /* sgd: of the whole spectrogram */
    int n_channels;   /* sgd */
    uint64_t seed;    /* sgd: start U[0,1) keyed by (seed, channel, frame, bin) */
} tb_mel_inverse_spec;

typedef struct tb_mel_inverse tb_mel_inverse; /* immutable, shared by threads */

/* `mel` is borrowed and must outlive it. BAD_INPUT for sgd on so few columns (channels * frames) of
 * filters so wide that its steps cannot converge: below 2 at Riffusion's parameters. */
TB_MUST_USE tb_status tb_mel_inverse_new(const tb_mel *mel, const tb_mel_inverse_spec *spec,
                                         tb_mel_inverse **out, tb_error *err);
void tb_mel_inverse_free(tb_mel_inverse *inverse);
/* Floats of scratch, 64-byte aligned, per thread. */
size_t tb_mel_inverse_scratch_len(const tb_mel_inverse *inverse);

/* Frames t .. t+15 of a channel. bands: [n_mels][16] amplitudes; magnitudes: [n_bins][16]. */
void tb_mel_inverse_run(const tb_mel_inverse *inverse, int channel, int64_t t, const float *bands,
                        float *magnitudes, float *scratch);

#endif
