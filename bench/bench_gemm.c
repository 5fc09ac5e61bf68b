/*
 * The gemm kernel on one core: blocks as layers give them, in cache, and products of the network's
 * linear shapes, by nothing but calls of the kernel on packed panels; beside a loop of fused
 * multiply-adds in the same registers, in turn. For each variant of this machine, or for those
 * named. The promise: at least 90 % of that loop at depths of 256.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "peak.h"

enum {
    N_REPEATS = 25,
    PEAK_ROUNDS = 100000,
    ROWS_AT_ONCE = 96, /* of A, which L2 keeps */
    LEAST_WORK = 50000000
};

#define MIN_RATIO 0.9

typedef struct shape {
    int m, n, k;
} shape;

static const shape shapes[] = {
    {96, 128, 256},   {8, 128, 256},     {32, 128, 256},    {48, 128, 256},     {64, 128, 256},
    {128, 128, 256},  {192, 128, 256},   {96, 112, 256},    {96, 16, 256},      {256, 32, 40},
    {256, 32, 80},    {256, 32, 160},    {40, 32, 256},     {80, 32, 256},      {160, 32, 256},
    {77, 32, 40},     {40, 32, 77},      {4096, 320, 320},  {4096, 2560, 320},  {4096, 320, 1280},
    {1024, 640, 640}, {1024, 5120, 640}, {256, 1280, 1280}, {256, 10240, 1280}, {64, 1280, 1280},
    {77, 768, 3072},  {4096, 4096, 40},  {4096, 48, 4096},
};

typedef struct product {
    const tb_kernels *kernels;
    shape s;
    float *a, *b, *c; /* [m][k], [n / 16][k][16], [m][n] */
} product;

static float *new_floats(size_t n)
{
    float *out = aligned_alloc(64, (n * sizeof *out + 63) / 64 * 64);
    if (out == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)(int64_t)tb_random_at(n, i) * 0x1p-63);
    return out;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Rows from..to of C and k of at..at + depth, as many panels at a time as the variant likes. */
static void run_block(const product *p, int from, int to, int at, int depth)
{
    size_t n = (size_t)p->s.n, k = (size_t)p->s.k;
    int n_panels = p->s.n / TB_GEMM_COLUMNS, at_once = p->kernels->network->gemm_panels;
    for (int j = 0; j < n_panels; j += at_once)
        p->kernels->network->gemm(
            &(tb_gemm_block){.c = p->c + (size_t)from * n + (size_t)j * TB_GEMM_COLUMNS,
                             .ldc = n,
                             .a = p->a + (size_t)from * k + (size_t)at,
                             .lda = k,
                             .b = p->b + ((size_t)j * k + (size_t)at) * TB_GEMM_COLUMNS,
                             .ldb = k * TB_GEMM_COLUMNS,
                             .m = to - from,
                             .n_panels = least(at_once, n_panels - j),
                             .k = depth,
                             .adds = at > 0});
}

static void run_product(const product *p)
{
    for (int at = 0; at < p->s.k; at += TB_GEMM_DEPTH)
        for (int from = 0; from < p->s.m; from += ROWS_AT_ONCE)
            run_block(p, from, least(from + ROWS_AT_ONCE, p->s.m), at,
                      least(TB_GEMM_DEPTH, p->s.k - at));
}

/* GFLOP/s of processor time: others may share the core. */
static double product_rate(const product *p)
{
    double work = 2.0 * p->s.m * p->s.n * p->s.k;
    int n = 1 + (int)(LEAST_WORK / work);
    double start = tb_clock_cpu_seconds();
    for (int i = 0; i < n; i++)
        run_product(p);
    return 1e-9 * work * n / (tb_clock_cpu_seconds() - start);
}

static double peak_rate(peak_loop *run)
{
    double start = tb_clock_cpu_seconds();
    double work = run(PEAK_ROUNDS);
    return 1e-9 * work / (tb_clock_cpu_seconds() - start);
}

/* The ratio of the best runs of a shape and of the peak between them. */
static double report(const tb_kernels *kernels, const shape *s)
{
    size_t m = (size_t)s->m, n = (size_t)s->n, k = (size_t)s->k;
    product p = {kernels, *s, new_floats(m * k), new_floats(n * k), new_floats(m * n)};
    double peak = 0, best = 0;
    run_product(&p);
    for (int r = 0; r < N_REPEATS; r++) {
        double top = peak_rate(peak_of(tb_kernels_name(kernels))), rate = product_rate(&p);
        peak = top > peak ? top : peak;
        best = rate > best ? rate : best;
    }
    printf("%-7s %5d x %5d x %5d  %7.1f GFLOP/s of %7.1f  %5.1f %%\n", tb_kernels_name(kernels),
           s->m, s->n, s->k, best, peak, 100 * best / peak);
    free(p.a);
    free(p.b);
    free(p.c);
    return best / peak;
}

/* The ratio at depth 256 in cache. */
static double report_all(const tb_kernels *kernels)
{
    double first = report(kernels, &shapes[0]);
    for (size_t i = 1; i < sizeof shapes / sizeof *shapes; i++)
        report(kernels, &shapes[i]);
    printf("%s: depth 256 in cache %.1f %%, promised %.0f %%\n", tb_kernels_name(kernels),
           100 * first, 100 * MIN_RATIO);
    return first;
}

static bool is_named(const char *variant, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], variant) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    static const char *const variants[] = {"avx2", "avx512", "neon"};
    bool is_kept = true;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const tb_kernels *kernels;
        if (is_named(variants[i], argc, argv) &&
            tb_kernels_choose(variants[i], &kernels, NULL) == TIMBRE_OK)
            is_kept &= report_all(kernels) >= MIN_RATIO;
    }
    return is_kept ? EXIT_SUCCESS : EXIT_FAILURE;
}
