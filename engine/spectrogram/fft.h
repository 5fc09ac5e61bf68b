/*
 * Discrete Fourier transforms of any length, on a batch: mixed radix 2, 3, 4, 5, 7, Bluestein
 * otherwise. A plan is immutable and may be used by many threads.
 *
 * data: [n][2][TB_LANES] floats, real parts then imaginary parts of the lanes of one element,
 * 64-byte aligned. Frequencies come out of the forward transform in the plan's own order (digits of
 * the index reversed), which the inverse takes: nothing is moved that need not be.
 */
#ifndef TB_SPECTROGRAM_FFT_H
#define TB_SPECTROGRAM_FFT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kernels/kernels.h"

enum { TB_FFT_MAX_LENGTH = 1 << 20 };

typedef struct tb_fft tb_fft;

/* A plan for length n, 1 <= n <= TB_FFT_MAX_LENGTH. Returns owned. */
TB_MUST_USE tb_status tb_fft_new(int n, tb_fft **out, tb_error *err);
void tb_fft_free(tb_fft *fft);

/* Floats that `data` must have room for: n * 2 * TB_LANES, more where Bluestein needs room to
 * work; what is behind the first n elements is scratch. */
size_t tb_fft_data_len(const tb_fft *fft);
/* exp(-2 pi i num / den) to double precision, 0 <= num < den. */
void tb_fft_root(int64_t num, int64_t den, double *re, double *im);
/* The same as single precision into out[2]. */
void tb_fft_root_store(int64_t num, int64_t den, float out[2]);
/* The element of `data` in which frequency k (0 <= k < n) stands after tb_fft_forward. */
int tb_fft_position(const tb_fft *fft, int k);

/* X[k] = sum x[j] exp(-2 pi i j k / n), in place. */
void tb_fft_forward(const tb_fft *fft, const tb_kernels *kernels, float *data);
/* x[j] = sum X[k] exp(+2 pi i j k / n), in place; not scaled. */
void tb_fft_inverse(const tb_fft *fft, const tb_kernels *kernels, float *data);

/*
 * Real transforms of TB_BATCH_FRAMES rows, in natural order (what other libraries call r2c and
 * c2r). rows: [16][n]; bins: [16][n/2 + 1][2]. scratch: tb_fft_data_len floats. The inverse is not
 * scaled and takes the imaginary parts of bin 0 and n/2 as 0.
 */
void tb_fft_real_forward(const tb_fft *fft, const tb_kernels *kernels, const float *rows,
                         float *bins, float *scratch);
void tb_fft_real_inverse(const tb_fft *fft, const tb_kernels *kernels, const float *bins,
                         float *rows, float *scratch);

#endif
