#include "engine/spectrogram/phase_start.h"

#include <stdbool.h>
#include <stdlib.h>

#include "engine/base/math.h"
#include "engine/base/random.h"

enum { FRAMES = TB_BATCH_FRAMES };

struct tb_phase {
    tb_phase_spec spec;
    uint64_t key;   /* of the random start */
    double *turns;  /* [n_bins] SPSI: phases at the centre of the last frame, in turns, [0, 1) */
    float *column;  /* [n_bins] SPSI: magnitudes of one frame */
    double *centre; /* [n_bins][2] SPSI: exp(-2 pi i k (n_fft / 2) / n_fft), from the phase at the
                       centre of the frame to torch's, at its begin */
};

static void fill_centre(tb_phase *phase)
{
    int n_fft = phase->spec.n_fft;
    for (int k = 0; k < phase->spec.n_bins; k++) {
        int64_t step = (int64_t)k * (n_fft / 2) % n_fft;
        double angle = 2 * TB_PI * (double)step / n_fft;
        phase->centre[2 * (size_t)k] = tb_cos(angle);
        phase->centre[2 * (size_t)k + 1] = -tb_sin(angle);
    }
}

tb_status tb_phase_new(const tb_phase_spec *spec, tb_phase **out, tb_error *err)
{
    *out = NULL;
    size_t n_bins = (size_t)spec->n_bins;
    tb_phase *phase = calloc(1, sizeof *phase);
    if (phase == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the phases");
    phase->spec = *spec;
    uint64_t key = tb_random_key(spec->seed, "griffin-lim phases");
    phase->key = tb_random_at(key, (uint64_t)spec->channel);
    phase->turns = calloc(n_bins, sizeof *phase->turns);
    phase->column = calloc(n_bins, sizeof *phase->column);
    phase->centre = calloc(2 * n_bins, sizeof *phase->centre);
    if (phase->turns == NULL || phase->column == NULL || phase->centre == NULL) {
        tb_phase_free(phase);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the phases of %d bins", spec->n_bins);
    }
    fill_centre(phase);
    *out = phase;
    return TIMBRE_OK;
}

void tb_phase_free(tb_phase *phase)
{
    if (phase == NULL)
        return;
    free(phase->turns);
    free(phase->column);
    free(phase->centre);
    free(phase);
}

/* Real part of bin k, lane (frame) l of a batch in X; the imaginary part is TB_LANES further. */
static size_t place(int k, int l)
{
    return (size_t)k * 4 * TB_LANES + (size_t)(l % 2) * 2 * TB_LANES + (size_t)(l / 2);
}

static void start_random(const tb_phase *phase, int64_t t, const float *magnitudes, float *X)
{
    for (int l = 0; l < FRAMES; l++) {
        uint64_t key = tb_random_at(phase->key, (uint64_t)(t + l));
        for (int k = 0; k < phase->spec.n_bins; k++) {
            uint64_t bits = tb_random_at(key, (uint64_t)k);
            float s = magnitudes[(size_t)k * FRAMES + (size_t)l];
            float *x = X + place(k, l);
            x[0] = s * ((float)(bits >> 40) * 0x1p-24f);
            x[TB_LANES] = s * ((float)(bits >> 16 & 0xffffff) * 0x1p-24f);
        }
    }
}

static bool is_peak(const float *s, int k, int n_bins)
{
    return s[k] > 0 && (k == 0 || s[k] > s[k - 1]) && (k == n_bins - 1 || s[k] >= s[k + 1]);
}

/* Place of the top of the parabola through a peak and its neighbours, in bins. */
static double peak_bin(const float *s, int k, int n_bins)
{
    if (k == 0 || k == n_bins - 1)
        return k;
    double a = s[k - 1], b = s[k], c = s[k + 1];
    return k + 0.5 * (a - c) / (a - 2 * b + c);
}

/* Bins lo..hi of lane l belong to the peak whose phase is `turns`: the window is symmetric, so all
 * of its main lobe has one phase at the frame's centre. */
static void write_region(tb_phase *phase, int lo, int hi, double turns, int l, float *X)
{
    double re = tb_cos(2 * TB_PI * turns), im = tb_sin(2 * TB_PI * turns);
    for (int k = lo; k <= hi; k++) {
        const double *c = phase->centre + 2 * (size_t)k;
        float *x = X + place(k, l);
        phase->turns[k] = turns;
        x[0] = phase->column[k] * (float)(re * c[0] - im * c[1]);
        x[TB_LANES] = phase->column[k] * (float)(re * c[1] + im * c[0]);
    }
}

static void start_frame(tb_phase *phase, int l, float *X)
{
    const float *s = phase->column;
    int n_bins = phase->spec.n_bins;
    int lo = 0; /* the first bin that no peak has yet */
    for (int k = 0; k < n_bins; k++) {
        if (!is_peak(s, k, n_bins))
            continue;
        int hi = k;
        while (hi + 1 < n_bins && s[hi + 1] <= s[hi] && s[hi + 1] > 0)
            hi++;
        double per_hop = peak_bin(s, k, n_bins) * phase->spec.hop_length / phase->spec.n_fft;
        double turns = phase->turns[k] + per_hop;
        write_region(phase, lo, hi, turns - (double)(int64_t)turns, l, X);
        k = hi;
        lo = hi + 1;
    }
    if (lo < n_bins)
        write_region(phase, lo, n_bins - 1, 0, l, X);
}

void tb_phase_run(tb_phase *phase, int64_t t, const float *magnitudes, float *X)
{
    if (phase->spec.start == TB_PHASE_RANDOM) {
        start_random(phase, t, magnitudes, X);
        return;
    }
    for (int l = 0; l < FRAMES; l++) {
        for (int k = 0; k < phase->spec.n_bins; k++)
            phase->column[k] = magnitudes[(size_t)k * FRAMES + (size_t)l];
        start_frame(phase, l, X);
    }
}
