#include "engine/audio/limiter.h"

#include <math.h>
#include <string.h>

#include "engine/base/limits.h"

enum { PHASES = 4, TAPS = 12, PRE_ROLL_FRAMES = TB_SAMPLE_RATE_HZ };

#define RELEASE_PER_FRAME (1.0 / (0.08 * TB_SAMPLE_RATE_HZ)) /* 80 ms time constant */

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

/* Largest |value| near x[0]: the sample, and the interpolations between x[0] and x[1]. The taps
 * reach from x[-5] to x[6]; stride 2. */
static float peak_near(const float *x)
{
    float peak = fabsf(x[0]);
    for (int k = 0; k < PHASES; k++) {
        float sum = 0;
        for (int t = 0; t < TAPS; t++)
            sum += interpolator[k][t] * x[2 * (6 - t)];
        peak = fmaxf(peak, fabsf(sum));
    }
    return peak;
}

/* Sample of frame i, which may lie outside. */
static float sample_at(const float *pcm, int64_t n_frames, bool loop, int64_t i, int channel)
{
    if (i >= 0 && i < n_frames)
        return pcm[2 * i + channel];
    if (!loop)
        return 0;
    i %= n_frames;
    return pcm[2 * (i < 0 ? i + n_frames : i) + channel];
}

/* As peak_near for both channels of frame i, gathering the taps one by one: for the ends. */
static float peak_at_end(const float *pcm, int64_t n_frames, bool loop, int64_t i)
{
    float near[2 * TAPS];
    for (int t = 0; t < TAPS; t++)
        for (int c = 0; c < 2; c++)
            near[2 * t + c] = sample_at(pcm, n_frames, loop, i + t - 5, c);
    return fmaxf(peak_near(near + 10), peak_near(near + 11));
}

void tb_true_peaks(const float *pcm, int64_t n_frames, bool loop, float *peaks)
{
    for (int64_t i = 0; i < n_frames; i++) {
        if (i < TAPS || i >= n_frames - TAPS)
            peaks[i] = fmaxf(peak_at_end(pcm, n_frames, false, i),
                             loop ? peak_at_end(pcm, n_frames, true, i) : 0);
        else
            peaks[i] = fmaxf(peak_near(pcm + 2 * i), peak_near(pcm + 2 * i + 1));
    }
}

/* Limiting that frame i alone needs. */
static double needed_at(const tb_limiter *l, int64_t i)
{
    if (i < 0 || i >= l->n_frames) {
        if (!l->loop)
            return 1;
        i %= l->n_frames;
        i += i < 0 ? l->n_frames : 0;
    }
    double peak = l->gain * l->peaks[i];
    return peak > l->ceiling ? l->ceiling / peak : 1;
}

/* Let the frame at the far end of the window in; returns the window's minimum. */
static double slide_minimum(tb_limiter *l, int64_t newest)
{
    const int size = TB_LIMITER_WINDOW_FRAMES;
    double value = needed_at(l, newest);
    if (l->n_minima > 0 && l->minimum_until[l->first] <= newest) {
        l->first = (l->first + 1) % size;
        l->n_minima--;
    }
    while (l->n_minima > 0 && l->minimum_value[(l->first + l->n_minima - 1) % size] >= value)
        l->n_minima--;
    int last = (l->first + l->n_minima++) % size;
    l->minimum_value[last] = value;
    l->minimum_until[last] = newest + size;
    return l->minimum_value[l->first];
}

static double slide_box(tb_limiter *l, int i_box, double value)
{
    l->box_sum[i_box] += value - l->box[i_box][l->box_at];
    l->box[i_box][l->box_at] = value;
    return l->box_sum[i_box] / TB_LIMITER_BOX_FRAMES;
}

/*
 * One frame on. Every envelope value that enters the boxes for frame f is at most what f needs: the
 * window of each reaches f, and the release only ever approaches the minimum from below. So is
 * their mean.
 */
static double step(tb_limiter *l)
{
    double minimum = slide_minimum(l, l->frame + TB_LIMITER_WINDOW_FRAMES - 1);
    if (minimum < l->envelope)
        l->envelope = minimum;
    else
        l->envelope += (minimum - l->envelope) * RELEASE_PER_FRAME;
    double smooth = slide_box(l, 1, slide_box(l, 0, l->envelope));
    l->box_at = (l->box_at + 1) % TB_LIMITER_BOX_FRAMES;
    l->frame++;
    return smooth;
}

void tb_limiter_init(tb_limiter *l, const float *peaks, int64_t n_frames, bool loop, double gain,
                     double ceiling)
{
    *l = (tb_limiter){.peaks = peaks,
                      .n_frames = n_frames,
                      .loop = loop,
                      .gain = gain,
                      .ceiling = ceiling,
                      .envelope = 1};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < TB_LIMITER_BOX_FRAMES; k++)
            l->box[i][k] = 1;
        l->box_sum[i] = TB_LIMITER_BOX_FRAMES;
    }
    l->frame = -(int64_t)(loop ? PRE_ROLL_FRAMES : 2 * TB_LIMITER_WINDOW_FRAMES);
    while (l->frame < 0)
        (void)step(l);
}

void tb_limiter_run(tb_limiter *l, float *gains, int n)
{
    for (int i = 0; i < n; i++)
        gains[i] = (float)(l->gain * step(l));
}
