#include "engine/audio/fade.h"

#include "engine/base/math.h"

void tb_fade_out(float *pcm, int64_t n_frames, int n_channels, int64_t n_fade)
{
    if (n_fade > n_frames)
        n_fade = n_frames;
    for (int64_t i = 0; i < n_fade; i++) {
        double left = (double)(n_fade - 1 - i) / (double)n_fade;
        float gain = (float)(0.5 - 0.5 * tb_cos(TB_PI * left));
        float *frame = pcm + n_channels * (n_frames - n_fade + i);
        for (int c = 0; c < n_channels; c++)
            frame[c] *= gain;
    }
}
