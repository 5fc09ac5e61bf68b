/*
 * What a variant of the kernels consists of. A buffer is an array of elements, each [2][TB_LANES]
 * floats: the real parts of its lanes, then their imaginary parts. Factors (twiddles, chirps) are
 * complex numbers [2] that hold for all lanes. Nothing needs alignment.
 *
 * Every product of two complex numbers is fma(a.re, b.re, -(a.im * b.im)), fma(a.re, b.im, a.im *
 * b.re): the order of operations is the contract, see fft_body.h and frames_body.h.
 */
#ifndef TB_KERNELS_TABLE_H
#define TB_KERNELS_TABLE_H

#include <stdint.h>

#include "engine/kernels/kernels.h"
#include "engine/kernels/network.h"
#include "engine/kernels/winograd.h"

enum {
    TB_ELEMENT_FLOATS = 2 * TB_LANES,
    TB_MAX_RADIX = 7 /* 2, 3, 4, 5 and 7 are there; 8 and 9 measured no better */
};

/*
 * One pass over n_blocks blocks of radix * m elements. Forward (decimation in frequency): the DFT
 * of the elements j, j + m, ... and output p times exp(-2 pi i j p / (radix * m)), in place.
 * Inverse: the conjugate factors first, then the conjugate DFT.
 * twiddles: [m - 1][radix - 1][2], j and p from 1 on.
 */
typedef void (*tb_fft_pass)(float *data, int n_blocks, int m, const float *twiddles);

/* Bins k and N - k of a transform of two real frames, and where they stand in the buffer. */
typedef struct tb_bin_pair {
    int32_t bin, at, mirror_at; /* at == mirror_at: bin 0 or N/2, real */
} tb_bin_pair;

/* n pairs of a buffer. phases: [n][2][2] a factor for the even and for the odd frames, by which a
 * bin of the buffer becomes one of the spectrum X. */
typedef struct tb_bin_pairs {
    const tb_bin_pair *pairs;
    const float *phases;
    int n;
} tb_bin_pairs;

/* What spectra and Griffin-Lim are made of. */
typedef struct tb_frame_kernels {
    tb_fft_pass fft_forward[TB_MAX_RADIX + 1]; /* by radix; NULL where there is none */
    tb_fft_pass fft_inverse[TB_MAX_RADIX + 1];

    /* out[j] = in[j] * factors[j]; in may be out */
    void (*multiply)(float *out, const float *in, const float *factors, int n);
    /* out[j] = in[j] * conj(factors[j]) */
    void (*multiply_conj)(float *out, const float *in, const float *factors, int n);
    /* out[j] += in[j] * conj(factors[j]) */
    void (*multiply_conj_add)(float *out, const float *in, const float *factors, int n);

    /*
     * 16 rows of n floats to n elements and back: rows[2 * l] are the real parts of lane l,
     * rows[2 * l + 1] the imaginary ones. Even rows are multiplied by window_even[n], odd ones by
     * window_odd; NULL: by nothing.
     */
    void (*load_rows)(float *out, const float *const rows[TB_BATCH_FRAMES],
                      const float *window_even, const float *window_odd, int n);
    void (*store_rows)(float *const rows[TB_BATCH_FRAMES], const float *in,
                       const float *window_even, const float *window_odd, int n);

    /* The spectra of two real frames a lane, out of and into a transform of length n: bins [16][n/2
     * + 1][2], frequency k in element position[k]. */
    void (*split_bins)(float *bins, const float *data, const int32_t *position, int n);
    void (*join_bins)(float *data, const float *bins, const int32_t *position, int n);

    /* X[bin][2 halves] = phases * bins of the buffer, without the factor 1/2 of the split. */
    void (*analyze)(float *X, const float *buffer, const tb_bin_pairs *bins);
    /* Bins of the buffer = conj(phases) * X[bin]. */
    void (*synthesize)(float *buffer, const float *X, const tb_bin_pairs *bins);
    /* magnitudes[bin][16 frames in order] */
    void (*magnitudes)(float *magnitudes, const float *buffer, const tb_bin_pairs *bins);
    /* Griffin-Lim's step on the bins of the buffer; S [n][2][8] and R [n][2][2][8] in the order of
     * the pairs, see tb_frames_griffin_lim. */
    void (*griffin_lim)(float *buffer, const float *S, float *R, float momentum,
                        const tb_bin_pairs *bins);
    /* The same, the result to X[bin] times phases. */
    void (*griffin_lim_last)(float *X, const float *buffer, const float *S, float *R,
                             float momentum, const tb_bin_pairs *bins);
} tb_frame_kernels;

struct tb_kernels {
    const char *name;
    const tb_frame_kernels *frames;
    const tb_network_kernels *network;
    const tb_winograd_kernels *winograd;
};

extern const tb_frame_kernels tb_frames_ref, tb_frames_avx2, tb_frames_neon;
extern const tb_network_kernels tb_network_ref, tb_network_avx2, tb_network_avx512, tb_network_neon;
extern const tb_winograd_kernels tb_winograd_ref, tb_winograd_avx2, tb_winograd_avx512,
    tb_winograd_neon;

#endif
