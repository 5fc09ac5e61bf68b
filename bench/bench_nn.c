/*
 * Layers of Stable Diffusion 1.5 (a 64x64 latent, batch of two) with fp16 weights on all threads,
 * beside the peak: the gemm kernel alone on data of the first cache, taken in turn with the layer.
 * The aim is 75 % of it for linear layers and 3x3 convolutions of many rows and channels.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/kernels/table.h"
#include "engine/nn/attention.h"
#include "engine/nn/conv.h"
#include "engine/os/scratch.h"

enum { N_REPEATS = 7, PEAK_CALLS = 800, PEAK_ROWS = 48, PEAK_COLUMNS = 64 };

typedef enum kind { LINEAR, CONV, ATTENTION } kind;

typedef struct layer {
    kind kind;
    int n, h, w;     /* pictures; linear: rows in h; attention: queries and keys in h and w */
    int c_in, c_out; /* attention: heads and their width */
    int stride;
} layer;

static const layer layers[] = {
    {LINEAR, 1, 8192, 1, 320, 320, 1},     {LINEAR, 1, 8192, 1, 320, 2560, 1},
    {LINEAR, 1, 8192, 1, 1280, 320, 1},    {LINEAR, 1, 2048, 1, 640, 640, 1},
    {LINEAR, 1, 2048, 1, 640, 5120, 1},    {LINEAR, 1, 512, 1, 1280, 1280, 1},
    {LINEAR, 1, 512, 1, 1280, 10240, 1},   {LINEAR, 1, 512, 1, 5120, 1280, 1},
    {LINEAR, 1, 128, 1, 1280, 1280, 1},    {LINEAR, 1, 154, 1, 768, 1280, 1},
    {LINEAR, 1, 2, 1, 1280, 1280, 1},      {CONV, 2, 64, 64, 320, 320, 1},
    {CONV, 2, 64, 64, 4, 320, 1},          {CONV, 2, 64, 64, 320, 320, 2},
    {CONV, 2, 32, 32, 640, 640, 1},        {CONV, 2, 16, 16, 1280, 1280, 1},
    {CONV, 2, 16, 16, 2560, 1280, 1},      {CONV, 2, 8, 8, 1280, 1280, 1},
    {CONV, 1, 128, 128, 512, 512, 1},      {CONV, 1, 256, 256, 128, 128, 1},
    {ATTENTION, 2, 4096, 4096, 8, 40, 1},  {ATTENTION, 2, 4096, 77, 8, 40, 1},
    {ATTENTION, 2, 1024, 1024, 8, 80, 1},  {ATTENTION, 2, 256, 256, 8, 160, 1},
    {ATTENTION, 1, 4096, 4096, 1, 512, 1},
};

typedef struct bench {
    const layer *l;
    tb_conv conv;
    float *in, *out; /* attention: q, k and v in one input */
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

static void run_layer(tb_nn *nn, void *user)
{
    const bench *b = user;
    const layer *l = b->l;
    if (l->kind == LINEAR) {
        tb_linear(nn, b->out, b->in, l->h, &b->conv.matrix, NULL);
    } else if (l->kind == CONV) {
        tb_conv2d(nn, b->out, b->in, l->n, l->h, l->w, &b->conv, NULL);
    } else {
        size_t ld = (size_t)l->c_in * (size_t)l->c_out;
        size_t len = (size_t)l->n * (size_t)(l->h > l->w ? l->h : l->w) * ld;
        tb_attention a = {l->n, l->h, l->w, l->c_in, l->c_out, false, 0.15f, ld, ld, ld, ld};
        tb_attention_run(nn, b->out, b->in, b->in + len, b->in + 2 * len, &a);
    }
}

/* Products and sums of a layer. */
static double count_operations(const layer *l)
{
    double rows = (double)l->n * l->h * l->w / l->stride / l->stride;
    if (l->kind == ATTENTION)
        return 4 * rows * l->c_in * l->c_out;
    return 2 * rows * l->c_in * l->c_out * (l->kind == CONV ? 9 : 1);
}

/* Random halves, at most 1/16. */
static void start_layer(bench *b, const layer *l)
{
    *b = (bench){.l = l, .conv = {.c_in = l->c_in, .kernel = 3, .stride = l->stride}};
    b->conv.pad_before = b->conv.pad_after = 1;
    bool has_weights = l->kind != ATTENTION;
    size_t rows = (size_t)l->n * (size_t)l->h * (size_t)l->w;
    size_t ld = (size_t)l->c_in * (size_t)l->c_out;
    size_t longest = (size_t)l->n * (size_t)(l->h > l->w ? l->h : l->w);
    b->in = new_floats(has_weights ? rows * (size_t)l->c_in : 3 * longest * ld);
    b->out = new_floats(has_weights ? rows * (size_t)l->c_out : longest * ld);
    if (!has_weights)
        return;
    int side = l->kind == CONV ? 3 : 1;
    tb_tensor t = {.name = "weight", .dtype = TB_DTYPE_F16, .rank = 4};
    int64_t shape[] = {l->c_out, l->c_in, side, side};
    t.n_elements = 1;
    for (int d = 3; d >= 0; d--) {
        t.shape[d] = shape[d];
        t.stride[d] = t.n_elements;
        t.n_elements *= shape[d];
    }
    uint16_t *halves = malloc(sizeof *halves * (size_t)t.n_elements);
    for (int64_t i = 0; halves != NULL && i < t.n_elements; i++) {
        uint64_t r = tb_random_at(9, (uint64_t)i);
        halves[i] = (uint16_t)((r & 0x83ff) | (8 + (r >> 20) % 3) << 10);
    }
    t.data = halves;
    double start = tb_clock_seconds();
    if (halves == NULL || tb_matrix_pack(&b->conv.matrix, &t, NULL, NULL) != TIMBRE_OK)
        exit(EXIT_FAILURE);
    double seconds = tb_clock_seconds() - start;
    if (t.n_elements > 10000000)
        printf("packed at %.2f GB/s\n", 2e-9 * (double)t.n_elements / seconds);
    free(halves);
}

static void stop_layer(bench *b)
{
    tb_matrix_deinit(&b->conv.matrix);
    free(b->in);
    free(b->out);
}

static void call_gemm(int i_task, void *user)
{
    const tb_kernels *kernels = user;
    float *a = new_floats(PEAK_ROWS * TB_GEMM_DEPTH);
    float *b = new_floats(PEAK_COLUMNS * TB_GEMM_DEPTH);
    float *c = new_floats(PEAK_ROWS * PEAK_COLUMNS);
    tb_gemm_block block = {.c = c, .ldc = PEAK_COLUMNS, .a = a, .lda = TB_GEMM_DEPTH, .b = b};
    block.ldb = TB_GEMM_COLUMNS * TB_GEMM_DEPTH;
    block.m = PEAK_ROWS;
    block.n_panels = PEAK_COLUMNS / TB_GEMM_COLUMNS;
    block.k = TB_GEMM_DEPTH;
    for (int i = 0; i < PEAK_CALLS; i++)
        kernels->network->gemm(&block);
    free(a);
    free(b);
    free(c);
}

/* GFLOP/s of the kernel on data of the first cache, all threads. */
static double measure_peak(const tb_nn *nn)
{
    int n = tb_pool_n_threads(nn->pool);
    double operations = 2.0 * n * PEAK_CALLS * PEAK_ROWS * PEAK_COLUMNS * TB_GEMM_DEPTH;
    double start = tb_clock_seconds();
    tb_pool_run(nn->pool, n, call_gemm, (void *)(uintptr_t)nn->kernels);
    return 1e-9 * operations / (tb_clock_seconds() - start);
}

/* The best of the layer and of the kernel alone, taken in turn: other programs slow both. */
static void measure_layer(tb_nn *nn, const layer *l, double *rate, double *peak)
{
    bench b;
    start_layer(&b, l);
    if (tb_nn_reserve(nn, run_layer, &b, NULL) != TIMBRE_OK)
        exit(EXIT_FAILURE);
    *rate = *peak = 0;
    for (int i = 0; i < N_REPEATS; i++) {
        double now = measure_peak(nn), start = tb_clock_seconds();
        *peak = now > *peak ? now : *peak;
        if (tb_nn_run(nn, run_layer, &b, NULL, NULL) != TIMBRE_OK)
            exit(EXIT_FAILURE);
        now = 1e-9 * count_operations(l) / (tb_clock_seconds() - start);
        *rate = now > *rate ? now : *rate;
    }
    stop_layer(&b);
}

int main(void)
{
    static const char *const names[] = {"linear", "conv 3x3", "attention"};
    const tb_kernels *kernels;
    tb_pool *pool;
    tb_nn nn;
    tb_error err = {0};
    if (tb_kernels_choose(getenv("TIMBRE_CPU"), &kernels, &err) != TIMBRE_OK ||
        tb_pool_new(0, &pool, &err) != TIMBRE_OK) {
        fprintf(stderr, "bench_nn: %s\n", err.message);
        return EXIT_FAILURE;
    }
    tb_nn_init(&nn, kernels, pool);
    printf("%s, %d threads\n", tb_kernels_name(kernels), tb_pool_n_threads(pool));
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const layer *l = &layers[i];
        double rate, peak;
        measure_layer(&nn, l, &rate, &peak);
        printf("%-9s %d x %4d x %4d, %4d %s %5d, stride %d: %6.1f GFLOP/s, %3.0f %% of %.1f\n",
               names[l->kind], l->n, l->h, l->w, l->c_in, l->kind == ATTENTION ? "x" : "->",
               l->c_out, l->stride, rate, 100 * rate / peak, peak);
    }
    tb_nn_deinit(&nn);
    tb_pool_free(pool);
    return EXIT_SUCCESS;
}
