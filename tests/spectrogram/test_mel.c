/*
 * The filter bank against the formula written down a second time, densely and with libm, and
 * against points known from Riffusion's own images.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "engine/base/random.h"
#include "engine/spectrogram/mel.h"

enum { FRAMES = TB_BATCH_FRAMES, MOST_BINS = 8821, MOST_MELS = 512 };

static const tb_mel_spec riffusion = {
    .sample_rate_hz = 44100, .n_fft = 17640, .n_mels = 512, .min_hz = 0, .max_hz = 10000};

static const tb_mel_spec banks[] = {
    {.sample_rate_hz = 44100, .n_fft = 17640, .n_mels = 512, .min_hz = 0, .max_hz = 10000},
    {.sample_rate_hz = 44100, .n_fft = 17640, .n_mels = 512, .min_hz = 20, .max_hz = 20000},
    {.sample_rate_hz = 22050, .n_fft = 1025, .n_mels = 80, .min_hz = 0, .max_hz = 8000},
    {.sample_rate_hz = 11025, .n_fft = 512, .n_mels = 200, .min_hz = 0, .max_hz = 5000},
    {.sample_rate_hz = 8000, .n_fft = 400, .n_mels = 64, .min_hz = 100, .max_hz = 10000},
    {.sample_rate_hz = 16000,
     .n_fft = 800,
     .n_mels = 40,
     .min_hz = 50,
     .max_hz = 7600,
     .slaney_scale = true},
    {.sample_rate_hz = 16000,
     .n_fft = 800,
     .n_mels = 40,
     .min_hz = 0,
     .max_hz = 8000,
     .slaney_scale = true,
     .slaney_norm = true},
};

enum { N_BANKS = sizeof banks / sizeof *banks };

static double to_mel(double hz, bool slaney)
{
    if (!slaney)
        return 2595 * log10(1 + hz / 700);
    return hz < 1000 ? hz * 3 / 200 : 15 + 27 * log(hz / 1000) / log(6.4);
}

static double to_hz(double mel, bool slaney)
{
    if (!slaney)
        return 700 * (pow(10, mel / 2595) - 1);
    return mel < 15 ? mel * 200 / 3 : 1000 * pow(6.4, (mel - 15) / 27);
}

static double corner(const tb_mel_spec *spec, int i)
{
    double lo = to_mel(spec->min_hz, spec->slaney_scale);
    double hi = to_mel(spec->max_hz, spec->slaney_scale);
    return to_hz(lo + (hi - lo) * i / (spec->n_mels + 1), spec->slaney_scale);
}

/* Weight of bin k in filter i: max(0, min(rising side, falling side)). */
static double expected(const tb_mel_spec *spec, int k, int i)
{
    int top_hz = spec->sample_rate_hz / 2, top_bin = spec->n_fft / 2; /* whole, as torchaudio's */
    double hz = (double)top_hz * k / top_bin;
    double a = corner(spec, i), b = corner(spec, i + 1), c = corner(spec, i + 2);
    double weight = fmax(0, fmin((hz - a) / (b - a), (c - hz) / (c - b)));
    return spec->slaney_norm ? weight * 2 / (c - a) : weight;
}

static double weight_of(const tb_mel *mel, int k, int i)
{
    if (k >= mel->n_bins || mel->filter[k] < 0)
        return 0;
    int at = i - mel->filter[k];
    return at == 0 || at == 1 ? mel->weights[2 * k + at] : 0;
}

static tb_mel make(const tb_mel_spec *spec)
{
    tb_mel mel;
    tb_error err = {0};
    assert_int_equal(tb_mel_init(&mel, spec, &err), TIMBRE_OK);
    return mel;
}

static void every_weight_is_the_formulas(void **state)
{
    (void)state;
    for (int b = 0; b < N_BANKS; b++) {
        tb_mel mel = make(&banks[b]);
        double worst = 0;
        for (int k = 0; k <= banks[b].n_fft / 2; k += b < 2 ? 7 : 1)
            for (int i = 0; i < banks[b].n_mels; i++)
                worst = fmax(worst, fabs(weight_of(&mel, k, i) - expected(&banks[b], k, i)));
        if (!(worst <= 1e-7))
            fail_msg("bank %d: a weight is off by %g", b, worst);
        tb_mel_deinit(&mel);
    }
}

static void corners_are_riffusions(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    assert_int_equal(mel.n_bins, 4000); /* of 2.5 Hz: the one at 10,000 Hz weighs nothing */
    assert_float_equal(weight_of(&mel, 1, 0), 2.5 / 3.7308, 2e-5);
    assert_float_equal(weight_of(&mel, 2, 0), (7.4816 - 5) / (7.4816 - 3.7308), 4e-5);
    assert_float_equal(weight_of(&mel, 2, 1), (5 - 3.7308) / (7.4816 - 3.7308), 4e-5);
    assert_float_equal(weight_of(&mel, 3999, 511), 2.5 / (10000 - 9943.27), 1e-5);
    assert_float_equal(to_mel(10000, false) / 513, 5.990685, 1e-6);
    tb_mel_deinit(&mel);
}

static void no_filter_of_riffusions_is_empty(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    double sums[512] = {0};
    for (int k = 0; k < mel.n_bins; k++) {
        for (int at = 0; at < 2 && mel.filter[k] >= 0; at++)
            if (mel.weights[2 * k + at] != 0)
                sums[mel.filter[k] + at] += mel.weights[2 * k + at];
    }
    for (int i = 0; i < 512; i++)
        assert_true(sums[i] > 0.5);
    tb_mel_deinit(&mel);
}

static void between_the_outer_peaks_weights_add_up_to_one(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    for (int k = 2; k < 3977; k++) /* 5 Hz .. 9,940 Hz */
        assert_float_equal(mel.weights[2 * k] + mel.weights[2 * k + 1], 1, 2e-7);
    tb_mel_deinit(&mel);
}

static void filters_without_bins_are_legal(void **state)
{
    (void)state;
    static const tb_mel_spec above = {
        .sample_rate_hz = 1000, .n_fft = 64, .n_mels = 16, .min_hz = 900, .max_hz = 2000};
    tb_mel mel = make(&above);
    assert_int_equal(mel.n_bins, 1);
    float magnitudes[FRAMES], bands[16 * FRAMES];
    for (int l = 0; l < FRAMES; l++)
        magnitudes[l] = 1;
    tb_mel_apply(&mel, magnitudes, bands);
    for (int j = 0; j < 16 * FRAMES; j++)
        assert_true(bands[j] == 0);
    tb_mel_deinit(&mel);
}

static void bands_are_the_dense_product(void **state)
{
    (void)state;
    for (int b = 2; b < N_BANKS; b++) {
        const tb_mel_spec *spec = &banks[b];
        tb_mel mel = make(spec);
        static float magnitudes[MOST_BINS * FRAMES], bands[MOST_MELS * FRAMES];
        assert_true(mel.n_bins <= MOST_BINS && spec->n_mels <= MOST_MELS);
        for (int j = 0; j < mel.n_bins * FRAMES; j++)
            magnitudes[j] = (float)(tb_random_at(1, (uint64_t)j) >> 40);
        tb_mel_apply(&mel, magnitudes, bands);
        for (int i = 0; i < spec->n_mels; i++)
            for (int l = 0; l < FRAMES; l++) {
                double sum = 0;
                for (int k = 0; k < mel.n_bins; k++)
                    sum += expected(spec, k, i) * magnitudes[k * FRAMES + l];
                assert_true(fabs(bands[i * FRAMES + l] - sum) <= 1e-5 * sum + 1e-9 * (1 << 24));
            }
        tb_mel_deinit(&mel);
    }
}

static void a_matrix_from_elsewhere_is_taken_as_it_is(void **state)
{
    (void)state;
    const tb_mel_spec *spec = &banks[3];
    tb_mel mel = make(spec), copy;
    int n_stft = spec->n_fft / 2 + 1;
    float *fb = calloc((size_t)n_stft * (size_t)spec->n_mels, sizeof *fb);
    assert_non_null(fb);
    for (int k = 0; k < n_stft; k++)
        for (int i = 0; i < spec->n_mels; i++)
            fb[k * spec->n_mels + i] = (float)weight_of(&mel, k, i);
    tb_error err = {0};
    assert_int_equal(tb_mel_init_matrix(&copy, fb, n_stft, spec->n_mels, &err), TIMBRE_OK);
    assert_int_equal(copy.n_bins, mel.n_bins);
    for (int k = 0; k < mel.n_bins; k++)
        for (int i = 0; i < spec->n_mels; i++)
            assert_true(weight_of(&copy, k, i) == fb[k * spec->n_mels + i]);
    tb_mel_deinit(&copy);
    fb[100 * spec->n_mels] = 0.5f;
    assert_int_equal(tb_mel_init_matrix(&copy, fb, n_stft, spec->n_mels, &err), TIMBRE_BAD_INPUT);
    assert_null(copy.filter); /* nothing is left to free */
    free(fb);
    tb_mel_deinit(&mel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_weight_is_the_formulas),
        cmocka_unit_test(corners_are_riffusions),
        cmocka_unit_test(no_filter_of_riffusions_is_empty),
        cmocka_unit_test(between_the_outer_peaks_weights_add_up_to_one),
        cmocka_unit_test(filters_without_bins_are_legal),
        cmocka_unit_test(bands_are_the_dense_product),
        cmocka_unit_test(a_matrix_from_elsewhere_is_taken_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
