/*
 * The kernels "blas": matrix products by the system's BLAS, all else by the best native variant.
 * They promise an error bound and no bits, which depend on the library, its version, the processor
 * and the number of threads. The library is looked for at run time, when it is first asked for.
 */
#ifndef TB_KERNELS_BLAS_BLAS_H
#define TB_KERNELS_BLAS_BLAS_H

#include "engine/kernels/kernels.h"

/* `best` with the products of the BLAS. UNSUPPORTED: none is installed. */
TB_MUST_USE tb_status tb_blas_kernels(const tb_kernels *best, const tb_kernels **out,
                                      tb_error *err);

#endif
