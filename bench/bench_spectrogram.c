/*
 * What the parts of decoding and encoding cost, alone and warm, for 512 columns of the default
 * parameters:
 *
 *     bench_spectrogram [THREADS [RUNS [IMAGE]]]
 *
 * The amplitudes are those of IMAGE, else of a pattern. Prints one JSON object a line:
 * {"part": ..., "threads": n, "median_s": seconds, "best_s": seconds}. bench_spectrogram.py runs it
 * beside torchaudio.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/spectrogram/analyzer.h"
#include "engine/spectrogram/params.h"
#include "engine/spectrogram/vocoder.h"
#include "tests/spectrogram/quality.h"

enum { N_FRAMES = 512, N_BATCHES = N_FRAMES / TB_BATCH_FRAMES, MAX_RUNS = 100 };

typedef struct bench {
    const tb_kernels *kernels;
    tb_pool *pool;
    tb_spectrogram_lengths lengths;
    tb_mel mel;
    quality_bands bands;
    tb_mel_inverse *lstsq, *sgd;
    const tb_mel_inverse *inverse; /* the one that is measured */
    tb_phase_start start;
    int n_iter;
    float *sound; /* [n_samples] */
    int64_t n_samples, at;
} bench;

static void stop(const tb_error *err)
{
    fprintf(stderr, "bench_spectrogram: %s\n", err->message);
    exit(1);
}

static float *alloc(size_t n_floats)
{
    float *data = aligned_alloc(64, (sizeof(float) * n_floats + 63) / 64 * 64);
    if (data == NULL)
        exit(1);
    return data;
}

/* Amplitudes over four decades, as an image has them. */
static void make_bands(quality_bands *bands, int n_mels)
{
    *bands = (quality_bands){.n_mels = n_mels, .width = N_FRAMES};
    bands->amplitudes = alloc((size_t)n_mels * N_FRAMES);
    tb_random random = tb_random_init(1, "bench");
    for (int i = 0; i < n_mels * N_FRAMES; i++)
        bands->amplitudes[i] = (float)(30e6 * pow(tb_random_unit(&random), 4));
}

static void fill_batch(const bench *b, int64_t t, float *batch)
{
    for (size_t i = 0; i < (size_t)b->mel.n_mels; i++)
        memcpy(batch + i * TB_BATCH_FRAMES,
               b->bands.amplitudes + i * (size_t)b->bands.width + (size_t)t,
               sizeof *batch * TB_BATCH_FRAMES);
}

/* ---- the parts ------------------------------------------------------------------------------ */

static void invert_batch(int i_task, void *user)
{
    const bench *b = user;
    float *batch = alloc((size_t)b->mel.n_mels * TB_BATCH_FRAMES);
    float *magnitudes = alloc((size_t)b->mel.n_bins * TB_BATCH_FRAMES);
    float *scratch = alloc(tb_mel_inverse_scratch_len(b->inverse));
    fill_batch(b, (int64_t)i_task * TB_BATCH_FRAMES, batch);
    tb_mel_inverse_run(b->inverse, 0, (int64_t)i_task * TB_BATCH_FRAMES, batch, magnitudes,
                       scratch);
    free(batch);
    free(magnitudes);
    free(scratch);
}

static void run_inverse(bench *b)
{
    tb_pool_run(b->pool, N_BATCHES, invert_batch, b);
}

static tb_status give_bands(void *user, int64_t t, int n_frames, float *bands, tb_error *err)
{
    (void)n_frames; /* always a whole batch: 512 frames */
    (void)err;
    fill_batch(user, t, bands);
    return TIMBRE_OK;
}

static tb_status take_sound(void *user, const float *samples, int64_t n, tb_error *err)
{
    bench *b = user;
    (void)err;
    memcpy(b->sound + b->at, samples, sizeof *samples * (size_t)n);
    b->at += n;
    return TIMBRE_OK;
}

static void run_vocoder(bench *b)
{
    tb_vocoder_spec spec = {.n_fft = b->lengths.n_fft,
                            .win_length = b->lengths.win_length,
                            .hop_length = b->lengths.hop_length,
                            .inverse = b->lstsq,
                            .n_mels = b->mel.n_mels,
                            .n_bins = b->mel.n_bins,
                            .n_frames = N_FRAMES,
                            .n_iter = b->n_iter,
                            .momentum = 0.99,
                            .start = b->start};
    tb_vocoder_io io = {.read = give_bands, .write = take_sound, .user = b};
    tb_error err = {0};
    b->at = 0;
    if (tb_vocoder_run(&spec, b->kernels, b->pool, &io, NULL, &err) != TIMBRE_OK)
        stop(&err);
}

static tb_status give_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    bench *b = user;
    (void)err;
    *n_read = n < b->n_samples - b->at ? n : b->n_samples - b->at;
    memcpy(out, b->sound + b->at, sizeof *out * (size_t)*n_read);
    b->at += *n_read;
    return TIMBRE_OK;
}

static tb_status drop_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                            tb_error *err)
{
    (void)user, (void)channel, (void)t, (void)n_frames, (void)bands, (void)err;
    return TIMBRE_OK;
}

static void run_analyzer(bench *b)
{
    tb_analyzer_spec spec = {.n_fft = b->lengths.n_fft,
                             .win_length = b->lengths.win_length,
                             .hop_length = b->lengths.hop_length,
                             .mel = &b->mel,
                             .n_channels = 1};
    tb_analyzer_io io = {.read = give_sound, .write = drop_bands, .user = b};
    int64_t n_frames;
    tb_error err = {0};
    b->at = 0;
    if (tb_analyzer_run(&spec, b->kernels, b->pool, &io, NULL, &n_frames, &err) != TIMBRE_OK)
        stop(&err);
}

static const struct {
    const char *name;
    void (*run)(bench *b);
    bool is_sgd;
    tb_phase_start start;
    int n_iter;
} parts[] = {
    {"inverse mel, lstsq", run_inverse, false, TB_PHASE_RANDOM, 0},
    {"inverse mel, sgd 200", run_inverse, true, TB_PHASE_RANDOM, 0},
    {"lstsq and Griffin-Lim 8", run_vocoder, false, TB_PHASE_RANDOM, 8},
    {"lstsq and Griffin-Lim 32", run_vocoder, false, TB_PHASE_RANDOM, 32},
    {"lstsq and Griffin-Lim 64", run_vocoder, false, TB_PHASE_RANDOM, 64},
    {"lstsq and start spsi", run_vocoder, false, TB_PHASE_SPSI, 0},
    {"STFT and mel", run_analyzer, false, TB_PHASE_RANDOM, 0}, /* of the sound made before */
};

/* ---- measuring ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(bench *b, size_t i_part, int n_runs)
{
    double seconds[MAX_RUNS] = {0};
    b->inverse = parts[i_part].is_sgd ? b->sgd : b->lstsq;
    b->start = parts[i_part].start;
    b->n_iter = parts[i_part].n_iter;
    parts[i_part].run(b); /* warm */
    for (int i = 0; i < n_runs; i++) {
        double begin = tb_clock_seconds();
        parts[i_part].run(b);
        seconds[i] = tb_clock_seconds() - begin;
    }
    qsort(seconds, (size_t)n_runs, sizeof *seconds, by_value);
    printf("{\"part\": \"%s\", \"threads\": %d, \"median_s\": %.6f, \"best_s\": %.6f}\n",
           parts[i_part].name, tb_pool_n_threads(b->pool), seconds[n_runs / 2], seconds[0]);
    fflush(stdout);
}

static tb_status init(bench *b, int n_threads, const char *image, tb_error *err)
{
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    b->lengths = tb_spectrogram_get_lengths(&params);
    tb_mel_spec mel_spec = tb_spectrogram_mel_spec(&params);
    tb_mel_inverse_spec lstsq = {.method = TB_MEL_LSTSQ};
    tb_mel_inverse_spec sgd = {
        .method = TB_MEL_SGD, .n_iter = 200, .n_frames = N_FRAMES, .n_channels = 1};
    tb_status st = tb_kernels_choose(getenv("TIMBRE_CPU"), &b->kernels, err);
    if (st == TIMBRE_OK)
        st = tb_pool_new(n_threads, &b->pool, err);
    if (st == TIMBRE_OK)
        st = tb_mel_init(&b->mel, &mel_spec, err);
    if (st == TIMBRE_OK)
        st = tb_mel_inverse_new(&b->mel, &lstsq, &b->lstsq, err);
    if (st == TIMBRE_OK)
        st = tb_mel_inverse_new(&b->mel, &sgd, &b->sgd, err);
    if (st == TIMBRE_OK && image != NULL)
        st = quality_load_image(image, &b->bands, err);
    if (st != TIMBRE_OK)
        return st;
    if (image == NULL)
        make_bands(&b->bands, b->mel.n_mels);
    if (b->bands.width != N_FRAMES || b->bands.n_mels != b->mel.n_mels)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the image is not 512 x 512");
    b->n_samples = (int64_t)b->lengths.hop_length * (N_FRAMES - 1);
    b->sound = alloc((size_t)b->n_samples);
    return TIMBRE_OK;
}

static void deinit(bench *b)
{
    tb_mel_inverse_free(b->lstsq);
    tb_mel_inverse_free(b->sgd);
    tb_mel_deinit(&b->mel);
    tb_pool_free(b->pool);
    quality_deinit(&b->bands);
    free(b->sound);
}

int main(int argc, char **argv)
{
    int n_threads = argc > 1 ? atoi(argv[1]) : 2, n_runs = argc > 2 ? atoi(argv[2]) : 5;
    bench b = {0};
    tb_error err = {0};
    if (n_runs < 1 || n_runs > MAX_RUNS) {
        fprintf(stderr, "usage: bench_spectrogram [THREADS [RUNS [IMAGE]]]\n");
        return 2;
    }
    if (init(&b, n_threads, argc > 3 ? argv[3] : NULL, &err) != TIMBRE_OK)
        stop(&err);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        measure(&b, i, n_runs);
    deinit(&b);
    return 0;
}
