/*
 * The hot loops, behind one table of function pointers. `ref` is plain C and the specification;
 * each other variant gives the same bits faster. A kernel never allocates, logs or starts a thread.
 *
 * Spectrogram kernels work on a batch: TB_BATCH_FRAMES frames at once, as TB_LANES complex lanes.
 * Frame j of a batch is lane j / 2; even frames are the real parts, odd frames the imaginary parts
 * (two real transforms for one complex one). SIMD lanes run over frames, so every variant does the
 * same sums in the same order.
 */
#ifndef TB_KERNELS_KERNELS_H
#define TB_KERNELS_KERNELS_H

#include "engine/base/error.h"

enum {
    TB_LANES = 8,                  /* complex values side by side: re[8], im[8] = 64 bytes */
    TB_BATCH_FRAMES = 2 * TB_LANES /* real frames that they hold */
};

typedef struct tb_kernels tb_kernels;

/* The variant `name`: "ref", "avx2", "avx512", "neon"; NULL, "" or "auto": the best of this
 * machine; "blas": that one with the matrix products of the system's BLAS, which give other bits.
 * BAD_INPUT for a name that does not exist, UNSUPPORTED for one that this machine cannot run; both
 * list those that it can. */
TB_MUST_USE tb_status tb_kernels_choose(const char *name, const tb_kernels **out, tb_error *err);
const char *tb_kernels_name(const tb_kernels *kernels);
/* Name and version of the outside library that decides the bits of a neural model ("OpenBLAS 0.3.21
 * Zen"); NULL: none does, the bits are those of `ref`. */
const char *tb_kernels_library(const tb_kernels *kernels);

#endif
