/*
 * Reference values of PyTorch and torchaudio (tools/golden/reference/spectrogram_vectors.py) for
 * the tests of engine/spectrogram, and the distances that the tests put bounds on.
 */
#ifndef TESTS_SPECTROGRAM_REFERENCE_H
#define TESTS_SPECTROGRAM_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/os/pool.h"
#include "engine/spectrogram/params.h"

/* One file of named arrays; every function fails the running test when something is amiss. */
typedef struct reference {
    char *bytes; /* owned */
    size_t len_bytes;
} reference;

/* tests/data/vectors/NAME.bin; its SHA-256 has to be the one in NAME.json. */
void reference_open(reference *file, const char *name);
void reference_close(reference *file);
/* Data of an array, valid until close. shape may be NULL. */
const float *reference_floats(const reference *file, const char *name, int shape[3]);
const int16_t *reference_shorts(const reference *file, const char *name, int shape[3]);
const int32_t *reference_ints(const reference *file, const char *name, int shape[3]);
const uint8_t *reference_bytes(const reference *file, const char *name, int shape[3]);

/* Zeroed floats, 64-byte aligned, owned by the caller. */
float *reference_alloc(size_t n_floats);

/* || got - want || / || want || */
double reference_l2(const float *got, const float *want, size_t n);
/* The same in dB, the other way up: signal to noise. */
double reference_snr_db(const float *got, const float *want, size_t n);

/* Print the measured value as a TAP comment; fail when it is on the wrong side of the bound. */
void reference_at_most(const char *what, double measured, double bound);
void reference_at_least(const char *what, double measured, double bound);

/* The sound that the values are of: [n][n_channels] floats with integer values, owned by the
 * caller. One channel: floor of the mean. */
float *reference_sound(int n_channels, int *n_samples);

/* Mel amplitudes of a sound by the engine: [n_channels][n_mels][*n_frames], owned by the caller. */
float *reference_analyze(const tb_spectrogram_lengths *lengths, const tb_mel *mel,
                         const float *sound, int n_samples, int n_channels, int *n_frames);

/* The filter bank that torchaudio makes of the default parameters. */
void reference_mel(tb_mel *mel);

const tb_kernels *reference_kernels(void);

#endif
