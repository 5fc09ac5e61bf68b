/*
 * Takes away what nobody hears and every level meter counts: samples with an offset, and rumble.
 */
#ifndef TB_AUDIO_HIGHPASS_H
#define TB_AUDIO_HIGHPASS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Second-order Butterworth high-pass (bilinear transform, -3 dB at cutoff_hz), in place on
 * pcm[n_frames * 2], interleaved stereo at 44.1 kHz. With `loop` the signal is taken as periodic:
 * the filter has run over the end before it meets the beginning, so no seam comes from it.
 */
void tb_highpass_run(float *pcm, int64_t n_frames, double cutoff_hz, bool loop);

#endif
