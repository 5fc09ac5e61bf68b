/*
 * Mel amplitudes to sound: inverse mel, a start for the phases, and rounds of Griffin-Lim
 * (Griffin & Lim 1984; momentum of Perraudin 2013 as torchaudio has it), as a stream.
 *
 * The rounds run as a wavefront: round i needs round i-1 only up to a window ahead, so batch b of
 * round i is computed in the same step as batch b + lag of round i-1, each on its own thread. No
 * step holds more than the batches that are under way, whatever the length; the samples are the
 * same for any number of threads and the same as of a whole-signal computation.
 */
#ifndef TB_SPECTROGRAM_VOCODER_H
#define TB_SPECTROGRAM_VOCODER_H

#include <stdint.h>

#include "engine/base/progress.h"
#include "engine/os/pool.h"
#include "engine/spectrogram/mel_inverse.h"
#include "engine/spectrogram/phase_start.h"

typedef struct tb_vocoder_spec {
    int n_fft, win_length, hop_length;
    const tb_mel_inverse *inverse; /* borrowed */
    int n_mels, n_bins;            /* of the inverse's filter bank */
    int64_t n_frames;              /* >= 2 */
    int n_iter;                    /* rounds; 0: only the start */
    double momentum;               /* 0.99, divided by 1.99 as torchaudio does */
    tb_phase_start start;
    uint64_t seed;
    int channel;
} tb_vocoder_spec;

typedef struct tb_vocoder_io {
    /* Amplitudes of frames t .. t+n_frames-1 (n_frames <= 16) into bands[n_mels][16]; lanes behind
     * n_frames are 0. Called in order, from the caller's thread. */
    tb_status (*read)(void *user, int64_t t, int n_frames, float *bands, tb_error *err);
    /* The next n samples, in order. */
    tb_status (*write)(void *user, const float *samples, int64_t n, tb_error *err);
    void *user;
} tb_vocoder_io;

/* What a channel may take: the batches under way, n_iter * lag + 1 of them, as long as the sound
 * has so many, 192 bytes for each bin; and the signals between the rounds, each of some two windows
 * and 32 steps. 52 MB at Riffusion's parameters. */
#define TB_VOCODER_MAX_BYTES ((int64_t)4 << 30)

/* One channel; hop * (n_frames - 1) samples in all. NO_MEMORY, CANCELLED, what io returned, or
 * BAD_INPUT for more than TB_VOCODER_MAX_BYTES: many rounds with a window of many steps. */
TB_MUST_USE tb_status tb_vocoder_run(const tb_vocoder_spec *spec, const tb_kernels *kernels,
                                     tb_pool *pool, const tb_vocoder_io *io,
                                     const tb_progress *progress, tb_error *err);

#endif
