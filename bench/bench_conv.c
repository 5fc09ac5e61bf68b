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
#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "engine/nn/winograd.h"
#include "engine/os/scratch.h"

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
    tb_conv conv;
    tb_conv_pictures in;
    float *x, *out;
    int block_tiles;
    bool is_winograd;
} bench;

static float *new_floats(size_t n)
{
    float *out = tb_floats_alloc(n);
    if (out == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)(int64_t)tb_random_at(n, i) * 0x1p-63);
    return out;
}

/* Random halves, at most 1/16, in panels. */
static void fill_panels(tb_matrix *m)
{
    size_t n = ((size_t)m->n_out + 15) / 16 * 16 * (size_t)m->n_in;
    uint16_t *halves = (void *)tb_floats_alloc(n / 2);
    if (halves == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++) {
        uint64_t r = tb_random_at(9, i);
        halves[i] = (uint16_t)((r & 0x83ff) | (8 + (r >> 20) % 3) << 10);
    }
    m->panels = halves;
}

static void start(bench *b, const shape *s, int block_tiles)
{
    *b = (bench){.conv = {.c_in = s->c_in, .kernel = 3, .stride = 1}, .block_tiles = block_tiles};
    b->conv.pad_before = b->conv.pad_after = 1;
    b->conv.matrix = (tb_matrix){.dtype = TB_DTYPE_F16, .n_out = s->c_out, .n_in = 9 * s->c_in};
    fill_panels(&b->conv.matrix);
    size_t pixels = (size_t)s->n * (size_t)s->side * (size_t)s->side;
    b->x = new_floats(pixels * (size_t)s->c_in);
    b->out = new_floats(pixels * (size_t)s->c_out);
    b->in = (tb_conv_pictures){b->x, s->n, s->side, s->side, false};
}

static void stop(bench *b)
{
    free(b->conv.matrix.panels);
    free(b->x);
    free(b->out);
}

static void run_conv(tb_nn *nn, void *user)
{
    bench *b = user;
    if (b->is_winograd)
        tb_winograd_run(nn, &(tb_winograd){&b->conv, b->out, NULL, &b->in, b->block_tiles});
    else
        tb_conv_run_direct(nn, b->out, &b->in, &b->conv, NULL);
}

static void call_gemm(int i_task, void *user)
{
    const tb_kernels *kernels = user;
    float *a = new_floats(PEAK_ROWS * TB_GEMM_DEPTH);
    float *b = new_floats(PEAK_COLUMNS * TB_GEMM_DEPTH);
    float *c = new_floats(PEAK_ROWS * PEAK_COLUMNS);
    (void)i_task;
    for (int i = 0; i < PEAK_CALLS; i++)
        kernels->network->gemm(&(tb_gemm_block){.c = c,
                                                .ldc = PEAK_COLUMNS,
                                                .a = a,
                                                .lda = TB_GEMM_DEPTH,
                                                .b = b,
                                                .ldb = TB_GEMM_COLUMNS * TB_GEMM_DEPTH,
                                                .m = PEAK_ROWS,
                                                .n_panels = PEAK_COLUMNS / TB_GEMM_COLUMNS,
                                                .k = TB_GEMM_DEPTH});
    free(a);
    free(b);
    free(c);
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
    double start = seconds(nn);
    tb_pool_run(nn->pool, n, call_gemm, (void *)(uintptr_t)nn->kernels);
    return 1e-9 * operations / (seconds(nn) - start);
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
    bench b;
    double peak = 0, direct = INFINITY, winograd = INFINITY, begin = tb_clock_seconds();
    start(&b, s, block_tiles);
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
    stop(&b);
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
