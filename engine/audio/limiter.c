#include "engine/audio/limiter.h"

#define RELEASE_S 0.08 /* time constant */

/* Limiting that a frame alone needs. */
static double needed_for(const tb_limiter *l, float frame_peak)
{
    double peak = l->gain * frame_peak;
    return peak > l->ceiling ? l->ceiling / peak : 1;
}

/* Let one more frame in at the far end of the window; returns the window's minimum. */
static double slide_minimum(tb_limiter *l, double value)
{
    const int size = TB_LIMITER_WINDOW_FRAMES;
    if (l->n_minima > 0 && l->minimum_until[l->first] <= l->newest) {
        l->first = (l->first + 1) % size;
        l->n_minima--;
    }
    while (l->n_minima > 0 && l->minimum_value[(l->first + l->n_minima - 1) % size] >= value)
        l->n_minima--;
    int last = (l->first + l->n_minima++) % size;
    l->minimum_value[last] = value;
    l->minimum_until[last] = l->newest + size;
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
static double step(tb_limiter *l, float peak)
{
    double minimum = slide_minimum(l, needed_for(l, peak));
    if (minimum < l->envelope)
        l->envelope = minimum;
    else
        l->envelope += (minimum - l->envelope) * l->release;
    double smooth = slide_box(l, 1, slide_box(l, 0, l->envelope));
    l->box_at = (l->box_at + 1) % TB_LIMITER_BOX_FRAMES;
    l->newest++;
    return smooth;
}

void tb_limiter_init(tb_limiter *l, int rate_hz, double gain, double ceiling)
{
    *l = (tb_limiter){
        .gain = gain, .ceiling = ceiling, .release = 1.0 / (RELEASE_S * rate_hz), .envelope = 1};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < TB_LIMITER_BOX_FRAMES; k++)
            l->box[i][k] = 1;
        l->box_sum[i] = TB_LIMITER_BOX_FRAMES;
    }
}

void tb_limiter_run(tb_limiter *l, const float *peaks, float *gains, int n)
{
    for (int i = 0; i < n; i++)
        gains[i] = (float)(l->gain * step(l, peaks[i]));
}
