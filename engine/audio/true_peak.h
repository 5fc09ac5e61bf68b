/*
 * True peaks: how high a sound goes between its samples, by the 4-times polyphase filter of ITU-R
 * BS.1770-4, annex 2.
 */
#ifndef TB_AUDIO_TRUE_PEAK_H
#define TB_AUDIO_TRUE_PEAK_H

#include "engine/audio/sound.h"

enum { TB_TRUE_PEAK_MAX_FRAMES = 4096 };

/*
 * True peak of each of n <= TB_TRUE_PEAK_MAX_FRAMES frames from `frame` on, the larger of the
 * channels, into peaks[n]: the sample and the interpolated values up to the next frame. Outside the
 * sound is silence; of a loop it is both, silence and itself again, whichever goes higher. All n
 * frames stand inside. Peaks that are at most `floor` may come out as 0, which is much faster.
 */
TB_MUST_USE tb_status tb_true_peaks(const tb_sound *sound, int64_t frame, int n, double floor,
                                    float *peaks, tb_error *err);

#endif
