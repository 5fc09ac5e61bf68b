/*
 * The kernels of the neural network. The order of operations is part of each contract, so that all
 * variants give the same bits: lanes run over independent outputs; sums along a row use 16 partial
 * sums (element i goes to partial i mod 16, in order of i; missing ones count as +0) that are added
 * by halves: s[i] += s[i + 8], then 4, 2, 1. Nothing needs alignment but where said. NaN stays NaN;
 * its sign and payload are the processor's.
 *
 * exp is within 1 unit in the last place, +0 below -87.3365 (it gives no subnormal numbers) and
 * infinity above 88.7228; functions_body.h has its definition and those of the activations.
 */
#ifndef TB_KERNELS_NETWORK_H
#define TB_KERNELS_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TB_GEMM_ROWS = 12,    /* of A that variants take 6 or 12 of at once: callers give multiples */
    TB_GEMM_COLUMNS = 16, /* a panel of B: [k][16] */
    TB_GEMM_DEPTH = 320,  /* products that one accumulator takes before it is added to C */
    TB_MOMENT_ROWS = 64   /* rows that one float sum of the channel moments takes */
};

/*
 * C[m][16 n_panels] = or += A[m][k] B[k][16 n_panels], all sizes at least 1 and k <= TB_GEMM_DEPTH.
 * Panels of B are 64-byte aligned, ldb a multiple of 16. C has room for whole panels. Each element
 * is fma(a[k], b[k], sum) from sum = +0 upwards in k; then it is stored, or with `adds` C + sum is.
 * The next rows of A may be prefetched.
 */
typedef struct tb_gemm_block {
    float *c; /* rows of ldc floats */
    size_t ldc;
    const float *a; /* rows of lda floats */
    size_t lda;
    const float *b; /* panels [k][16], ldb floats from one to the next */
    size_t ldb;
    int m, n_panels, k;
    bool adds;
} tb_gemm_block;

/*
 * The weights of n >= 1 keys for 16 queries, by scores that are logarithms to base 2:
 *   new max = the largest of max and the column's scores that are numbers
 *   factor = 2^(max - new max), weights = 2^(score - new max), sum = fma(sum, factor, their sum)
 * Their sum: key i goes to partial i mod 4, in order of i from +0; then (0 + 2) + (1 + 3). 2^x is
 * within 1 unit in the last place, and +0 below -126.5. NaN is NaN in weights and sum.
 */
typedef struct tb_softmax_block {
    float *weights;      /* [n][16]; may be scores where ld is 16 */
    const float *scores; /* n rows of ld floats */
    size_t ld;
    int n;
    float *max, *sum; /* [16] of the blocks before; -FLT_MAX and 0 for the first one */
    float *factor;    /* [16] by which what was made of the blocks before is too large */
} tb_softmax_block;

typedef struct tb_network_kernels {
    void (*gemm)(const tb_gemm_block *block);
    int gemm_panels; /* that a call should have at least, for speed */

    /* Halves and bfloat16 to floats, exactly; NaN payloads need not survive. */
    void (*widen_f16)(float *out, const uint16_t *in, size_t n);
    void (*widen_bf16)(float *out, const uint16_t *in, size_t n);
    /* Up to 16 rows of k floats, ld apart, to a panel [k][16]; lanes behind n_rows are 0. */
    void (*pack_rows)(float *panel, const float *rows, size_t ld, int n_rows, int k);

    /* out may be in, for all of the following. */
    void (*add)(float *out, const float *a, const float *b, size_t n);
    /* out = (a + b) + c */
    void (*add_twice)(float *out, const float *a, const float *b, const float *c, size_t n);
    void (*silu)(float *out, const float *in, size_t n);       /* x / (1 + exp(-x)) */
    void (*quick_gelu)(float *out, const float *in, size_t n); /* x / (1 + exp(-1.702 x)) */
    void (*gelu)(float *out, const float *in, size_t n);       /* x/2 (1 + erf(x / sqrt 2)) */
    /* out = hidden * gelu(gate) */
    void (*geglu)(float *out, const float *hidden, const float *gate, size_t n);
    /* out[r][c] = fma(in[r][c], scale[c], shift[c]), then silu where asked; rows ld apart. */
    void (*scale_shift)(float *out, const float *in, size_t ld, const float *scale,
                        const float *shift, int n_rows, int n_channels, bool has_silu);
    /* For each channel of up to TB_MOMENT_ROWS rows: the sum in order of the rows, and the sum of
     * squared distances from the mean sum / n_rows (fma upwards in rows). */
    void (*channel_moments)(float *sum, float *m2, const float *in, size_t ld, int n_rows,
                            int n_channels);
    /* (x - mean) / sqrt(variance + eps) * gain + bias of one row: mean = sum16(x) / n; variance =
     * sum16((x - mean)^2) / n; r = 1 / sqrt(variance + eps), a true division and root; out =
     * fma((x - mean) * r, gain, bias). */
    void (*layer_norm)(float *out, const float *in, const float *gain, const float *bias, int n,
                       float eps);
    /* A block of keys of an attention with online softmax. */
    void (*softmax)(const tb_softmax_block *block);
    /* out[i] = in[i] * factor */
    void (*scale)(float *out, const float *in, float factor, size_t n);
} tb_network_kernels;

#endif
