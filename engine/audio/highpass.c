#include "engine/audio/highpass.h"

#include "engine/base/limits.h"
#include "engine/base/math.h"

/* Transposed direct form II; b = {b0, -2 b0, b0}. */
typedef struct {
    double b0, a1, a2;
    double z1, z2;
} biquad;

static biquad butterworth(double cutoff_hz)
{
    double w = TB_PI * cutoff_hz / TB_SAMPLE_RATE_HZ;
    double k = tb_sin(w) / tb_cos(w);
    double norm = 1 / (1 + 1.4142135623730951 * k + k * k); /* sqrt 2 = 1/Q */
    return (biquad){.b0 = norm,
                    .a1 = 2 * (k * k - 1) * norm,
                    .a2 = (1 - 1.4142135623730951 * k + k * k) * norm};
}

static double step(biquad *f, double x)
{
    double y = f->b0 * x + f->z1;
    f->z1 = -2 * f->b0 * x - f->a1 * y + f->z2;
    f->z2 = f->b0 * x - f->a2 * y;
    return y;
}

/* Bring the filter of a periodic signal to where it would be after running for ever: it forgets
 * within WARM_UP_FRAMES, read backwards from the end, around the loop as often as it takes. */
static void warm_up(biquad *f, const float *pcm, int64_t n_frames, int channel)
{
    enum { WARM_UP_FRAMES = 22050 }; /* e^-44 at 20 Hz */
    int64_t at = n_frames - WARM_UP_FRAMES % n_frames;
    for (int64_t i = 0; i < WARM_UP_FRAMES; i++, at++)
        (void)step(f, (double)pcm[2 * (at % n_frames) + channel]);
}

void tb_highpass_run(float *pcm, int64_t n_frames, double cutoff_hz, bool loop)
{
    for (int channel = 0; channel < 2; channel++) {
        biquad f = butterworth(cutoff_hz);
        if (loop && n_frames > 0)
            warm_up(&f, pcm, n_frames, channel);
        for (int64_t i = 0; i < n_frames; i++)
            pcm[2 * i + channel] = (float)step(&f, (double)pcm[2 * i + channel]);
    }
}
