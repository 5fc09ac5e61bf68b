#include "engine/spectrogram/mel.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"

#define LN_10 2.30258509299404568402

/* Slaney's Auditory Toolbox (1998): linear to 1,000 Hz, 27 steps for each factor of 6.4 above. */
#define SLANEY_HZ_PER_MEL (200.0 / 3.0)
#define SLANEY_LOG_HZ     1000.0
#define SLANEY_LOG_MEL    15.0
#define SLANEY_LOG_RATIO  6.4
#define SLANEY_LOG_STEPS  27.0

static double mel_from_hz(double hz, bool slaney)
{
    if (!slaney)
        return 2595.0 * tb_log(1.0 + hz / 700.0) / LN_10;
    if (hz < SLANEY_LOG_HZ)
        return hz / SLANEY_HZ_PER_MEL;
    double step = tb_log(SLANEY_LOG_RATIO) / SLANEY_LOG_STEPS;
    return SLANEY_LOG_MEL + tb_log(hz / SLANEY_LOG_HZ) / step;
}

static double hz_from_mel(double mel, bool slaney)
{
    if (!slaney)
        return 700.0 * (tb_exp(mel / 2595.0 * LN_10) - 1.0);
    if (mel < SLANEY_LOG_MEL)
        return mel * SLANEY_HZ_PER_MEL;
    double step = tb_log(SLANEY_LOG_RATIO) / SLANEY_LOG_STEPS;
    return SLANEY_LOG_HZ * tb_exp(step * (mel - SLANEY_LOG_MEL));
}

/* Corners of the triangles: filter i rises from points[i] to points[i + 1], falls to points[i + 2].
 * The ends are exact, so that the bin at max_hz weighs 0 and not a rounding error. */
static void fill_points(const tb_mel_spec *spec, double *points)
{
    int last = spec->n_mels + 1;
    double lo = mel_from_hz(spec->min_hz, spec->slaney_scale);
    double hi = mel_from_hz(spec->max_hz, spec->slaney_scale);
    for (int i = 0; i <= last; i++)
        points[i] = hz_from_mel(lo + (hi - lo) * i / last, spec->slaney_scale);
    points[0] = spec->min_hz;
    points[last] = spec->max_hz;
}

double tb_mel_peak_hz(const tb_mel_spec *spec, int i)
{
    double lo = mel_from_hz(spec->min_hz, spec->slaney_scale);
    double hi = mel_from_hz(spec->max_hz, spec->slaney_scale);
    return hz_from_mel(lo + (hi - lo) * (i + 1) / (spec->n_mels + 1), spec->slaney_scale);
}

static tb_status alloc_bins(tb_mel *mel, int n_mels, int n_bins, tb_error *err)
{
    *mel = (tb_mel){.n_mels = n_mels, .n_bins = n_bins};
    mel->filter = malloc(sizeof *mel->filter * (size_t)n_bins);
    mel->weights = calloc(2 * (size_t)n_bins, sizeof *mel->weights);
    if (mel->filter != NULL && mel->weights != NULL)
        return TIMBRE_OK;
    tb_mel_deinit(mel);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a filter bank of %d bins", n_bins);
}

void tb_mel_deinit(tb_mel *mel)
{
    free(mel->filter);
    free(mel->weights);
    *mel = (tb_mel){0};
}

/* Leave out the bins behind the last one that a filter touches. */
static void trim_bins(tb_mel *mel)
{
    while (mel->n_bins > 1 && mel->filter[mel->n_bins - 1] < 0)
        mel->n_bins--;
}

/* Bin k: `falling` is the weight in filter i, `rising` in filter i + 1. */
static void set_bin(tb_mel *mel, int k, int i, double falling, double rising)
{
    float w0 = i >= 0 ? (float)falling : 0;
    float w1 = i + 1 < mel->n_mels ? (float)rising : 0;
    if (w0 == 0) { /* the first filter that the bin touches is the second one */
        w0 = w1;
        w1 = 0;
        i++;
    }
    mel->filter[k] = w0 == 0 ? -1 : i;
    mel->weights[2 * (size_t)k] = w0;
    mel->weights[2 * (size_t)k + 1] = w1;
}

static double norm_of(const tb_mel_spec *spec, const double *points, int i)
{
    if (!spec->slaney_norm || i < 0 || i >= spec->n_mels)
        return 1;
    return 2.0 / (points[i + 2] - points[i]);
}

static void fill_weights(tb_mel *mel, const tb_mel_spec *spec, const double *points)
{
    int half = spec->n_fft / 2;
    int nyquist_hz = spec->sample_rate_hz / 2; /* an integer in torchaudio: sample_rate // 2 */
    int j = 0;                                 /* the bin lies in points[j] .. points[j + 1] */
    for (int k = 0; k < mel->n_bins; k++) {
        double hz = half == 0 ? 0 : (double)nyquist_hz * k / half;
        while (j <= spec->n_mels && hz >= points[j + 1])
            j++;
        mel->filter[k] = -1;
        if (hz < points[0] || j > spec->n_mels)
            continue;
        double width = points[j + 1] - points[j];
        set_bin(mel, k, j - 1, (points[j + 1] - hz) / width * norm_of(spec, points, j - 1),
                (hz - points[j]) / width * norm_of(spec, points, j));
    }
}

tb_status tb_mel_init(tb_mel *mel, const tb_mel_spec *spec, tb_error *err)
{
    *mel = (tb_mel){0};
    double *points = malloc(sizeof *points * ((size_t)spec->n_mels + 2));
    if (points == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d mel bands", spec->n_mels);
    tb_status st = alloc_bins(mel, spec->n_mels, spec->n_fft / 2 + 1, err);
    if (st == TIMBRE_OK) {
        fill_points(spec, points);
        fill_weights(mel, spec, points);
        trim_bins(mel);
    }
    free(points);
    return st;
}

/* First and last filter with a weight in row[n_mels]; first > last: none. */
static void find_touched(const float *row, int n_mels, int *first, int *last)
{
    *first = 0;
    *last = n_mels - 1;
    while (*first < n_mels && row[*first] == 0)
        ++*first;
    while (*last >= *first && row[*last] == 0)
        --*last;
}

tb_status tb_mel_init_matrix(tb_mel *mel, const float *fb, int n_stft, int n_mels, tb_error *err)
{
    tb_status st = alloc_bins(mel, n_mels, n_stft, err);
    for (int k = 0; k < n_stft && st == TIMBRE_OK; k++) {
        const float *row = fb + (size_t)k * (size_t)n_mels;
        int first, last;
        find_touched(row, n_mels, &first, &last);
        if (last > first + 1)
            st = tb_fail(err, TIMBRE_BAD_INPUT,
                         "bin %d touches filters %d and %d, which are not neighbours", k, first,
                         last);
        else if (first > last)
            mel->filter[k] = -1;
        else
            set_bin(mel, k, first, row[first], first < last ? row[last] : 0);
    }
    if (st == TIMBRE_OK)
        trim_bins(mel);
    else
        tb_mel_deinit(mel);
    return st;
}

static void add_scaled(float *restrict out, float weight, const float *restrict magnitudes)
{
    for (int l = 0; l < TB_BATCH_FRAMES; l++)
        out[l] += weight * magnitudes[l];
}

void tb_mel_apply(const tb_mel *mel, const float *magnitudes, float *out)
{
    memset(out, 0, sizeof *out * TB_BATCH_FRAMES * (size_t)mel->n_mels);
    for (int k = 0; k < mel->n_bins; k++) {
        int i = mel->filter[k];
        if (i < 0)
            continue;
        const float *row = magnitudes + (size_t)k * TB_BATCH_FRAMES;
        const float *weights = mel->weights + 2 * (size_t)k;
        float *to = out + (size_t)i * TB_BATCH_FRAMES;
        add_scaled(to, weights[0], row);
        if (weights[1] != 0)
            add_scaled(to + TB_BATCH_FRAMES, weights[1], row);
    }
}
