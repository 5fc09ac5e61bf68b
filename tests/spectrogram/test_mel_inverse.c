/*
 * Magnitudes from bands: least squares against a dense solve, descent against the loop of
 * torchaudio written plainly in double.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/spectrogram/mel_inverse.h"
#include "engine/spectrogram/pixels.h"

enum { FRAMES = TB_BATCH_FRAMES, MAX_BINS = 4801, MAX_MELS = 2048, SMALL = 48 };

static float bands[MAX_MELS * FRAMES], magnitudes[MAX_BINS * FRAMES];

static const tb_mel_spec riffusion = {
    .sample_rate_hz = 44100, .n_fft = 17640, .n_mels = 512, .min_hz = 0, .max_hz = 10000};

static tb_mel make(const tb_mel_spec *spec)
{
    tb_mel mel;
    tb_error err = {0};
    assert_int_equal(tb_mel_init(&mel, spec, &err), TIMBRE_OK);
    return mel;
}

/* Frames t .. of `bands` into `magnitudes`. */
static void invert(const tb_mel *mel, const tb_mel_inverse_spec *spec, int channel, int64_t t)
{
    tb_mel_inverse *inverse;
    tb_error err = {0};
    assert_int_equal(tb_mel_inverse_new(mel, spec, &inverse, &err), TIMBRE_OK);
    size_t bytes = (tb_mel_inverse_scratch_len(inverse) * sizeof(float) + 63) / 64 * 64;
    float *scratch = aligned_alloc(64, bytes);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes); /* NaN: nothing may be taken from before */
    tb_mel_inverse_run(inverse, channel, t, bands, magnitudes, scratch);
    free(scratch);
    tb_mel_inverse_free(inverse);
}

static const tb_mel_inverse_spec lstsq = {.method = TB_MEL_LSTSQ};

/* Bands of a sound: peaks over a slope, different in each frame. */
static void fill_sound(const tb_mel *mel)
{
    for (int k = 0; k < mel->n_bins; k++)
        for (int l = 0; l < FRAMES; l++)
            magnitudes[k * FRAMES + l] = (float)(1e6 / (1 + 0.01 * k) *
                                                 (1.1 + sin(0.002 * k * (l + 1) + l)));
    tb_mel_apply(mel, magnitudes, bands);
}

static void fill_noise(int n_mels)
{
    for (int j = 0; j < n_mels * FRAMES; j++)
        bands[j] = (float)(tb_random_at(5, (uint64_t)j) >> 40);
}

static void the_inverse_gives_the_bands_again(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    static float again[MAX_MELS * FRAMES];
    fill_sound(&mel);
    invert(&mel, &lstsq, 0, 0);
    tb_mel_apply(&mel, magnitudes, again);
    double worst = 0;
    for (int j = 0; j < mel.n_mels * FRAMES; j++)
        worst = fmax(worst, fabs((double)again[j] - bands[j]) / bands[j]);
    assert_true(worst < 2e-6);
    tb_mel_deinit(&mel);
}

/* Solve m[n][n] y = b by elimination with pivots. */
static void solve_dense(double m[SMALL][SMALL], double *b, int n)
{
    for (int c = 0; c < n; c++) {
        int best = c;
        for (int r = c + 1; r < n; r++)
            best = fabs(m[r][c]) > fabs(m[best][c]) ? r : best;
        for (int j = 0; j < n; j++) {
            double swap = m[c][j];
            m[c][j] = m[best][j];
            m[best][j] = swap;
        }
        double swap = b[c];
        b[c] = b[best];
        b[best] = swap;
        for (int r = 0; r < n; r++) {
            double f = r == c ? 0 : m[r][c] / m[c][c];
            for (int j = c; j < n && f != 0; j++)
                m[r][j] -= f * m[c][j];
            b[r] -= f * b[c];
        }
    }
    for (int r = 0; r < n; r++)
        b[r] /= m[r][r];
}

static double weight_of(const tb_mel *mel, int k, int i)
{
    int at = i - mel->filter[k];
    return mel->filter[k] >= 0 && (at == 0 || at == 1) ? mel->weights[2 * k + at] : 0;
}

/* One frame: transpose(A) G^-1 b, G = A transpose(A) with its diagonal raised by `ridge` of itself;
 * the minimum-norm solution where that is 0. */
static void expect_solution(const tb_mel *mel, int l, double ridge)
{
    int n = mel->n_mels;
    double m[SMALL][SMALL], y[SMALL], scale = 0;
    for (int i = 0; i < n; i++) {
        y[i] = bands[i * FRAMES + l];
        scale = fmax(scale, y[i]);
        for (int j = 0; j < n; j++) {
            m[i][j] = 0;
            for (int k = 0; k < mel->n_bins; k++)
                m[i][j] += weight_of(mel, k, i) * weight_of(mel, k, j);
        }
        m[i][i] = m[i][i] == 0 ? 1 : m[i][i] * (1 + ridge);
    }
    solve_dense(m, y, n);
    for (int k = 0; k < mel->n_bins; k++) {
        double x = 0;
        for (int i = 0; i < n; i++)
            x += weight_of(mel, k, i) * y[i];
        double got = magnitudes[k * FRAMES + l];
        if (!(fabs(got - fmax(x, 0)) <= 1e-5 * (scale + fabs(x))))
            fail_msg("bin %d, frame %d: %g instead of %g", k, l, got, fmax(x, 0));
    }
}

static void least_squares_is_the_dense_solution(void **state)
{
    (void)state;
    static const tb_mel_spec full_rank[] = {
        {.sample_rate_hz = 8000, .n_fft = 512, .n_mels = 20, .min_hz = 0, .max_hz = 4000},
        {.sample_rate_hz = 8000, .n_fft = 500, .n_mels = 30, .min_hz = 200, .max_hz = 3600},
        {.sample_rate_hz = 8000,
         .n_fft = 600,
         .n_mels = 24,
         .max_hz = 4000,
         .slaney_scale = true,
         .slaney_norm = true},
        {.sample_rate_hz = 8000, .n_fft = 512, .n_mels = 1, .min_hz = 0, .max_hz = 4000},
    };
    for (size_t b = 0; b < sizeof full_rank / sizeof *full_rank; b++) {
        tb_mel mel = make(&full_rank[b]);
        fill_noise(mel.n_mels);
        if (full_rank[b].slaney_norm)
            for (int j = 0; j < mel.n_mels * FRAMES; j++)
                bands[j] *= 1e-3f; /* as small as its weights */
        invert(&mel, &lstsq, 0, 0);
        for (int l = 0; l < FRAMES; l++)
            expect_solution(&mel, l, 0);
        tb_mel_deinit(&mel);
    }
}

/* Two filters of one bin, and filters of none: least squares in units of the filters' norms. */
static void filters_that_depend_on_each_other_are_solved(void **state)
{
    (void)state;
    enum { N_MELS = 7, N_STFT = 6 };
    static const float fb[N_STFT][N_MELS] = {
        {0.5f, 0.25f},            /* the only bin of filters 0 and 1 */
        {0, 0, 0, 0.75f, 0.25f},  /* chain 3, 4, 5 of two bins; filter 2 has none */
        {0, 0, 0, 0, 0.5f, 0.5f}, /* */
        {0},                      /* a bin that no filter touches */
        {0, 0, 0, 0, 0, 0, 0.5f}, /* */
        {0, 0, 0, 0, 0, 0, 1},    /* two bins of filter 6 */
    };
    tb_mel mel;
    tb_error err = {0};
    assert_int_equal(tb_mel_init_matrix(&mel, &fb[0][0], N_STFT, N_MELS, &err), TIMBRE_OK);
    fill_noise(N_MELS);
    invert(&mel, &lstsq, 0, 0);
    for (int l = 0; l < FRAMES; l++)
        expect_solution(&mel, l, 1e-4);
    for (int l = 0; l < FRAMES; l++)
        assert_true(magnitudes[3 * FRAMES + l] == 0);
    tb_mel_deinit(&mel);
}

/* `bands` as a picture's pixels give them again. */
static void round_to_pixels(int n_mels)
{
    static float table[65536];
    float max = 0;
    for (int j = 0; j < n_mels * FRAMES; j++)
        max = bands[j] > max ? bands[j] : max;
    if (max == 0)
        return;
    tb_pixels_table(0.25f, max, table);
    for (int j = 0; j < n_mels * FRAMES; j++) {
        uint8_t pixel;
        tb_pixels_from_amplitudes(&bands[j], 1, max, 0.25f, &pixel);
        bands[j] = table[pixel * 257];
    }
}

/* Bands of a flat spectrum of 1000. */
static void fill_flat(const tb_mel *mel)
{
    for (int j = 0; j < mel->n_bins * FRAMES; j++)
        magnitudes[j] = 1000;
    tb_mel_apply(mel, magnitudes, bands);
    round_to_pixels(mel->n_mels);
}

/* Relative L2 distance of the bands of `magnitudes` from `bands`. */
static double band_error(const tb_mel *mel)
{
    static float again[MAX_MELS * FRAMES];
    double difference = 0, power = 0;
    tb_mel_apply(mel, magnitudes, again);
    for (int j = 0; j < mel->n_mels * FRAMES; j++) {
        difference += pow((double)again[j] - bands[j], 2);
        power += pow(bands[j], 2);
    }
    return sqrt(difference / power);
}

static double largest_magnitude(const tb_mel *mel)
{
    double largest = 0;
    for (int j = 0; j < mel->n_bins * FRAMES; j++) {
        assert_true(isfinite(magnitudes[j]) && magnitudes[j] >= 0);
        largest = fmax(largest, magnitudes[j]);
    }
    return largest;
}

static void expect_flat(const tb_mel_spec *spec)
{
    tb_mel mel = make(spec);
    fill_flat(&mel);
    invert(&mel, &lstsq, 0, 0);
    double largest = largest_magnitude(&mel), error = band_error(&mel);
    if (!(largest < 1400 && error < 2e-3))
        fail_msg("%d bands: up to %g, off by %g", spec->n_mels, largest, error);
    tb_mel_deinit(&mel);
}

/* Neither in chains of filters that have as few bins, nor through a filter whose only bin is a
 * rounding error from its corner. */
static void rounding_of_pixels_does_not_grow(void **state)
{
    (void)state;
    static const int counts[] = {512, 816, 896, 960, 1024, 1536, 2048};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        tb_mel_spec spec = riffusion;
        spec.n_mels = counts[i];
        expect_flat(&spec);
    }
    tb_mel_spec slaney = {.sample_rate_hz = 8000, .n_fft = 320, .n_mels = 49, .max_hz = 1000};
    slaney.slaney_scale = true;
    expect_flat(&slaney);
    slaney.n_fft = 160;
    slaney.n_mels = 39;
    expect_flat(&slaney);
}

/* More filters than bins, and filters above half the rate. */
static void absurd_banks_give_sane_magnitudes(void **state)
{
    (void)state;
    static const tb_mel_spec absurd[] = {
        {.sample_rate_hz = 8000, .n_fft = 64, .n_mels = 512, .min_hz = 0, .max_hz = 4000},
        {.sample_rate_hz = 8000, .n_fft = 333, .n_mels = 300, .min_hz = 0, .max_hz = 20000},
        {.sample_rate_hz = 1000, .n_fft = 64, .n_mels = 16, .min_hz = 900, .max_hz = 2000},
    };
    tb_mel_inverse_spec sgd = {
        .method = TB_MEL_SGD, .n_iter = 2000, .n_frames = 16, .n_channels = 1};
    const tb_mel_inverse_spec *specs[] = {&lstsq, &sgd};
    for (int j = 0; j < 6; j++) {
        tb_mel mel = make(&absurd[j / 2]);
        fill_flat(&mel);
        invert(&mel, specs[j % 2], 0, 0);
        double largest = largest_magnitude(&mel);
        if (j / 2 == 2)
            assert_true(largest == 0);
        else if (!(largest > 900 && largest < 2000 && band_error(&mel) < 2e-2))
            fail_msg("bank %d, method %d: up to %g, off by %g", j / 2, j % 2, largest,
                     band_error(&mel));
        tb_mel_deinit(&mel);
    }
}

static tb_mel_inverse_spec sgd_of(int n_iter, int64_t n_frames, int n_channels)
{
    return (tb_mel_inverse_spec){.method = TB_MEL_SGD,
                                 .n_iter = n_iter,
                                 .n_frames = n_frames,
                                 .n_channels = n_channels,
                                 .seed = 77};
}

/* s of frame l after n_iter steps of torch.optim.SGD on the mean over channels and frames. */
static void descend(const tb_mel *mel, int l, double *s, int n_iter, double n_means)
{
    double v[MAX_BINS] = {0};
    for (int it = 0; it < n_iter; it++) {
        double r[MAX_MELS + 1] = {0};
        for (int k = 0; k < mel->n_bins; k++)
            for (int at = 0; at < 2; at++)
                if (mel->weights[2 * k + at] != 0)
                    r[mel->filter[k] + at] += mel->weights[2 * k + at] * s[k];
        for (int i = 0; i < mel->n_mels; i++)
            r[i] -= bands[i * FRAMES + l];
        for (int k = 0; k < mel->n_bins; k++) {
            double gradient = 0;
            for (int at = 0; at < 2; at++)
                if (mel->weights[2 * k + at] != 0)
                    gradient += 2 / n_means * mel->weights[2 * k + at] * r[mel->filter[k] + at];
            v[k] = 0.9 * v[k] + gradient;
            s[k] = fmax(0, s[k] - 0.1 * v[k]);
        }
    }
}

static void descent_is_torchaudios(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    static double s[FRAMES][MAX_BINS];
    tb_mel_inverse_spec start = sgd_of(0, 512, 2), spec = sgd_of(200, 512, 2);
    fill_sound(&mel);
    invert(&mel, &start, 1, 32);
    for (int l = 0; l < FRAMES; l += 5)
        for (int k = 0; k < mel.n_bins; k++)
            s[l][k] = magnitudes[k * FRAMES + l];
    fill_sound(&mel);
    invert(&mel, &spec, 1, 32);
    double difference = 0, power = 0;
    for (int l = 0; l < FRAMES; l += 5) {
        descend(&mel, l, s[l], 200, 1024);
        for (int k = 0; k < mel.n_bins; k++) {
            difference += pow(magnitudes[k * FRAMES + l] - s[l][k], 2);
            power += pow(s[l][k], 2);
        }
    }
    assert_true(sqrt(difference / power) < 2e-6);
    tb_mel_deinit(&mel);
}

static void descent_starts_at_uniform_numbers_of_their_own_key(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    static float first[MAX_BINS * FRAMES];
    tb_mel_inverse_spec spec = sgd_of(0, 512, 2);
    invert(&mel, &spec, 0, 0);
    memcpy(first, magnitudes, sizeof first);
    double sum = 0;
    int n = 0;
    for (int k = 1; k < mel.n_bins; k++) /* bin 0 is touched by no filter */
        for (int l = 0; l < FRAMES; l++, n++) {
            assert_true(first[k * FRAMES + l] >= 0 && first[k * FRAMES + l] < 1);
            sum += first[k * FRAMES + l];
        }
    assert_float_equal(sum / n, 0.5, 0.01);
    invert(&mel, &spec, 0, 3); /* another cut of the frames: the same numbers */
    for (int k = 0; k < mel.n_bins; k++)
        assert_true(magnitudes[k * FRAMES] == first[k * FRAMES + 3]);
    int n_equal = 0;
    invert(&mel, &spec, 1, 0);
    for (int k = 1; k < mel.n_bins; k++)
        n_equal += magnitudes[k * FRAMES] == first[k * FRAMES];
    spec.seed++;
    invert(&mel, &spec, 0, 0);
    for (int k = 1; k < mel.n_bins; k++)
        n_equal += magnitudes[k * FRAMES] == first[k * FRAMES];
    assert_true(n_equal < 10);
    tb_mel_deinit(&mel);
}

/* The least columns on which sgd is not refused. */
static int64_t least_frames(const tb_mel *mel)
{
    for (int64_t n_frames = 1;; n_frames++) {
        tb_mel_inverse *inverse;
        tb_error err = {0};
        tb_mel_inverse_spec spec = sgd_of(5, n_frames, 1);
        if (tb_mel_inverse_new(mel, &spec, &inverse, &err) == TIMBRE_OK) {
            tb_mel_inverse_free(inverse);
            return n_frames;
        }
        assert_int_equal(err.code, TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, "sgd"));
        assert_non_null(strstr(err.fix, "lstsq"));
    }
}

/* torchaudio's steps swing up on few columns of wide filters. Refused is what does, and no more. */
static void descent_that_cannot_converge_is_refused(void **state)
{
    (void)state;
    static const tb_mel_spec wide[] = {
        {.sample_rate_hz = 48000, .n_fft = 4800, .n_mels = 1, .min_hz = 10, .max_hz = 20000},
        {.sample_rate_hz = 48000, .n_fft = 9600, .n_mels = 6, .min_hz = 10, .max_hz = 24000},
    };
    for (int b = 0; b < 2; b++) {
        tb_mel mel = make(&wide[b]);
        static double s[MAX_BINS];
        int64_t least = least_frames(&mel);
        assert_true(least >= 5);
        fill_flat(&mel);
        tb_mel_inverse_spec spec = sgd_of(1000, least, 1);
        invert(&mel, &spec, 0, 0);
        assert_true(band_error(&mel) < 1e-3);
        memset(s, 0, sizeof s);
        descend(&mel, 0, s, 1000, (double)least - 1);
        for (int k = 0; k < mel.n_bins; k++)
            for (int l = 0; l < FRAMES; l++)
                magnitudes[k * FRAMES + l] = (float)s[k];
        assert_true(band_error(&mel) > 0.1);
        tb_mel_deinit(&mel);
    }
    tb_mel mel = make(&riffusion);
    assert_true(least_frames(&mel) <= 2); /* far from 512 */
    tb_mel_deinit(&mel);
}

/* The behaviour of 2022 that users may want: a wider picture converges less. */
static void wide_pictures_lose_bass_in_the_descent(void **state)
{
    (void)state;
    tb_mel mel = make(&riffusion);
    static float again[MAX_MELS * FRAMES];
    double level[2];
    for (int wide = 0; wide < 2; wide++) {
        tb_mel_inverse_spec spec = sgd_of(200, wide ? 2048 : 512, 1);
        fill_sound(&mel);
        invert(&mel, &spec, 0, 0);
        tb_mel_apply(&mel, magnitudes, again);
        double sum = 0, asked = 0;
        for (int j = 0; j < 70 * FRAMES; j++) { /* below 284 Hz */
            sum += again[j];
            asked += bands[j];
        }
        level[wide] = 20 * log10(sum / asked);
    }
    assert_true(level[0] < -1 && level[0] > -4);
    assert_true(level[1] < -8 && level[1] > -14);
    tb_mel_deinit(&mel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inverse_gives_the_bands_again),
        cmocka_unit_test(least_squares_is_the_dense_solution),
        cmocka_unit_test(filters_that_depend_on_each_other_are_solved),
        cmocka_unit_test(rounding_of_pixels_does_not_grow),
        cmocka_unit_test(absurd_banks_give_sane_magnitudes),
        cmocka_unit_test(descent_is_torchaudios),
        cmocka_unit_test(descent_starts_at_uniform_numbers_of_their_own_key),
        cmocka_unit_test(descent_that_cannot_converge_is_refused),
        cmocka_unit_test(wide_pictures_lose_bass_in_the_descent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
