#include "engine/spectrogram/pixels.h"

#include <math.h>

#include "engine/base/math.h"

/* x^power, x >= 0, rounded to single precision once. */
static float power_of(float x, float power)
{
    if (power == 0.25f) /* Riffusion's: thirty times quicker, the same pixels */
        return (float)sqrt(sqrt((double)x));
    return x == 0 ? 0 : (float)tb_exp((double)power * tb_log((double)x));
}

void tb_pixels_from_amplitudes(const float *amplitudes, int n, float max, float power, uint8_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = (uint8_t)(255.0f - 255.0f * power_of(amplitudes[i] / max, power));
}

void tb_pixels_table(float power, float max, float table[65536])
{
    float inverse = (float)(1 / (double)power);
    for (int v = 0; v < 65536; v++)
        table[v] = power_of((255.0f - (float)v / 257.0f) / 255.0f, inverse) * max;
}
