/* The BLAS of the system: OpenBLAS, or Accelerate on macOS. No other part knows its symbols. */
#ifndef TB_KERNELS_BLAS_LIBRARY_H
#define TB_KERNELS_BLAS_LIBRARY_H

#include <stdbool.h>

#include "engine/base/error.h"

enum { TB_BLAS_ROW_MAJOR = 101, TB_BLAS_NO_TRANSPOSE = 111 }; /* of CBLAS */

/* cblas_sgemm: C[m][n] = alpha A[m][k] B[k][n] + beta C; C is not read where beta is 0. */
typedef void tb_blas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k,
                           float alpha, const float *a, int lda, const float *b, int ldb,
                           float beta, float *c, int ldc);

typedef struct tb_blas {
    tb_blas_sgemm *sgemm;
    void (*limit_thread)(int n);   /* NULL, or to be called with 1 by each thread before products */
    int (*limit_threading)(int n); /* as limit_thread */
    bool is_locked;                /* products must come one at a time */
    char name[64];                 /* "OpenBLAS 0.3.21 Zen": what the bits depend on */
} tb_blas;

/* Opens the library and makes it compute in the thread that calls it. UNSUPPORTED. One caller at a
 * time. */
TB_MUST_USE tb_status tb_blas_open(tb_blas *out, tb_error *err);

#endif
