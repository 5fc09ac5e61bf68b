#include "engine/audio/loudness.h"

#include <math.h>
#include <stdio.h>

#include "engine/base/math.h"

/* The K-weighting's shelf is at 1,682 Hz: below twice that its filter would not be stable. */
enum { LOWEST_RATE_HZ = 4000 };

#define BS1770_OFFSET_DB (-0.691) /* so that 997 Hz at 0 dBFS in one channel reads -3.01 LUFS */

tb_status tb_loudness_init(tb_loudness *m, int n_channels, int rate_hz, bool with_peak,
                           tb_error *err)
{
    int mode = EBUR128_MODE_I | (with_peak ? EBUR128_MODE_TRUE_PEAK : 0);
    *m = (tb_loudness){.meter = ebur128_init((unsigned)n_channels, (unsigned long)rate_hz, mode)};
    if (m->meter == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the loudness meter");
    return TIMBRE_OK;
}

void tb_loudness_deinit(tb_loudness *m)
{
    if (m->meter != NULL)
        ebur128_destroy(&m->meter);
    *m = (tb_loudness){0};
}

tb_status tb_loudness_add(tb_loudness *m, const float *pcm, int64_t n_frames, tb_error *err)
{
    if (ebur128_add_frames_float(m->meter, pcm, (size_t)n_frames) != EBUR128_SUCCESS)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the loudness meter");
    for (int64_t i = 0; i < n_frames * m->meter->channels; i++)
        m->square_sum += (double)pcm[i] * pcm[i];
    m->n_frames += n_frames;
    return TIMBRE_OK;
}

double tb_loudness_lufs(const tb_loudness *m)
{
    double lufs = -INFINITY;
    if (m->meter->samplerate >= LOWEST_RATE_HZ &&
        ebur128_loudness_global(m->meter, &lufs) == EBUR128_SUCCESS && isfinite(lufs))
        return lufs;
    if (!(m->square_sum > 0))
        return -INFINITY;
    return BS1770_OFFSET_DB + tb_gain_to_db(sqrt(m->square_sum / (double)m->n_frames));
}

double tb_loudness_peak_dbtp(const tb_loudness *m)
{
    double peak = 0;
    for (unsigned c = 0; c < m->meter->channels; c++) {
        double channel_peak = 0;
        if (ebur128_true_peak(m->meter, c, &channel_peak) == EBUR128_SUCCESS)
            peak = fmax(peak, channel_peak);
    }
    return peak > 0 ? tb_gain_to_db(peak) : -INFINITY;
}

void tb_loudness_version(char out[16])
{
    int major, minor, patch;
    ebur128_get_version(&major, &minor, &patch);
    snprintf(out, 16, "%d.%d.%d", major, minor, patch);
}
