/*
 * From sound to picture, against torch 1.13 and torchaudio 0.13.1 in single precision, called as
 * Riffusion calls them. Each bound is a promise of docs/numerics.md; the measured value is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/frames.h"
#include "engine/spectrogram/pixels.h"
#include "tests/spectrogram/reference.h"

static reference forward, banks;

static int open_vectors(void **state)
{
    (void)state;
    reference_open(&forward, "spectrogram_forward");
    reference_open(&banks, "spectrogram_banks");
    return 0;
}

static int close_vectors(void **state)
{
    (void)state;
    reference_close(&forward);
    reference_close(&banks);
    return 0;
}

/* ---- STFT ---------------------------------------------------------------------------------- */

static float reflected(const float *samples, int n, int64_t i)
{
    if (i < 0)
        i = -i;
    if (i >= n)
        i = 2 * (n - 1) - i;
    return i >= 0 && i < n ? samples[i] : 0; /* frames behind the last one */
}

/* [n_frames][n_bins][2], owned by the caller. */
static float *whole_stft(const tb_frames_spec *spec, const float *samples, int n_samples)
{
    tb_frames *frames;
    tb_error err = {0};
    assert_int_equal(tb_frames_new(spec, reference_kernels(), &frames, &err), TIMBRE_OK);
    int n_frames = 1 + n_samples / spec->hop_length, span = tb_frames_span(frames);
    size_t n_bins = (size_t)spec->n_bins;
    float *out = reference_alloc((size_t)n_frames * n_bins * 2);
    float *grid = reference_alloc((size_t)span), *X = reference_alloc(n_bins * 4 * TB_LANES);
    float *scratch = reference_alloc(tb_frames_scratch_len(frames));
    for (int t = 0; t < n_frames; t += TB_BATCH_FRAMES) {
        for (int g = 0; g < span; g++)
            grid[g] = reflected(samples, n_samples, tb_frames_begin(frames, t) + g);
        tb_frames_analyze(frames, t, grid, X, scratch);
        for (int j = 0; j < TB_BATCH_FRAMES && t + j < n_frames; j++)
            for (size_t k = 0; k < n_bins; k++)
                for (size_t part = 0; part < 2; part++)
                    out[((size_t)(t + j) * n_bins + k) * 2 + part] =
                        X[((k * 2 + (size_t)(j % 2)) * 2 + part) * TB_LANES + (size_t)(j / 2)];
    }
    free(grid);
    free(X);
    free(scratch);
    tb_frames_free(frames);
    return out;
}

/* Every i_step-th bin of every t_step-th frame of ours against the array `name`. */
static double stft_snr(const tb_frames_spec *spec, const char *name, int i_step, int t_step)
{
    int n_samples, shape[3];
    float *sound = reference_sound(1, &n_samples);
    float *X = whole_stft(spec, sound, n_samples);
    const float *want = reference_floats(&forward, name, shape);
    float *got = reference_alloc((size_t)shape[0] * (size_t)shape[1]);
    for (int t = 0; t < shape[0]; t++)
        for (int i = 0; i < shape[1] / 2; i++) {
            assert_true(i * i_step < spec->n_bins && t * t_step <= n_samples / spec->hop_length);
            memcpy(got + (size_t)t * (size_t)shape[1] + (size_t)i * 2,
                   X + ((size_t)(t * t_step) * (size_t)spec->n_bins + (size_t)(i * i_step)) * 2,
                   2 * sizeof *got);
        }
    double snr_db = reference_snr_db(got, want, (size_t)shape[0] * (size_t)shape[1]);
    free(got);
    free(X);
    free(sound);
    return snr_db;
}

static const tb_frames_spec default_frames = {
    .n_fft = 17640, .win_length = 4410, .hop_length = 441, .n_bins = 8821, .stride = 1};

static void stft_has_100_db(void **state)
{
    (void)state;
    reference_at_least("STFT to half the rate, dB",
                       stft_snr(&default_frames, "stft_strided", 17, 1), 100);
    tb_frames_spec band = default_frames;
    band.n_bins = 4001;
    reference_at_least("STFT to 10 kHz, dB", stft_snr(&band, "stft_whole", 1, 25), 100);
}

static void stft_of_other_lengths_has_100_db(void **state)
{
    (void)state;
    static const char *const names[] = {"22050", "8000", "prime"};
    for (int i = 0; i < 3; i++) {
        char array[64], what[64];
        snprintf(array, sizeof array, "stft_%s_lengths", names[i]);
        const int32_t *lengths = reference_ints(&forward, array, NULL);
        tb_frames_spec spec = {.n_fft = lengths[0],
                               .win_length = lengths[1],
                               .hop_length = lengths[2],
                               .n_bins = lengths[0] / 2 + 1,
                               .stride = 1};
        snprintf(array, sizeof array, "stft_%s", names[i]);
        snprintf(what, sizeof what, "STFT of %d points, dB", spec.n_fft);
        reference_at_least(what, stft_snr(&spec, array, 61, 5), 100);
    }
}

/* ---- mel ----------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    timbre_spectrogram_params params; /* what is 0 or NULL here: the default */
} variant;

static const variant variants[] = {
    {"stereo_20k", {.stereo = 1, .min_frequency_hz = 10, .max_frequency_hz = 20000}},
    {"rate_22050", {.sample_rate_hz = 22050}},
    {"rate_8000", {.sample_rate_hz = 8000}},
    {"slaney_scale", {.mel_scale_type = "slaney"}},
    {"slaney_norm", {.mel_scale_norm = "slaney"}},
    {"slaney_both",
     {.min_frequency_hz = 20,
      .num_frequencies = 128,
      .mel_scale_type = "slaney",
      .mel_scale_norm = "slaney"}},
};
enum { N_VARIANTS = sizeof variants / sizeof *variants, BANK_STRIDE = 16 };

static timbre_spectrogram_params variant_params(const variant *v)
{
    timbre_spectrogram_params p;
    timbre_spectrogram_params_init(&p);
    p.stereo = v->params.stereo;
    p.min_frequency_hz = v->params.min_frequency_hz;
    if (v->params.max_frequency_hz != 0)
        p.max_frequency_hz = v->params.max_frequency_hz;
    if (v->params.sample_rate_hz != 0)
        p.sample_rate_hz = v->params.sample_rate_hz;
    if (v->params.num_frequencies != 0)
        p.num_frequencies = v->params.num_frequencies;
    if (v->params.mel_scale_type != NULL)
        p.mel_scale_type = v->params.mel_scale_type;
    if (v->params.mel_scale_norm != NULL)
        p.mel_scale_norm = v->params.mel_scale_norm;
    return p;
}

static void init_mel(tb_mel *mel, const timbre_spectrogram_params *params)
{
    tb_mel_spec spec = tb_spectrogram_mel_spec(params);
    tb_error err = {0};
    assert_int_equal(tb_mel_init(mel, &spec, &err), TIMBRE_OK);
}

/* Row k of the bank as a dense vector. */
static void spread(float *row, int n_mels, int filter, const float weights[2])
{
    memset(row, 0, sizeof *row * (size_t)n_mels);
    for (int w = 0; w < 2 && filter >= 0 && filter + w < n_mels; w++)
        row[filter + w] = weights[w];
}

/* Relative L2 of every bin_step-th row. */
static double bank_error(const tb_mel *mel, const char *name, int bin_step)
{
    char array[64];
    int shape[3];
    snprintf(array, sizeof array, "%s_filter", name);
    const int16_t *filter = reference_shorts(&banks, array, shape);
    snprintf(array, sizeof array, "%s_weights", name);
    const float *weights = reference_floats(&banks, array, NULL);
    size_t n_mels = (size_t)mel->n_mels;
    float *got = reference_alloc((size_t)shape[0] * n_mels);
    float *want = reference_alloc((size_t)shape[0] * n_mels);
    for (int i = 0; i < shape[0]; i++) {
        int k = i * bin_step;
        spread(want + (size_t)i * n_mels, mel->n_mels, filter[i], weights + 2 * i);
        if (k < mel->n_bins)
            spread(got + (size_t)i * n_mels, mel->n_mels, mel->filter[k],
                   mel->weights + 2 * (size_t)k);
    }
    double error = reference_l2(got, want, (size_t)shape[0] * n_mels);
    free(got);
    free(want);
    return error;
}

static void banks_are_torchaudios_within_1e4(void **state)
{
    (void)state;
    tb_mel mel;
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    init_mel(&mel, &params);
    reference_at_most("filter bank, default", bank_error(&mel, "default", 1), 1e-4);
    tb_mel_deinit(&mel);
    for (int i = 0; i < N_VARIANTS; i++) {
        char what[64];
        params = variant_params(&variants[i]);
        init_mel(&mel, &params);
        snprintf(what, sizeof what, "filter bank, %s", variants[i].name);
        reference_at_most(what, bank_error(&mel, variants[i].name, BANK_STRIDE), 1e-4);
        tb_mel_deinit(&mel);
    }
}

static void lengths_are_riffusions(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        char array[64];
        snprintf(array, sizeof array, "%s_lengths", variants[i].name);
        const int32_t *want = reference_ints(&banks, array, NULL);
        timbre_spectrogram_params p = variant_params(&variants[i]);
        tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(&p);
        int got[7] = {p.sample_rate_hz,   lengths.n_fft,      lengths.win_length,
                      lengths.hop_length, p.min_frequency_hz, p.max_frequency_hz,
                      p.num_frequencies};
        assert_memory_equal(got, want, sizeof got);
    }
}

static const tb_spectrogram_lengths default_lengths = {17640, 4410, 441};

static double mel_error(const tb_mel *mel)
{
    int n_samples, n_frames, shape[3];
    float *sound = reference_sound(1, &n_samples);
    float *bands = reference_analyze(&default_lengths, mel, sound, n_samples, 1, &n_frames);
    const float *want = reference_floats(&forward, "mel_mono", shape);
    assert_int_equal(shape[0], mel->n_mels);
    assert_int_equal(shape[1], n_frames);
    double error = reference_l2(bands, want, (size_t)shape[0] * (size_t)shape[1]);
    free(bands);
    free(sound);
    return error;
}

static void mel_spectrogram_is_within_1e5_with_torchaudios_bank(void **state)
{
    (void)state;
    tb_mel mel;
    reference_mel(&mel);
    reference_at_most("mel spectrogram, torchaudio's bank", mel_error(&mel), 1e-5);
    tb_mel_deinit(&mel);
}

static void mel_spectrogram_is_within_1e4_with_our_bank(void **state)
{
    (void)state;
    tb_mel mel;
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    init_mel(&mel, &params);
    reference_at_most("mel spectrogram, our bank", mel_error(&mel), 1e-4);
    tb_mel_deinit(&mel);
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* Pixels of the picture that the engine makes: [n_channels][n_mels][n_frames]. *max: the largest
 * amplitude. */
static uint8_t *make_pixels(const timbre_spectrogram_params *params, size_t *n, float *max)
{
    tb_mel mel;
    init_mel(&mel, params);
    int n_channels = params->stereo ? 2 : 1, n_samples, n_frames;
    float *sound = reference_sound(n_channels, &n_samples);
    tb_spectrogram_lengths lengths = tb_spectrogram_get_lengths(params);
    float *bands = reference_analyze(&lengths, &mel, sound, n_samples, n_channels, &n_frames);
    *n = (size_t)n_channels * (size_t)mel.n_mels * (size_t)n_frames;
    *max = 0;
    for (size_t i = 0; i < *n; i++)
        *max = fmaxf(*max, bands[i]);
    uint8_t *pixels = (uint8_t *)reference_alloc((*n + 3) / 4);
    tb_pixels_from_amplitudes(bands, (int)*n, *max, (float)params->power_for_image, pixels);
    free(bands);
    free(sound);
    tb_mel_deinit(&mel);
    return pixels;
}

/* Share of pixels that differ; none may by more than 1. */
static void check_pixels(const char *name, const timbre_spectrogram_params *params, float *max)
{
    char array[64], what[64];
    int shape[3];
    size_t n;
    snprintf(array, sizeof array, "pixels_%s", name);
    const uint8_t *want = reference_bytes(&forward, array, shape);
    uint8_t *got = make_pixels(params, &n, max);
    assert_int_equal(n, (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2]);
    int n_other = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        int off = abs(got[i] - want[i]);
        n_other += off != 0;
        worst = off > worst ? off : worst;
    }
    free(got);
    snprintf(what, sizeof what, "%s, identical pixels, %%", name);
    reference_at_least(what, 100 - 100.0 * n_other / (double)n, 99.9);
    snprintf(what, sizeof what, "%s, largest pixel difference", name);
    reference_at_most(what, worst, 1);
}

static void pixels_are_riffusions(void **state)
{
    (void)state;
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    for (params.stereo = 0; params.stereo <= 1; params.stereo++) {
        float max;
        const char *name = params.stereo ? "stereo" : "mono";
        check_pixels(name, &params, &max);
        const float *want = reference_floats(&forward, params.stereo ? "max_stereo" : "max_mono",
                                             NULL);
        reference_at_most("maximum of the amplitudes", fabs((double)max / *want - 1), 1e-5);
    }
}

static void pixels_of_other_parameters_are_riffusions(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        timbre_spectrogram_params params = variant_params(&variants[i]);
        float max;
        check_pixels(variants[i].name, &params, &max);
    }
}

static void amplitudes_of_pixels_are_riffusions(void **state)
{
    (void)state;
    const float *want = reference_floats(&forward, "amplitude_of_pixel", NULL);
    static float table[65536];
    tb_pixels_table(0.25f, 30e6f, table);
    double worst = 0;
    for (int p = 0; p < 255; p++)
        worst = fmax(worst, fabs(table[257 * p] / (double)want[p] - 1));
    reference_at_most("amplitude of a pixel, relative", worst, 1e-6);
    assert_true(table[65535] == 0 && want[255] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stft_has_100_db),
        cmocka_unit_test(stft_of_other_lengths_has_100_db),
        cmocka_unit_test(lengths_are_riffusions),
        cmocka_unit_test(banks_are_torchaudios_within_1e4),
        cmocka_unit_test(mel_spectrogram_is_within_1e5_with_torchaudios_bank),
        cmocka_unit_test(mel_spectrogram_is_within_1e4_with_our_bank),
        cmocka_unit_test(pixels_are_riffusions),
        cmocka_unit_test(pixels_of_other_parameters_are_riffusions),
        cmocka_unit_test(amplitudes_of_pixels_are_riffusions),
    };
    return cmocka_run_group_tests(tests, open_vectors, close_vectors);
}
