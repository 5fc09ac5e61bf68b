/*
 * Where the rounds of Griffin-Lim begin: phases for magnitudes that have none. Batches of one
 * channel go through in order, as the phases of one frame follow from those of the frame before.
 */
#ifndef TB_SPECTROGRAM_PHASE_START_H
#define TB_SPECTROGRAM_PHASE_START_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kernels/kernels.h"

typedef enum tb_phase_start {
    TB_PHASE_RANDOM, /* torchaudio's: real and imaginary part each U[0,1), keyed by (seed, channel,
                        frame, bin) */
    TB_PHASE_SPSI, /* single pass spectrogram inversion (Beauregard, Harish & Wyse 2015): each peak
                      goes on as a sinusoid of its interpolated frequency */
} tb_phase_start;

typedef struct tb_phase_spec {
    tb_phase_start start;
    int n_fft, hop_length, n_bins;
    uint64_t seed; /* TB_PHASE_RANDOM */
    int channel;   /* TB_PHASE_RANDOM */
} tb_phase_spec;

typedef struct tb_phase tb_phase;

TB_MUST_USE tb_status tb_phase_new(const tb_phase_spec *spec, tb_phase **out, tb_error *err);
void tb_phase_free(tb_phase *phase);

/* Frames t .. t+15, t = 0, 16, ...: X = magnitudes times the start. magnitudes: [n_bins][16]; X:
 * [n_bins][2][2][TB_LANES] as tb_frames_synthesize takes it (torch.stft's phase convention). */
void tb_phase_run(tb_phase *phase, int64_t t, const float *magnitudes, float *X);

#endif
