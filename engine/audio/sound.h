/*
 * A sound that stands somewhere and is read in passes: in memory, or on a disk where it is too long
 * for memory. What measures and levels it works on this and never sees the whole.
 */
#ifndef TB_AUDIO_SOUND_H
#define TB_AUDIO_SOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

enum { TB_SOUND_MAX_CHANNELS = 2 };

typedef struct tb_sound {
    /* n frames from `frame` on into out[n * n_channels], interleaved; inside the sound only. */
    tb_status (*read)(void *user, int64_t frame, int64_t n, float *out, tb_error *err);
    void *user;
    int64_t n_frames; /* > 0 */
    int n_channels;   /* 1 or 2 */
    int rate_hz;
    double scale; /* factor on every sample that is read */
    bool loop;    /* periodic: before its beginning stands its end */
} tb_sound;

/* n frames from `frame` on; inside the sound. */
TB_MUST_USE tb_status tb_sound_read(const tb_sound *sound, int64_t frame, int64_t n, float *out,
                                    tb_error *err);
/* The same from any frame on: outside stands silence, or with `periodic` the sound again. */
TB_MUST_USE tb_status tb_sound_read_around(const tb_sound *sound, bool periodic, int64_t frame,
                                           int64_t n, float *out, tb_error *err);

#endif
