#include "engine/spectrogram/mel_inverse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"

enum { FRAMES = TB_BATCH_FRAMES };

#define SGD_RATE     0.1f /* torchaudio's sgdargs */
#define SGD_MOMENTUM 0.9f

/* While every pivot is at least half its diagonal, no factor of L exceeds 1 in units of the
 * filters' norms, and rounding of the bands (1.6 % and more from pixel to pixel) cannot multiply
 * on its way through a chain. Riffusion's bank has 0.90. */
#define SAFE_PIVOT 0.5
/* What a bank without that is raised by, for 0.007 % of error in the bands. Measured on 249 banks
 * of 64 to 2048 bands up to 10 kHz: 1e-6 leaves a bin at twice its magnitude, 3e-5 none. */
#define RIDGE 1e-4
/* In powers of weights. A fainter filter is only the rounding of a corner that lies on a bin,
 * 1e-15: the faintest pixel, divided by that, would drown the sound. */
#define FAINT 1e-12

struct tb_mel_inverse {
    const tb_mel *mel;
    tb_mel_inverse_spec spec;
    uint64_t key; /* sgd */
    /* G = A * transpose(A), tridiagonal, is G[i][i] in `pivot`, G[i][i - 1] in `below`; lstsq: then
     * L D transpose(L); each [n_mels]. */
    double *below; /* L[i][i - 1]; 0 where no bin is shared */
    double *pivot; /* 1 / D[i]; 0 for a filter without weights: its y[i] is 0 */
};

static void multiply_filters(tb_mel_inverse *inverse)
{
    const tb_mel *mel = inverse->mel;
    memset(inverse->below, 0, sizeof *inverse->below * (size_t)mel->n_mels);
    memset(inverse->pivot, 0, sizeof *inverse->pivot * (size_t)mel->n_mels);
    for (int k = 0; k < mel->n_bins; k++) {
        int i = mel->filter[k];
        if (i < 0)
            continue;
        double w0 = mel->weights[2 * (size_t)k], w1 = mel->weights[2 * (size_t)k + 1];
        inverse->pivot[i] += w0 * w0;
        if (w1 != 0) {
            inverse->pivot[i + 1] += w1 * w1;
            inverse->below[i + 1] += w0 * w1;
        }
    }
}

/* Factor G with its diagonal raised by `ridge` of itself. False where a pivot is below `weakest` of
 * its diagonal. */
static bool factor(tb_mel_inverse *inverse, double ridge, double weakest)
{
    int n = inverse->mel->n_mels;
    double *below = inverse->below, *pivot = inverse->pivot, largest = 0;
    for (int i = 0; i < n; i++)
        largest = pivot[i] > largest ? pivot[i] : largest;
    for (int i = 0; i < n; i++) {
        double diagonal = pivot[i], before = i > 0 ? pivot[i - 1] : 0;
        double d = diagonal * (1 + ridge) - below[i] * below[i] * before;
        bool is_faint = diagonal <= FAINT * largest;
        if (!is_faint && d < weakest * diagonal)
            return false;
        below[i] *= before;
        pivot[i] = is_faint ? 0 : 1 / d;
    }
    return true;
}

static void init_lstsq(tb_mel_inverse *inverse)
{
    multiply_filters(inverse);
    if (factor(inverse, 0, SAFE_PIVOT))
        return;
    multiply_filters(inverse);
    factor(inverse, RIDGE, 0);
}

/* Whether x I - G is positive definite: its pivots are positive. */
static bool is_above_eigenvalues(const tb_mel_inverse *inverse, double x)
{
    double d = 1;
    for (int i = 0; i < inverse->mel->n_mels; i++) {
        d = x - inverse->pivot[i] - inverse->below[i] * inverse->below[i] / d;
        if (d <= 0)
            return false;
    }
    return true;
}

/* Of G, by bisection below Gershgorin's bound. */
static double largest_eigenvalue(const tb_mel_inverse *inverse)
{
    int n = inverse->mel->n_mels;
    double lo = 0, hi = 0;
    for (int i = 0; i < n; i++) {
        double row = inverse->below[i] + inverse->pivot[i] +
                     (i + 1 < n ? inverse->below[i + 1] : 0);
        hi = row > hi ? row : hi;
    }
    for (int step = 0; step < 40; step++) {
        double middle = (lo + hi) / 2;
        if (is_above_eigenvalues(inverse, middle))
            hi = middle;
        else
            lo = middle;
    }
    return hi;
}

/* Descent with momentum swings up, and not in, where rate * curvature > 2 (1 + momentum) (Polyak
 * 1964); the curvature is 2 / (channels * frames) times an eigenvalue of G. */
static tb_status init_sgd(tb_mel_inverse *inverse, tb_error *err)
{
    const tb_mel_inverse_spec *spec = &inverse->spec;
    multiply_filters(inverse);
    double least = (double)SGD_RATE * largest_eigenvalue(inverse) / (1 + (double)SGD_MOMENTUM);
    double columns = __builtin_ceil(least / spec->n_channels);
    if (spec->n_iter == 0 || (double)spec->n_frames >= columns)
        return TIMBRE_OK;
    tb_fail(err, TIMBRE_BAD_INPUT,
            "inverse mel sgd cannot converge on %lld columns: filters this wide need %.0f",
            (long long)spec->n_frames, columns);
    tb_fix(err, "take --inverse-mel lstsq");
    return TIMBRE_BAD_INPUT;
}

tb_status tb_mel_inverse_new(const tb_mel *mel, const tb_mel_inverse_spec *spec,
                             tb_mel_inverse **out, tb_error *err)
{
    *out = NULL;
    tb_mel_inverse *inverse = calloc(1, sizeof *inverse);
    if (inverse == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an inverse filter bank");
    inverse->mel = mel;
    inverse->spec = *spec;
    inverse->key = tb_random_key(spec->seed, "inverse mel");
    inverse->below = malloc(sizeof *inverse->below * (size_t)mel->n_mels);
    inverse->pivot = malloc(sizeof *inverse->pivot * (size_t)mel->n_mels);
    if (inverse->below == NULL || inverse->pivot == NULL) {
        tb_mel_inverse_free(inverse);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the inverse of %d filters",
                       mel->n_mels);
    }
    tb_status st = TIMBRE_OK;
    if (spec->method == TB_MEL_LSTSQ)
        init_lstsq(inverse);
    else
        st = init_sgd(inverse, err);
    if (st == TIMBRE_OK)
        *out = inverse;
    else
        tb_mel_inverse_free(inverse);
    return st;
}

void tb_mel_inverse_free(tb_mel_inverse *inverse)
{
    if (inverse == NULL)
        return;
    free(inverse->below);
    free(inverse->pivot);
    free(inverse);
}

size_t tb_mel_inverse_scratch_len(const tb_mel_inverse *inverse)
{
    size_t n_mels = (size_t)inverse->mel->n_mels, n_bins = (size_t)inverse->mel->n_bins;
    if (inverse->spec.method == TB_MEL_LSTSQ)
        return FRAMES * n_mels * (sizeof(double) / sizeof(float)); /* y */
    return FRAMES * (n_bins + 2 * (n_mels + 1));                   /* velocity, two residuals */
}

/* y = inverse(G) * bands, in place. */
static void solve(const tb_mel_inverse *inverse, double (*y)[FRAMES])
{
    int n = inverse->mel->n_mels;
    for (int i = 1; i < n; i++)
        for (int l = 0; l < FRAMES; l++)
            y[i][l] -= inverse->below[i] * y[i - 1][l];
    for (int l = 0; l < FRAMES; l++)
        y[n - 1][l] *= inverse->pivot[n - 1];
    for (int i = n - 2; i >= 0; i--)
        for (int l = 0; l < FRAMES; l++)
            y[i][l] = y[i][l] * inverse->pivot[i] - inverse->below[i + 1] * y[i + 1][l];
}

static void run_lstsq(const tb_mel_inverse *inverse, const float *bands, float *magnitudes,
                      float *scratch)
{
    static const double none[FRAMES];
    const tb_mel *mel = inverse->mel;
    double(*y)[FRAMES] = (double(*)[FRAMES])(void *)scratch;
    for (int i = 0; i < mel->n_mels; i++)
        for (int l = 0; l < FRAMES; l++)
            y[i][l] = bands[(size_t)i * FRAMES + (size_t)l];
    solve(inverse, y);
    for (int k = 0; k < mel->n_bins; k++) {
        int i = mel->filter[k];
        double w0 = mel->weights[2 * (size_t)k], w1 = mel->weights[2 * (size_t)k + 1];
        const double *y0 = i < 0 ? none : y[i], *y1 = w1 == 0 ? none : y[i + 1];
        for (int l = 0; l < FRAMES; l++) {
            double x = w0 * y0[l] + w1 * y1[l];
            magnitudes[(size_t)k * FRAMES + (size_t)l] = x > 0 ? (float)x : 0;
        }
    }
}

/* U[0,1), keyed by (seed, channel, frame, bin). */
static void start_sgd(const tb_mel_inverse *inverse, int channel, int64_t t, float *magnitudes)
{
    const tb_mel *mel = inverse->mel;
    uint64_t channel_key = tb_random_at(inverse->key, (uint64_t)channel);
    for (int l = 0; l < FRAMES; l++) {
        uint64_t frame_key = tb_random_at(channel_key, (uint64_t)(t + l));
        for (int k = 0; k < mel->n_bins; k++)
            magnitudes[(size_t)k * FRAMES + (size_t)l] =
                mel->filter[k] < 0 ? 0
                                   : (float)(tb_random_at(frame_key, (uint64_t)k) >> 40) * 0x1p-24f;
    }
}

/*
 * One bin, one step: g = w0 * r0 + w1 * r1; v = 0.9 v + g; s = max(0, s - 0.1 v). And at once what
 * the new s gives to the next residuals, so that s and v pass through the cache once a step.
 */
static void step_bin(const float weights[2], const float *restrict r, float *restrict s,
                     float *restrict v, float *restrict next)
{
    float w0 = weights[0], w1 = weights[1];
    for (int l = 0; l < FRAMES; l++) {
        v[l] = SGD_MOMENTUM * v[l] + (w0 * r[l] + w1 * r[FRAMES + l]);
        float x = s[l] - SGD_RATE * v[l];
        s[l] = x > 0 ? x : 0;
        next[l] += w0 * s[l];
        next[FRAMES + l] += w1 * s[l];
    }
}

/* Residuals scaled to the gradient: r = factor * (r - bands). */
static void scale_residuals(float *restrict r, const float *restrict bands, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        r[i] = factor * (r[i] - bands[i]);
}

static void run_sgd(const tb_mel_inverse *inverse, int channel, int64_t t, const float *bands,
                    float *magnitudes, float *scratch)
{
    const tb_mel *mel = inverse->mel;
    const tb_mel_inverse_spec *spec = &inverse->spec;
    size_t n_bands = FRAMES * (size_t)mel->n_mels;
    float *v = scratch;                          /* [n_bins][16] */
    float *r = v + FRAMES * (size_t)mel->n_bins; /* [n_mels + 1][16]; the last is not used */
    float *next = r + FRAMES * ((size_t)mel->n_mels + 1);
    float gradient = (float)(2.0 / ((double)spec->n_channels * (double)spec->n_frames));
    start_sgd(inverse, channel, t, magnitudes);
    memset(v, 0, sizeof *v * FRAMES * (size_t)mel->n_bins);
    memset(r, 0, sizeof *r * FRAMES * ((size_t)mel->n_mels + 1));
    tb_mel_apply(mel, magnitudes, r);
    for (int i_iter = 0; i_iter < spec->n_iter; i_iter++) {
        scale_residuals(r, bands, n_bands, gradient);
        memset(next, 0, sizeof *next * FRAMES * ((size_t)mel->n_mels + 1));
        for (int k = 0; k < mel->n_bins; k++) {
            if (mel->filter[k] < 0)
                continue;
            size_t row = FRAMES * (size_t)mel->filter[k], bin = FRAMES * (size_t)k;
            step_bin(mel->weights + 2 * (size_t)k, r + row, magnitudes + bin, v + bin, next + row);
        }
        float *swap = r;
        r = next;
        next = swap;
    }
}

void tb_mel_inverse_run(const tb_mel_inverse *inverse, int channel, int64_t t, const float *bands,
                        float *magnitudes, float *scratch)
{
    if (inverse->spec.method == TB_MEL_LSTSQ)
        run_lstsq(inverse, bands, magnitudes, scratch);
    else
        run_sgd(inverse, channel, t, bands, magnitudes, scratch);
}
