#include "engine/spectrogram/mel_inverse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"

enum { FRAMES = TB_BATCH_FRAMES };

#define SGD_RATE     0.1f /* torchaudio's sgdargs */
#define SGD_MOMENTUM 0.9f

/* A pivot this small beside its diagonal is a filter that its chain already explains. */
#define SINGULAR 1e-11

struct tb_mel_inverse {
    const tb_mel *mel;
    tb_mel_inverse_spec spec;
    uint64_t key; /* sgd */
    /* lstsq: G = A * transpose(A) = L D transpose(L), G tridiagonal; each [n_mels]. Filters that
     * share bins form a chain; chains do not know of each other. */
    double *below;   /* L[i][i - 1]; 0 where a chain begins */
    double *pivot;   /* 1 / D[i]; 0 where y[i] is 0: an empty filter, or the end of a chain that has
                        one bin less than filters */
    double *nothing; /* such a chain's vector of length 1 that G takes to 0; else 0 */
    int *start;      /* of the chain that ends in i in this way; -1: none does */
};

static void *alloc_bands(int n_mels, size_t size)
{
    return calloc((size_t)n_mels, size);
}

/* Diagonals of G: into pivot[i] = G[i][i], below[i] = G[i][i - 1]. */
static void multiply_filters(tb_mel_inverse *inverse)
{
    const tb_mel *mel = inverse->mel;
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

/* The chain start..i is singular: transpose(L) z = e_i, and G z = 0. */
static void find_nothing(tb_mel_inverse *inverse, int start, int i)
{
    double *z = inverse->nothing;
    double sum = z[i] = 1;
    for (int j = i - 1; j >= start; j--) {
        z[j] = -inverse->below[j + 1] * z[j + 1];
        sum += z[j] * z[j];
    }
    double scale = 1 / __builtin_sqrt(sum);
    for (int j = start; j <= i; j++)
        z[j] *= scale;
    inverse->start[i] = start;
}

static void factor(tb_mel_inverse *inverse)
{
    int n = inverse->mel->n_mels;
    double *below = inverse->below, *pivot = inverse->pivot;
    int start = 0;
    for (int i = 0; i < n; i++) {
        double diagonal = pivot[i], next = i + 1 < n ? below[i + 1] : 0;
        inverse->start[i] = -1;
        if (below[i] == 0)
            start = i;
        double d = diagonal - below[i] * below[i] * (i > 0 ? pivot[i - 1] : 0);
        if (i > 0)
            below[i] *= pivot[i - 1];
        bool is_last = next == 0;
        pivot[i] = diagonal == 0 || (is_last && d <= SINGULAR * diagonal) ? 0 : 1 / d;
        if (pivot[i] == 0 && start < i)
            find_nothing(inverse, start, i);
    }
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
    inverse->below = alloc_bands(mel->n_mels, sizeof *inverse->below);
    inverse->pivot = alloc_bands(mel->n_mels, sizeof *inverse->pivot);
    inverse->nothing = alloc_bands(mel->n_mels, sizeof *inverse->nothing);
    inverse->start = alloc_bands(mel->n_mels, sizeof *inverse->start);
    if (inverse->below == NULL || inverse->pivot == NULL || inverse->nothing == NULL ||
        inverse->start == NULL) {
        tb_mel_inverse_free(inverse);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the inverse of %d filters",
                       mel->n_mels);
    }
    if (spec->method == TB_MEL_LSTSQ) {
        multiply_filters(inverse);
        factor(inverse);
    }
    *out = inverse;
    return TIMBRE_OK;
}

void tb_mel_inverse_free(tb_mel_inverse *inverse)
{
    if (inverse == NULL)
        return;
    free(inverse->below);
    free(inverse->pivot);
    free(inverse->nothing);
    free(inverse->start);
    free(inverse);
}

size_t tb_mel_inverse_scratch_len(const tb_mel_inverse *inverse)
{
    size_t n_mels = (size_t)inverse->mel->n_mels, n_bins = (size_t)inverse->mel->n_bins;
    if (inverse->spec.method == TB_MEL_LSTSQ)
        return FRAMES * n_mels * (sizeof(double) / sizeof(float)); /* y */
    return FRAMES * (n_bins + 2 * (n_mels + 1));                   /* velocity, two residuals */
}

/* Take from the chain's part of y what no magnitudes give. */
static void project(const double *z, double (*y)[FRAMES], int start, int end)
{
    double dot[FRAMES] = {0};
    for (int j = start; j <= end; j++)
        for (int l = 0; l < FRAMES; l++)
            dot[l] += z[j] * y[j][l];
    for (int j = start; j <= end; j++)
        for (int l = 0; l < FRAMES; l++)
            y[j][l] -= z[j] * dot[l];
}

/* y = inverse(G) * bands, in place. */
static void solve(const tb_mel_inverse *inverse, double (*y)[FRAMES])
{
    int n = inverse->mel->n_mels;
    for (int i = 0; i < n; i++)
        if (inverse->start[i] >= 0)
            project(inverse->nothing, y, inverse->start[i], i);
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
