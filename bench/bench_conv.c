/*
 * 3x3 convolutions of Stable Diffusion 1.5's UNet (two pictures) and decoder with fp16 weights, by
 * products of all taps and by Winograd, in turn, beside the gemm kernel alone on data of the first
 * cache: rates count the direct products. tb_conv_is_winograd comes from this table.
 *
 * bench_conv [THREADS [TILES [N SIDE C_IN C_OUT]]]: 1 thread unless told, as many tiles in a block
 * as the engine takes (0), and a shape instead of the table.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/kernels/table.h"
#include "engine/nn/winograd.h"
#include "layer.h"

enum { MIN_SECONDS_1000 = 250, PEAK_CALLS = 400, PEAK_ROWS = 48, PEAK_COLUMNS = 64 };

typedef struct shape {
    int n, side, c_in, c_out;
} shape;

static const shape shapes[] = {
    {2, 64, 320, 320},   {2, 64, 640, 320},  {2, 64, 960, 320},   {2, 64, 640, 640},
    {2, 32, 320, 640},   {2, 32, 640, 640},  {2, 32, 960, 640},   {2, 32, 1920, 640},
    {2, 32, 1280, 1280}, {2, 16, 640, 1280}, {2, 16, 1280, 1280}, {2, 16, 2560, 1280},
    {2, 8, 1280, 1280},  {2, 8, 2560, 1280}, {1, 64, 4, 512},     {1, 64, 512, 512},
    {1, 128, 512, 512},  {1, 256, 512, 256}, {1, 256, 256, 256},  {1, 512, 256, 128},
    {1, 512, 128, 128},  {1, 512, 128, 3},   {2, 64, 4, 320},     {2, 64, 320, 4},
    {2, 64, 16, 16},     {2, 64, 32, 32},    {2, 64, 64, 64},
};

typedef struct bench {
    layer l;
    layer_run run; /* of l */
    int block_tiles;
    bool is_winograd;
} bench;

static void run_conv(tb_nn *nn, void *user)
{
    bench *b = user;
    const layer_run *run = &b->run;
    tb_conv_pictures in = {run->in, b->l.n, b->l.h, b->l.w, false};
    if (b->is_winograd)
        tb_winograd_run(nn, &(tb_winograd){&run->conv, run->out, NULL, &in, b->block_tiles});
    else
        tb_conv_run_direct(nn, run->out, &in, &run->conv, NULL);
}

/* The kernel alone, on data of the first cache. */
typedef struct gemm_loop {
    const tb_kernels *kernels;
    float *a, *b; /* of all */
    float *c;     /* [threads][rows][columns] */
} gemm_loop;

static void call_gemm(int i_task, void *user)
{
    const gemm_loop *p = user;
    for (int i = 0; i < PEAK_CALLS; i++)
        p->kernels->network->gemm(
            &(tb_gemm_block){.c = p->c + (size_t)i_task * PEAK_ROWS * PEAK_COLUMNS,
                             .ldc = PEAK_COLUMNS,
                             .a = p->a,
                             .lda = TB_GEMM_DEPTH,
                             .b = p->b,
                             .ldb = TB_GEMM_COLUMNS * TB_GEMM_DEPTH,
                             .m = PEAK_ROWS,
                             .n_panels = PEAK_COLUMNS / TB_GEMM_COLUMNS,
                             .k = TB_GEMM_DEPTH});
}

/* Of one thread, its own time: others may share the core. */
static double seconds(const tb_nn *nn)
{
    return tb_pool_n_threads(nn->pool) == 1 ? tb_clock_cpu_seconds() : tb_clock_seconds();
}

static double measure_peak(const tb_nn *nn)
{
    int n = tb_pool_n_threads(nn->pool);
    double operations = 2.0 * n * PEAK_CALLS * PEAK_ROWS * PEAK_COLUMNS * TB_GEMM_DEPTH;
    gemm_loop p = {nn->kernels, layer_floats(PEAK_ROWS * TB_GEMM_DEPTH),
                   layer_floats(PEAK_COLUMNS * TB_GEMM_DEPTH),
                   layer_floats((size_t)n * PEAK_ROWS * PEAK_COLUMNS)};
    double start = seconds(nn);
    tb_pool_run(nn->pool, n, call_gemm, &p);
    double rate = 1e-9 * operations / (seconds(nn) - start);
    free(p.a);
    free(p.b);
    free(p.c);
    return rate;
}

static double measure_conv(tb_nn *nn, bench *b, bool is_winograd)
{
    b->is_winograd = is_winograd;
    double start = seconds(nn);
    if (tb_nn_run(nn, run_conv, b, NULL, NULL) != TIMBRE_OK)
        exit(EXIT_FAILURE);
    return seconds(nn) - start;
}

/* Both ways: two takes of memory, of which the larger is what each has. */
static void run_both(tb_nn *nn, void *user)
{
    bench *b = user;
    for (int i = 0; i < 2; i++) {
        b->is_winograd = i == 1;
        run_conv(nn, b);
    }
}

/* The best of runs in turn: other programs slow all. */
static void measure(tb_nn *nn, const shape *s, int block_tiles)
{
    bench b = {.l = {LAYER_CONV, s->n, s->side, s->side, s->c_in, s->c_out, 1},
               .block_tiles = block_tiles};
    double peak = 0, direct = INFINITY, winograd = INFINITY, begin = tb_clock_seconds();
    layer_start(&b.run, &b.l);
    if (tb_nn_reserve(nn, run_both, &b, NULL) != TIMBRE_OK)
        exit(EXIT_FAILURE);
    for (int i = 0; i < 3 || tb_clock_seconds() - begin < 1e-3 * MIN_SECONDS_1000; i++) {
        peak = fmax(peak, measure_peak(nn));
        direct = fmin(direct, measure_conv(nn, &b, false));
        winograd = fmin(winograd, measure_conv(nn, &b, true));
    }
    double work = 18e-9 * s->n * s->side * s->side * s->c_in * s->c_out;
    printf("%d x %3d^2 %4d -> %4d  direct %6.1f  winograd %6.1f GFLOP/s  %4.2f x  gemm %.1f\n",
           s->n, s->side, s->c_in, s->c_out, work / direct, work / winograd, direct / winograd,
           peak);
    fflush(stdout);
    layer_stop(&b.run);
}

int main(int argc, char **argv)
{
    const tb_kernels *kernels;
    tb_pool *pool;
    tb_nn nn;
    tb_error err = {0};
    int n_threads = argc > 1 ? atoi(argv[1]) : 1, block_tiles = argc > 2 ? atoi(argv[2]) : 0;
    if (tb_kernels_choose(getenv("TIMBRE_CPU"), &kernels, &err) != TIMBRE_OK ||
        tb_pool_new(n_threads, &pool, &err) != TIMBRE_OK) {
        fprintf(stderr, "bench_conv: %s\n", err.message);
        return EXIT_FAILURE;
    }
    tb_nn_init(&nn, kernels, pool);
    printf("%s, %d threads\n", tb_kernels_name(kernels), tb_pool_n_threads(pool));
    if (argc > 6)
        measure(&nn, &(shape){atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[6])},
                block_tiles);
    for (size_t i = 0; argc <= 6 && i < sizeof shapes / sizeof *shapes; i++)
        measure(&nn, &shapes[i], block_tiles);
    tb_nn_deinit(&nn);
    tb_pool_free(pool);
    return EXIT_SUCCESS;
}
