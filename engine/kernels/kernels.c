#include "engine/kernels/kernels.h"

#include <stdio.h>
#include <string.h>

#include "engine/kernels/table.h"
#include "engine/os/cpu.h"

typedef struct variant {
    tb_kernels kernels; /* frames NULL: of another architecture */
    bool (*is_supported)(void);
    bool (*is_proven)(void); /* else only by name */
} variant;

static bool always(void)
{
    return true;
}

static bool has_avx2(void)
{
    return tb_cpu_detect().avx2_fma_f16c;
}

static bool has_avx512(void)
{
    return tb_cpu_detect().avx512 && has_avx2(); /* which has its frames */
}

/*
 * Where avx512 has given the bits of ref, and more speed than avx2, on the processor itself. A row
 * is earned by tests/kernels (kernels, network, network_values) passing on such a machine, where
 * they compare all variants that it has, and by bench_gemm there.
 */
static const struct {
    const char *vendor;
    int family;
} avx512_proven[] = {
    {"AuthenticAMD", 0x1a}, /* Zen 5: EPYC 9005 */
};

static bool has_proven_avx512(void)
{
    tb_cpu_model model = tb_cpu_identify();
    for (size_t i = 0; i < sizeof avx512_proven / sizeof *avx512_proven; i++)
        if (strcmp(model.vendor, avx512_proven[i].vendor) == 0 &&
            model.family == avx512_proven[i].family)
            return true;
    return false;
}

static bool has_neon(void)
{
    return tb_cpu_detect().neon;
}

#if defined(__x86_64__)
#define AVX2_TABLES   &tb_frames_avx2, &tb_network_avx2, &tb_winograd_avx2
#define AVX512_TABLES &tb_frames_avx2, &tb_network_avx512, &tb_winograd_avx512
#else
#define AVX2_TABLES   NULL, NULL, NULL
#define AVX512_TABLES NULL, NULL, NULL
#endif
#if defined(__aarch64__)
#define NEON_TABLES &tb_frames_neon, &tb_network_neon, &tb_winograd_neon
#else
#define NEON_TABLES NULL, NULL, NULL
#endif

/* The best first. */
static const variant variants[] = {
    {{"avx512", AVX512_TABLES}, has_avx512, has_proven_avx512},
    {{"avx2", AVX2_TABLES}, has_avx2, always},
    {{"neon", NEON_TABLES}, has_neon, always},
    {{"ref", &tb_frames_ref, &tb_network_ref, &tb_winograd_ref}, always, always},
};

enum { N_VARIANTS = sizeof variants / sizeof *variants };

static bool runs_here(const variant *v)
{
    return v->kernels.frames != NULL && v->is_supported();
}

/* "avx512, avx2, ref" */
static void list_variants(char out[64])
{
    int len = 0;
    for (int i = 0; i < N_VARIANTS; i++)
        if (runs_here(&variants[i]))
            len += snprintf(out + len, 64 - (size_t)len, "%s%s", len == 0 ? "" : ", ",
                            variants[i].kernels.name);
}

tb_status tb_kernels_choose(const char *name, const tb_kernels **out, tb_error *err)
{
    bool is_any = name == NULL || name[0] == '\0' || strcmp(name, "auto") == 0;
    bool is_known = false;
    *out = NULL;
    for (int i = 0; i < N_VARIANTS && *out == NULL; i++) {
        bool is_named = !is_any && strcmp(name, variants[i].kernels.name) == 0;
        is_known |= is_named;
        bool is_wanted = is_named || (is_any && variants[i].is_proven());
        if (is_wanted && runs_here(&variants[i]))
            *out = &variants[i].kernels;
    }
    if (*out != NULL)
        return TIMBRE_OK;
    char list[64];
    list_variants(list);
    if (is_known)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "this machine cannot run the kernels '%s', but: %s",
                       name, list);
    return tb_fail(err, TIMBRE_BAD_INPUT, "there are no kernels '%.32s'; this machine has: %s",
                   name, list);
}

const char *tb_kernels_name(const tb_kernels *kernels)
{
    return kernels->name;
}
