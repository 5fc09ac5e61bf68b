/*
 * The kernels of 3x3 convolutions by Winograd's F(4x4, 3x3): a tile of 6x6 inputs and a filter
 * become 36 values each, their products summed over channels are 36 matrix products (gemm), and 36
 * sums become 4x4 outputs: 36 products for what takes 144 directly.
 *
 * Y = A^T ((G g G^T) * (B^T d B)) A with the points 3/4, -3/4, 3/2, -3/2, 0, infinity in this
 * order, so that every pair of rows shares work; value f = 6 * row + column. The factors of A and B
 * are exact in floats; those of G are ratios of powers of 2 and 3, rounded once. The points are
 * Winograd's with the least error of those tried: 1, 2 and infinity double it
 * (tools/reference/winograd.py derives the matrices and measures them).
 *
 * As everywhere (network.h), the order of operations is part of the contract: each transform
 * works down the columns first, then along the rows; winograd_body.h spells its lines out. Lanes
 * run over channels. Nothing needs alignment.
 */
#ifndef TB_KERNELS_WINOGRAD_H
#define TB_KERNELS_WINOGRAD_H

#include <stddef.h>
#include <stdint.h>

enum {
    TB_WINOGRAD_TILE = 6, /* rows and columns of inputs */
    TB_WINOGRAD_OUT = 4,  /* of outputs, and from one tile to the next */
    TB_WINOGRAD_VALUES = TB_WINOGRAD_TILE * TB_WINOGRAD_TILE,
    TB_WINOGRAD_PIXELS = TB_WINOGRAD_OUT * TB_WINOGRAD_OUT,
    TB_WINOGRAD_PARTS = 3, /* pairs of rows that a filter can be transformed to alone */
    TB_WINOGRAD_PART_VALUES = TB_WINOGRAD_VALUES / TB_WINOGRAD_PARTS
};

/* Sums of a tile and the 4x4 pixels that they become. */
typedef struct tb_winograd_output {
    float *const *out;            /* [16] pixels of n channels; NULL: outside of the picture */
    const float *const *residual; /* [16], used where out is; may be out; NULL: none */
    const float *bias;            /* [n]; NULL: none */
    const float *sums;            /* value f of channel c at f * plane + c */
    size_t plane;
    int n;
} tb_winograd_output;

typedef struct tb_winograd_kernels {
    /* The 6x6 pixels of n channels, row by row, to out[f * plane + channel]. `next` are those of
     * the tile that follows, on their way into the cache. */
    void (*input)(float *out, size_t plane, const float *const pixels[TB_WINOGRAD_VALUES],
                  const float *const next[TB_WINOGRAD_VALUES], int n);
    /* n channels of a panel [9 taps][tap_ld] of rows of 16, to value f - 12 * part of 12 * part <=
     * f < 12 * part + 12 at out[(f - 12 * part) * plane + 16 * channel + lane]. */
    void (*filter_f32)(float *out, size_t plane, const float *taps, size_t tap_ld, int n, int part);
    void (*filter_f16)(float *out, size_t plane, const uint16_t *taps, size_t tap_ld, int n,
                       int part);
    void (*filter_bf16)(float *out, size_t plane, const uint16_t *taps, size_t tap_ld, int n,
                        int part);
    /* out = transformed sums, + bias, + residual */
    void (*output)(const tb_winograd_output *output);
} tb_winograd_kernels;

#endif
