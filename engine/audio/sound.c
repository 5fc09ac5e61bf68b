#include "engine/audio/sound.h"

#include <string.h>

tb_status tb_sound_read(const tb_sound *sound, int64_t frame, int64_t n, float *out, tb_error *err)
{
    tb_status st = sound->read(sound->user, frame, n, out, err);
    if (st == TIMBRE_OK && sound->scale != 1)
        for (int64_t i = 0; i < n * sound->n_channels; i++)
            out[i] = (float)(sound->scale * out[i]);
    return st;
}

tb_status tb_sound_read_around(const tb_sound *sound, bool periodic, int64_t frame, int64_t n,
                               float *out, tb_error *err)
{
    int64_t n_frames = sound->n_frames;
    tb_status st = TIMBRE_OK;
    for (int64_t done = 0; done < n && st == TIMBRE_OK;) {
        int64_t at = frame + done, left = n - done;
        if (periodic)
            at = ((at % n_frames) + n_frames) % n_frames;
        bool is_inside = at >= 0 && at < n_frames;
        int64_t until = is_inside ? n_frames : at < 0 ? 0 : INT64_MAX;
        int64_t part = until - at < left ? until - at : left;
        float *to = out + done * sound->n_channels;
        if (is_inside)
            st = tb_sound_read(sound, at, part, to, err);
        else
            memset(to, 0, sizeof *to * (size_t)(part * sound->n_channels));
        done += part;
    }
    return st;
}
