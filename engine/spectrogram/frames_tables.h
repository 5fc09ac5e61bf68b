/*
 * The tables behind frames.h: which bins stand where, and the factors that turn them.
 *
 * With N = n_fft / stride = P * M, bin k = P * m + r is frequency m of the transform of length M of
 * z[j] * exp(-2 pi i r j / N). Bin N - k, which splits the two frames of a lane, is of residue
 * P - r: so residues are worked on in groups {r, P - r}, whose buffers stand one behind the other.
 * The way back adds up the groups, each turned by the conjugate factors.
 *
 * Inside, phases refer to the first grid point of a frame; `phases` turn them to torch's reference.
 * That point is at an even or odd sample of the frame when stride is 2, so there are two windows
 * and two references, one for each parity of the frame's first sample.
 */
#ifndef TB_SPECTROGRAM_FRAMES_TABLES_H
#define TB_SPECTROGRAM_FRAMES_TABLES_H

#include "engine/kernels/table.h"
#include "engine/spectrogram/fft.h"
#include "engine/spectrogram/frames.h"

/* Residues r and P - r. */
typedef struct tb_frames_group {
    int residue[2];
    int n_residues;      /* 1: the residue is its own partner */
    float *factors[2];   /* [len][2] exp(-2 pi i r j / N); NULL for r = 0, which is not turned */
    int n_pairs;         /* bins of these residues, in the order of where they stand */
    int slot;            /* of the first one */
    tb_bin_pair *pairs;  /* [n_pairs] */
    float *phases[2];    /* by the parity of the first frame: [n_pairs][2 halves][2] */
    int n_zeros, *zeros; /* elements that hold no bin of the band */
} tb_frames_group;

struct tb_frames {
    tb_frames_spec spec;
    const tb_kernels *kernels;
    int length;       /* N */
    int sub_length;   /* M */
    int n_parts;      /* P */
    int len;          /* grid points of a frame */
    int before;       /* samples from the begin of a frame to t * hop */
    tb_fft *fft;      /* of length M */
    float *window[2]; /* by parity: [len], times stride / 2: the kernels do not halve */
    float *back[2];   /* [len], over n_fft */
    int n_groups;
    tb_frames_group *groups; /* that of residue 0 first */
    int *slots;              /* [n_bins] */
};

#endif
