#include "engine/audio/true_peak.h"

#include <math.h>
#include <string.h>

enum {
    PHASES = 4,
    TAPS = 12,
    BEFORE = 5, /* taps reach from x[-5] to x[6] */
    AFTER = 6,
    RUN_FRAMES = 64, /* looked at together */
    MAX_SAMPLES = (TB_TRUE_PEAK_MAX_FRAMES + BEFORE + AFTER) * TB_SOUND_MAX_CHANNELS,
};

/* No interpolated value is above this times the largest sample it is made of: the largest sum of a
 * phase's |taps| is 2.023. */
#define MOST_OVERSHOOT 2.1

/* ITU-R BS.1770-4, annex 2, table of the order 48, 4-phase FIR interpolating filter. */
static const float interpolator[PHASES][TAPS] = {
    {0.0017089843750f, 0.0109863281250f, -0.0196533203125f, 0.0332031250000f, -0.0594482421875f,
     0.1373291015625f, 0.9721679687500f, -0.1022949218750f, 0.0476074218750f, -0.0266113281250f,
     0.0148925781250f, -0.0083007812500f},
    {-0.0291748046875f, 0.0292968750000f, -0.0517578125000f, 0.0891113281250f, -0.1665039062500f,
     0.4650878906250f, 0.7797851562500f, -0.2003173828125f, 0.1015625000000f, -0.0582275390625f,
     0.0330810546875f, -0.0189208984375f},
    {-0.0189208984375f, 0.0330810546875f, -0.0582275390625f, 0.1015625000000f, -0.2003173828125f,
     0.7797851562500f, 0.4650878906250f, -0.1665039062500f, 0.0891113281250f, -0.0517578125000f,
     0.0292968750000f, -0.0291748046875f},
    {-0.0083007812500f, 0.0148925781250f, -0.0266113281250f, 0.0476074218750f, -0.1022949218750f,
     0.9721679687500f, 0.1373291015625f, -0.0594482421875f, 0.0332031250000f, -0.0196533203125f,
     0.0109863281250f, 0.0017089843750f},
};

/* Largest |value| near x[0]: the sample, and the interpolations between x[0] and x[stride]. */
static float peak_near(const float *x, int stride)
{
    float peak = fabsf(x[0]);
    for (int k = 0; k < PHASES; k++) {
        float sum = 0;
        for (int t = 0; t < TAPS; t++)
            sum += interpolator[k][t] * x[stride * (AFTER - t)];
        peak = fmaxf(peak, fabsf(sum));
    }
    return peak;
}

static float largest(const float *x, int n)
{
    float max = 0;
    for (int i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    return max;
}

/* Peaks of n frames; x[(BEFORE + n + AFTER) * n_channels] begins BEFORE frames before the first. */
static void peaks_of(const float *x, int n, int n_channels, double floor, float *peaks)
{
    for (int i = 0; i < n; i += RUN_FRAMES) {
        int run = n - i < RUN_FRAMES ? n - i : RUN_FRAMES;
        const float *at = x + i * n_channels;
        memset(peaks + i, 0, sizeof *peaks * (size_t)run);
        if (MOST_OVERSHOOT * (double)largest(at, (run + BEFORE + AFTER) * n_channels) <= floor)
            continue;
        for (int k = 0; k < run; k++)
            for (int c = 0; c < n_channels; c++)
                peaks[i + k] = fmaxf(peaks[i + k],
                                     peak_near(at + (BEFORE + k) * n_channels + c, n_channels));
    }
}

tb_status tb_true_peaks(const tb_sound *sound, int64_t frame, int n, double floor, float *peaks,
                        tb_error *err)
{
    float x[MAX_SAMPLES];
    tb_status st = tb_sound_read_around(sound, false, frame - BEFORE, n + BEFORE + AFTER, x, err);
    if (st != TIMBRE_OK)
        return st;
    peaks_of(x, n, sound->n_channels, floor, peaks);
    if (!sound->loop || (frame >= TAPS && frame + n <= sound->n_frames - TAPS))
        return TIMBRE_OK;
    st = tb_sound_read_around(sound, true, frame - BEFORE, n + BEFORE + AFTER, x, err);
    if (st != TIMBRE_OK)
        return st;
    float around[TB_TRUE_PEAK_MAX_FRAMES];
    peaks_of(x, n, sound->n_channels, floor, around);
    for (int i = 0; i < n; i++)
        peaks[i] = fmaxf(peaks[i], around[i]);
    return TIMBRE_OK;
}
