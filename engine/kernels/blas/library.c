#include "engine/kernels/blas/library.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/os/library.h"

/* Only what is known to be fast and to take several callers: a libblas.so.3 may be neither. */
static const char *const candidates[] = {
#ifdef __APPLE__
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
#else
    "libopenblasp.so.0", /* Fedora's with threads; its libopenblas.so.0 has none */
    "libopenblas.so.0",
#endif
};

/* Answers of openblas_get_parallel. */
enum { WITHOUT_THREADS = 0 };

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Zen MAX_THREADS=64" to "OpenBLAS 0.3.21",
 * and the processor whose code it took. */
static void name_openblas(tb_library *library, tb_blas *blas)
{
    char *(*get_config)(void);
    char *(*get_core)(void);
    const char *config = "OpenBLAS", *core = "";
    if (tb_library_find(library, "openblas_get_config", &get_config))
        config = get_config();
    if (tb_library_find(library, "openblas_get_corename", &get_core))
        core = get_core();
    size_t len = strcspn(config, " ");
    len += config[len] == ' ' ? 1 + strcspn(config + len + 1, " ") : 0;
    (void)snprintf(blas->name, sizeof blas->name, "%.*s%s%s", (int)len, config,
                   core[0] == '\0' ? "" : " ", core);
}

/* Accelerate has the version of its system. */
static void name_accelerate(tb_blas *blas)
{
    struct utsname system;
    (void)snprintf(blas->name, sizeof blas->name, "Accelerate of Darwin %.32s",
                   uname(&system) == 0 ? system.release : "");
}

/*
 * Our pool splits the work, so the library must not. OpenBLAS with threads of its own has one
 * number for all callers, that with OpenMP and Accelerate one for each. Without any threads it need
 * not be made for several callers, and does not tell.
 */
static void tame(tb_library *library, tb_blas *blas)
{
    void (*set_threads)(int n);
    int (*get_parallel)(void);
    if (tb_library_find(library, "openblas_set_num_threads", &set_threads)) {
        set_threads(1);
        (void)tb_library_find(library, "omp_set_num_threads", &blas->limit_thread);
        if (tb_library_find(library, "openblas_get_parallel", &get_parallel))
            blas->is_locked = get_parallel() == WITHOUT_THREADS;
        name_openblas(library, blas);
    } else {
        (void)tb_library_find(library, "BLASSetThreading", &blas->limit_threading);
        name_accelerate(blas);
    }
}

tb_status tb_blas_open(tb_blas *out, tb_error *err)
{
    *out = (tb_blas){0};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        tb_library *library = tb_library_open(candidates[i]);
        if (library == NULL || !tb_library_find(library, "cblas_sgemm", &out->sgemm))
            continue;
        tame(library, out);
        return TIMBRE_OK;
    }
    tb_status st = tb_fail(err, TIMBRE_UNSUPPORTED,
                           "no BLAS is here for the kernels 'blas': %s cannot be loaded",
                           candidates[sizeof candidates / sizeof *candidates - 1]);
    tb_fix(err, "install OpenBLAS (libopenblas0-pthread in Debian), or do without --cpu blas");
    return st;
}
