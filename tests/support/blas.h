/* The kernels "blas" for tests: `make setup` installs a BLAS, machines of the cross build have
 * none. */
#ifndef TESTS_SUPPORT_BLAS_H
#define TESTS_SUPPORT_BLAS_H

#include <string.h>

#include "engine/kernels/kernels.h"

/* NULL where no BLAS is installed, which is said as it should be. On x86-64 that skips the test. */
static inline const tb_kernels *blas_kernels(void)
{
    const tb_kernels *kernels;
    tb_error err = {0};
    if (tb_kernels_choose("blas", &kernels, &err) == TIMBRE_OK)
        return kernels;
    assert_null(kernels);
    assert_int_equal(err.code, TIMBRE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "BLAS"));
    assert_non_null(strstr(err.fix, "install"));
#if defined(__x86_64__)
    print_message("# no BLAS: apt install libopenblas0-pthread\n");
    skip();
#endif
    return NULL;
}

#endif
