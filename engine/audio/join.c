#include "engine/audio/join.h"

#include <math.h>
#include <string.h>

#include "engine/base/math.h"

enum { STEPPED_MS = 100 };

static const double FLOOR_GAIN = 1e-6; /* -120 dB */

/* The gains of frame i of n. */
typedef struct {
    double out, in;
} gains;

static gains clean_gains(int64_t i, int64_t n)
{
    double angle = TB_PI / 2 * ((double)i + 0.5) / (double)n;
    return (gains){tb_cos(angle), tb_sin(angle)};
}

/* Whole milliseconds of a fade that is longer than STEPPED_MS; else 0. */
static int64_t stepped_ms(int64_t n, int rate_hz)
{
    int64_t ms = (int64_t)((double)n * 1000 / rate_hz + 0.5);
    return ms > STEPPED_MS ? ms : 0;
}

static gains riffusion_gains(int64_t i, int64_t n, int rate_hz)
{
    int64_t n_ms = stepped_ms(n, rate_hz), at = i, steps = n;
    if (n_ms > 0) { /* millisecond k begins at frame trunc(k * rate / 1000) */
        steps = n_ms;
        at = i * 1000 / rate_hz;
        while ((int64_t)((double)(at + 1) * (rate_hz / 1000.0)) <= i)
            at++;
        at = at < steps ? at : steps - 1;
    }
    double change = (1 - FLOOR_GAIN) / (double)steps * (double)at;
    return (gains){1 - change, FLOOR_GAIN + change};
}

static int16_t saturate(double x)
{
    return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

int64_t tb_join_append(tb_join join, int16_t *out, int64_t n_out, const int16_t *clip,
                       int64_t n_frames, int n_channels, int rate_hz, int64_t n_overlap)
{
    int16_t *to = out + (n_out - n_overlap) * n_channels;
    for (int64_t i = 0; i < n_overlap; i++) {
        gains g = join == TB_JOIN_CLEAN ? clean_gains(i, n_overlap)
                                        : riffusion_gains(i, n_overlap, rate_hz);
        for (int c = 0; c < n_channels; c++) {
            double a = to[i * n_channels + c] * g.out, b = clip[i * n_channels + c] * g.in;
            to[i * n_channels + c] = saturate(join == TB_JOIN_CLEAN ? rint(a + b)
                                                                    : floor(a) + floor(b));
        }
    }
    memcpy(to + n_overlap * n_channels, clip + n_overlap * n_channels,
           (size_t)((n_frames - n_overlap) * n_channels) * sizeof *clip);
    return n_out + n_frames - n_overlap;
}
