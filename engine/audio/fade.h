/* Fades. */
#ifndef TB_AUDIO_FADE_H
#define TB_AUDIO_FADE_H

#include <stdint.h>

/* Raised cosine over the last `n_fade` frames of pcm[n_frames * n_channels], interleaved; the last
 * frame is 0. n_fade is cut to n_frames. */
void tb_fade_out(float *pcm, int64_t n_frames, int n_channels, int64_t n_fade);

#endif
