#include "music_measure.h"

#include <aubio/aubio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE_HZ = 44100,
    ONSET_WINDOW = 1024,
    ONSET_HOP = 256,
    MAX_LAG_HOPS = 8 * RATE_HZ / ONSET_HOP,
    CHROMA_WINDOW = 16384,
    CHROMA_HOP = 8192,
};

#define USUAL_BPM 120.0 /* where listeners' tapping centres, 0.9 octaves wide (Ellis 2007) */

/* Frames [at, at + n) as mono; silence outside. */
static void mono_at(const float *pcm, int64_t n_frames, int64_t at, fvec_t *to)
{
    for (uint_t i = 0; i < to->length; i++) {
        int64_t k = at + i;
        to->data[i] = k < n_frames ? 0.5f * (pcm[2 * k] + pcm[2 * k + 1]) : 0;
    }
}

/* Onset strength per hop, above its mean over the second around it; owned by the caller. */
static double *onset_strength(const float *pcm, int64_t n_frames, int n_hops)
{
    aubio_pvoc_t *pvoc = new_aubio_pvoc(ONSET_WINDOW, ONSET_HOP);
    aubio_specdesc_t *flux = new_aubio_specdesc("specflux", ONSET_WINDOW);
    fvec_t *in = new_fvec(ONSET_HOP), *out = new_fvec(1);
    cvec_t *spectrum = new_cvec(ONSET_WINDOW);
    double *raw = calloc((size_t)n_hops, sizeof *raw), *clean = calloc((size_t)n_hops, sizeof *raw);
    for (int k = 0; k < n_hops; k++) {
        mono_at(pcm, n_frames, (int64_t)k * ONSET_HOP, in);
        aubio_pvoc_do(pvoc, in, spectrum);
        aubio_specdesc_do(flux, spectrum, out);
        raw[k] = sqrt(fmax(out->data[0], 0));
    }
    const int half = RATE_HZ / ONSET_HOP / 2;
    for (int k = 0; k < n_hops; k++) {
        int from = k < half ? 0 : k - half, to = k + half < n_hops ? k + half : n_hops - 1;
        double mean = 0;
        for (int i = from; i <= to; i++)
            mean += raw[i] / (to - from + 1);
        clean[k] = fmax(raw[k] - mean, 0);
    }
    free(raw);
    del_fvec(in);
    del_fvec(out);
    del_cvec(spectrum);
    del_aubio_specdesc(flux);
    del_aubio_pvoc(pvoc);
    return clean;
}

/* Autocorrelation at a lag in hops, averaged over the overlap, interpolated. */
static double value_at(const double *acf, double lag)
{
    int i = (int)lag;
    double x = lag - i;
    return acf[i] * (1 - x) + acf[i + 1] * x;
}

double measure_tempo_bpm(const float *pcm, int64_t n_frames, double lo_bpm, double hi_bpm)
{
    int n_hops = (int)(n_frames / ONSET_HOP);
    int n_lags = n_hops / 2 < MAX_LAG_HOPS ? n_hops / 2 : MAX_LAG_HOPS;
    double *onsets = onset_strength(pcm, n_frames, n_hops);
    double *acf = calloc((size_t)n_lags + 2, sizeof *acf);
    for (int lag = 0; lag < n_lags; lag++)
        for (int i = 0; i + lag < n_hops; i++)
            acf[lag] += onsets[i] * onsets[i + lag] / (n_hops - lag);
    double best_bpm = 0, best = -1;
    for (double bpm = lo_bpm; bpm <= hi_bpm; bpm += 0.1) {
        double beat = 60.0 / bpm * RATE_HZ / ONSET_HOP, sum = 0;
        int n = 0;
        for (double lag = beat; lag < n_lags - 1; lag += beat, n++)
            sum += value_at(acf, lag);
        double octaves = log2(bpm / USUAL_BPM);
        double value = n == 0 ? -1 : sum / n * exp(-0.5 * octaves * octaves / (0.9 * 0.9));
        if (value > best) {
            best = value;
            best_bpm = bpm;
        }
    }
    free(acf);
    free(onsets);
    return best_bpm;
}

/*
 * Strength of each pitch class between 65 and 2000 Hz: spectral peaks within 30 dB of the frame's
 * largest, each frame with the same weight, so that neither drums nor one loud chord decide alone.
 */
static void chroma_of(const float *pcm, int64_t n_frames, double chroma[12])
{
    aubio_fft_t *fft = new_aubio_fft(CHROMA_WINDOW);
    char_t shape[] = "hanning"; /* aubio takes it unconst */
    fvec_t *in = new_fvec(CHROMA_WINDOW), *window = new_aubio_window(shape, CHROMA_WINDOW);
    cvec_t *spectrum = new_cvec(CHROMA_WINDOW);
    const uint_t from = 65 * CHROMA_WINDOW / RATE_HZ, to = 2000 * CHROMA_WINDOW / RATE_HZ;
    memset(chroma, 0, 12 * sizeof *chroma);
    for (int64_t at = 0; at + CHROMA_WINDOW <= n_frames; at += CHROMA_HOP) {
        mono_at(pcm, n_frames, at, in);
        for (uint_t i = 0; i < in->length; i++)
            in->data[i] *= window->data[i];
        aubio_fft_do(fft, in, spectrum);
        double largest = 1e-9;
        for (uint_t k = from; k < to; k++)
            largest = fmax(largest, spectrum->norm[k]);
        for (uint_t k = from; k < to; k++) {
            const smpl_t *m = &spectrum->norm[k];
            if (m[0] < 0.03 * largest || m[0] < m[-1] || m[0] < m[1])
                continue;
            double bin = k + 0.5 * (m[1] - m[-1]) / (2 * m[0] - m[-1] - m[1]);
            int key = (int)lround(69 + 12 * log2(bin * RATE_HZ / CHROMA_WINDOW / 440));
            chroma[key % 12] += sqrt(m[0] / largest);
        }
    }
    del_fvec(in);
    del_fvec(window);
    del_cvec(spectrum);
    del_aubio_fft(fft);
}

static double pearson(const double *a, const double *b, int shift)
{
    double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < 12; i++) {
        mean_a += a[i] / 12;
        mean_b += b[i] / 12;
    }
    for (int i = 0; i < 12; i++) {
        double x = a[(i + shift) % 12] - mean_a, y = b[i] - mean_b;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

int measure_key(const float *pcm, int64_t n_frames, int mode)
{
    static const double profiles[2][12] = {
        {0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081},
        {0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052}};
    double chroma[12], best = -2;
    int best_key = -1;
    chroma_of(pcm, n_frames, chroma);
    for (int key = 0; key < 24; key++) {
        double fit = pearson(chroma, profiles[key / 12], key % 12);
        if ((mode < 0 || mode == key / 12) && fit > best) {
            best = fit;
            best_key = key;
        }
    }
    return best_key;
}

double measure_longest_silence_s(const float *pcm, int64_t n_frames, double threshold_db)
{
    enum { WINDOW = RATE_HZ / 100 };
    int64_t longest = 0, run = 0;
    for (int64_t at = 0; at + WINDOW <= n_frames; at += WINDOW) {
        double sum = 0;
        for (int64_t i = 2 * at; i < 2 * (at + WINDOW); i++)
            sum += (double)pcm[i] * pcm[i];
        run = 10 * log10(sum / (2 * WINDOW) + 1e-20) < threshold_db ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return (double)longest * WINDOW / RATE_HZ;
}

double measure_seam(const float *pcm, int64_t n_frames)
{
    double worst = 0;
    for (int c = 0; c < 2; c++) {
        double most = 1e-12;
        for (int64_t i = 1; i < n_frames; i++)
            most = fmax(most, (double)fabsf(pcm[2 * i + c] - pcm[2 * i - 2 + c]));
        worst = fmax(worst, (double)fabsf(pcm[c] - pcm[2 * n_frames - 2 + c]) / most);
    }
    return worst;
}

double measure_correlation(const float *a, const float *b, int64_t n_samples)
{
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n_samples; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}
