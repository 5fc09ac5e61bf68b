/* From the channels that a file has to those that are wanted. */
#ifndef TB_AUDIO_CHANNELS_H
#define TB_AUDIO_CHANNELS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * in[n * n_in] to out[n * n_out], interleaved, in units of 16-bit samples; n_out is 1, 2 or n_in.
 * 2 to 1: the mean, with `is_16_bit` rounded down (audioop.tomono of Python, which pydub uses);
 * more to 1: the mean. 1 to 2: the same twice. 5 and 6 to 2: L R C (LFE) Ls Rs by ITU-R BS.775-3
 * (centre and surround at -3 dB, no LFE), divided by 1 + 2 / sqrt(2) so that nothing exceeds full
 * scale; others to 2: the mean of the channels 1, 3, 5 ... left and 2, 4, 6 ... right.
 */
void tb_channels_convert(const float *in, int n_in, float *out, int n_out, int64_t n,
                         bool is_16_bit);

#endif
