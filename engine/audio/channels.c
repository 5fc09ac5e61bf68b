#include "engine/audio/channels.h"

#include <math.h>
#include <string.h>

#define MINUS_3_DB 0.70710678118654752

static float mean_of(const float *in, int n_in, int from, int step)
{
    double sum = 0;
    int n = 0;
    for (int c = from; c < n_in; c += step, n++)
        sum += in[c];
    return (float)(sum / n);
}

/* L R C Ls Rs, or L R C LFE Ls Rs. */
static void surround_to_stereo(const float *in, int n_in, float out[2])
{
    const float *surround = in + n_in - 2;
    double centre = MINUS_3_DB * in[2];
    for (int c = 0; c < 2; c++)
        out[c] = (float)((in[c] + centre + MINUS_3_DB * surround[c]) / (1 + 2 * MINUS_3_DB));
}

static void to_stereo(const float *in, int n_in, float out[2])
{
    if (n_in == 5 || n_in == 6) {
        surround_to_stereo(in, n_in, out);
        return;
    }
    out[0] = mean_of(in, n_in, 0, 2);
    out[1] = n_in == 1 ? in[0] : mean_of(in, n_in, 1, 2);
}

void tb_channels_convert(const float *in, int n_in, float *out, int n_out, int64_t n,
                         bool is_16_bit)
{
    if (n_in == n_out) {
        memcpy(out, in, sizeof *out * (size_t)n * (size_t)n_in);
        return;
    }
    for (int64_t i = 0; i < n; i++, in += n_in, out += n_out) {
        if (n_out == 2)
            to_stereo(in, n_in, out);
        else if (n_in == 2 && is_16_bit)
            *out = floorf(0.5f * (in[0] + in[1]));
        else
            *out = mean_of(in, n_in, 0, 1);
    }
}
