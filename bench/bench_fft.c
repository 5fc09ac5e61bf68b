/*
 * Transforms beside FFTW (FFTW_MEASURE; benchmark only) in one run on equal threads: 512 real
 * frames, natural order, each library in batches of 16. The promise: at most 1.5 times its time.
 * Then one round of Griffin-Lim over 512 frames of Riffusion's defaults.
 */
#include <fftw3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/os/pool.h"
#include "engine/spectrogram/fft.h"
#include "engine/spectrogram/frames.h"

enum { N_FRAMES = 512, N_BATCHES = N_FRAMES / TB_BATCH_FRAMES, N_REPEATS = 9, MAX_THREADS = 2 };

#define MAX_RATIO 1.5

typedef struct bench {
    int n;
    tb_fft *fft;
    const tb_kernels *kernels;
    fftwf_plan forward, inverse;
    float *rows, *bins; /* [512][n], [512][n/2 + 1][2] */
    float *scratch;     /* [N_BATCHES] of tb_fft_data_len, or of frames */
    size_t scratch_len;
    tb_frames *frames;
    float *S, *R; /* of all batches */
} bench;

static float *new_floats(size_t n)
{
    float *out = fftwf_malloc(n * sizeof *out);
    if (out == NULL)
        exit(EXIT_FAILURE);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)(int64_t)tb_random_at(n, i) * 0x1p-63);
    return out;
}

static float *batch_rows(const bench *b, int i)
{
    return b->rows + (size_t)i * TB_BATCH_FRAMES * (size_t)b->n;
}

static float *batch_bins(const bench *b, int i)
{
    return b->bins + (size_t)i * TB_BATCH_FRAMES * 2 * (size_t)(b->n / 2 + 1);
}

static float *batch_scratch(const bench *b, int i)
{
    return b->scratch + (size_t)(i % MAX_THREADS) * b->scratch_len;
}

/* Task i does every second batch, so that each thread has a scratch of its own. */
static void each_batch(int i_task, const bench *b, void (*fn)(const bench *b, int i_batch))
{
    for (int i = i_task; i < N_BATCHES; i += MAX_THREADS)
        fn(b, i);
}

static void forward_ours(const bench *b, int i)
{
    tb_fft_real_forward(b->fft, b->kernels, batch_rows(b, i), batch_bins(b, i),
                        batch_scratch(b, i));
}

static void inverse_ours(const bench *b, int i)
{
    tb_fft_real_inverse(b->fft, b->kernels, batch_bins(b, i), batch_rows(b, i),
                        batch_scratch(b, i));
}

static void forward_fftw(const bench *b, int i)
{
    fftwf_execute_dft_r2c(b->forward, batch_rows(b, i), (fftwf_complex *)batch_bins(b, i));
}

static void inverse_fftw(const bench *b, int i)
{
    fftwf_execute_dft_c2r(b->inverse, (fftwf_complex *)batch_bins(b, i), batch_rows(b, i));
}

static void griffin_lim_round(const bench *b, int i)
{
    size_t n_bins = (size_t)tb_frames_get_spec(b->frames)->n_bins;
    tb_frames_griffin_lim(b->frames, (int64_t)i * TB_BATCH_FRAMES, batch_rows(b, i),
                          b->S + (size_t)i * n_bins * 2 * TB_LANES,
                          b->R + (size_t)i * n_bins * 4 * TB_LANES, 0.49748744f, batch_bins(b, i),
                          batch_scratch(b, i));
}

typedef struct work {
    const bench *b;
    void (*fn)(const bench *b, int i_batch);
} work;

static void run_task(int i_task, void *user)
{
    const work *w = user;
    each_batch(i_task, w->b, w->fn);
}

static double seconds(tb_pool *pool, const bench *b, void (*fn)(const bench *b, int i_batch))
{
    work w = {b, fn};
    double start = tb_clock_seconds();
    tb_pool_run(pool, MAX_THREADS, run_task, &w);
    return tb_clock_seconds() - start;
}

/* The best time of each, taken in turn. */
static void best_of(tb_pool *pool, const bench *b, void (*const fns[])(const bench *b, int i),
                    double best[], int n_fns)
{
    for (int k = 0; k < N_REPEATS; k++)
        for (int f = 0; f < n_fns; f++) {
            double s = seconds(pool, b, fns[f]);
            best[f] = k == 0 || s < best[f] ? s : best[f];
        }
}

static bool report(const char *what, int n, int n_threads, double ours, double fftw)
{
    printf("%-8s n %5d, %d thread%s: %7.2f ms, FFTW %7.2f ms, ratio %.2f\n", what, n, n_threads,
           n_threads == 1 ? " " : "s", ours * 1e3, fftw * 1e3, ours / fftw);
    return ours <= MAX_RATIO * fftw;
}

static void start_length(bench *b, int n)
{
    tb_error err = {0};
    *b = (bench){.n = n};
    if (tb_kernels_choose(getenv("TIMBRE_CPU"), &b->kernels, &err) != TIMBRE_OK ||
        tb_fft_new(n, &b->fft, &err) != TIMBRE_OK) {
        fprintf(stderr, "bench_fft: %s\n", err.message);
        exit(EXIT_FAILURE);
    }
    b->scratch_len = tb_fft_data_len(b->fft);
    b->scratch = new_floats(MAX_THREADS * b->scratch_len);
    b->rows = new_floats((size_t)N_FRAMES * (size_t)n);
    b->bins = new_floats((size_t)N_FRAMES * 2 * (size_t)(n / 2 + 1));
    int size[] = {n}, n_bins = n / 2 + 1;
    b->forward = fftwf_plan_many_dft_r2c(1, size, TB_BATCH_FRAMES, b->rows, NULL, 1, n,
                                         (fftwf_complex *)b->bins, NULL, 1, n_bins, FFTW_MEASURE);
    b->inverse = fftwf_plan_many_dft_c2r(1, size, TB_BATCH_FRAMES, (fftwf_complex *)b->bins, NULL,
                                         1, n_bins, b->rows, NULL, 1, n, FFTW_MEASURE);
}

static void stop(bench *b)
{
    tb_fft_free(b->fft);
    tb_frames_free(b->frames);
    fftwf_destroy_plan(b->forward);
    fftwf_destroy_plan(b->inverse);
    float *all[] = {b->rows, b->bins, b->scratch, b->S, b->R};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        fftwf_free(all[i]);
}

static bool bench_length(int n, tb_pool *const pools[])
{
    static void (*const fns[])(const bench *, int) = {forward_ours, forward_fftw, inverse_ours,
                                                      inverse_fftw};
    bench b;
    bool is_fast = true;
    start_length(&b, n);
    for (int p = 0; p < MAX_THREADS; p++) {
        double best[4];
        best_of(pools[p], &b, fns, best, 4);
        is_fast &= report("forward", n, p + 1, best[0], best[1]);
        is_fast &= report("inverse", n, p + 1, best[2], best[3]);
    }
    stop(&b);
    return is_fast;
}

static void bench_griffin_lim(int stride, tb_pool *const pools[])
{
    static void (*const fns[])(const bench *, int) = {griffin_lim_round};
    tb_frames_spec spec = {17640, 4410, 441, 4001, stride};
    bench b;
    start_length(&b, 17640);
    if (tb_frames_new(&spec, b.kernels, &b.frames, NULL) != TIMBRE_OK)
        exit(EXIT_FAILURE);
    fftwf_free(b.scratch);
    b.scratch_len = tb_frames_scratch_len(b.frames);
    b.scratch = new_floats(MAX_THREADS * b.scratch_len);
    b.S = new_floats((size_t)N_FRAMES * (size_t)spec.n_bins);
    b.R = new_floats((size_t)N_FRAMES * 2 * (size_t)spec.n_bins);
    for (int p = 0; p < MAX_THREADS; p++) {
        double best;
        best_of(pools[p], &b, fns, &best, 1);
        printf("Griffin-Lim round, stride %d, %d frames, %d thread%s: %.2f ms\n", stride, N_FRAMES,
               p + 1, p == 0 ? " " : "s", best * 1e3);
    }
    stop(&b);
}

int main(void)
{
    static const int lengths[] = {17640, 8820, 4410};
    tb_pool *pools[MAX_THREADS] = {0};
    bool is_fast = true;
    for (int p = 0; p < MAX_THREADS; p++)
        if (tb_pool_new(p + 1, &pools[p], NULL) != TIMBRE_OK)
            return EXIT_FAILURE;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        is_fast &= bench_length(lengths[i], pools);
    bench_griffin_lim(2, pools);
    bench_griffin_lim(1, pools);
    for (int p = 0; p < MAX_THREADS; p++)
        tb_pool_free(pools[p]);
    fftwf_cleanup();
    if (!is_fast)
        fprintf(stderr, "bench_fft: over %.1f times the time of FFTW\n", MAX_RATIO);
    return is_fast ? EXIT_SUCCESS : EXIT_FAILURE;
}
