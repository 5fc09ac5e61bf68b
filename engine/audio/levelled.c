/* The levelled sound as a stream: peaks ahead, gains now. */
#include <math.h>
#include <string.h>

#include "engine/audio/leveller.h"
#include "engine/audio/true_peak.h"
#include "engine/base/math.h"

enum { CHUNK_FRAMES = TB_LEVELLED_CHUNK_FRAMES };

/* Peaks of n frames from `frame` >= 0 on, past the end too: 0 there, or the loop's beginning. */
static tb_status peaks_ahead(const tb_levelled *s, int64_t frame, int n, float *peaks,
                             tb_error *err)
{
    const tb_sound *sound = s->sound;
    tb_status st = TIMBRE_OK;
    for (int done = 0; done < n && st == TIMBRE_OK;) {
        int64_t at = frame + done;
        if (sound->loop)
            at %= sound->n_frames;
        int64_t inside = sound->n_frames - at;
        int part = inside > 0 && inside < n - done ? (int)inside : n - done;
        if (inside > 0)
            st = tb_true_peaks(sound, at, part, s->floor, peaks + done, err);
        else
            memset(peaks + done, 0, sizeof *peaks * (size_t)part);
        done += part;
    }
    return st;
}

/* The limiter's state at frame 0: it has looked ahead; of a loop it has heard the last second. */
static tb_status run_in(tb_levelled *s, tb_error *err)
{
    const tb_sound *sound = s->sound;
    int64_t left = TB_LIMITER_AHEAD_FRAMES, at = 0;
    if (sound->loop) {
        left = sound->rate_hz;
        at = (TB_LIMITER_AHEAD_FRAMES - left) % sound->n_frames;
        at += at < 0 ? sound->n_frames : 0;
    }
    tb_status st = TIMBRE_OK;
    while (left > 0 && st == TIMBRE_OK) {
        float peaks[CHUNK_FRAMES], gains[CHUNK_FRAMES];
        int n = left < CHUNK_FRAMES ? (int)left : CHUNK_FRAMES;
        st = peaks_ahead(s, at, n, peaks, err);
        if (st == TIMBRE_OK)
            tb_limiter_run(&s->limiter, peaks, gains, n);
        at += n;
        left -= n;
    }
    return st;
}

tb_status tb_levelled_begin(tb_levelled *s, const tb_sound *sound, const tb_level_plan *plan,
                            tb_error *err)
{
    double gain = tb_db_to_gain(plan->gain_db);
    *s = (tb_levelled){
        .sound = sound, .floor = plan->ceiling / gain, .trim = (float)tb_db_to_gain(plan->trim_db)};
    tb_limiter_init(&s->limiter, sound->rate_hz, gain, plan->ceiling);
    return run_in(s, err);
}

tb_status tb_levelled_next(tb_levelled *s, float *out, int *n, tb_error *err)
{
    const tb_sound *sound = s->sound;
    float peaks[CHUNK_FRAMES], gains[CHUNK_FRAMES];
    int64_t left = sound->n_frames - s->frame;
    *n = left < CHUNK_FRAMES ? (int)left : CHUNK_FRAMES;
    if (*n == 0)
        return TIMBRE_OK;
    tb_status st = peaks_ahead(s, s->frame + TB_LIMITER_AHEAD_FRAMES, *n, peaks, err);
    if (st == TIMBRE_OK)
        st = tb_sound_read(sound, s->frame, *n, out, err);
    if (st != TIMBRE_OK)
        return st;
    tb_limiter_run(&s->limiter, peaks, gains, *n);
    for (int i = 0; i < *n; i++)
        for (int c = 0; c < sound->n_channels; c++) {
            float limited = gains[i] * *out;
            *out++ = limited * s->trim;
        }
    s->frame += *n;
    return TIMBRE_OK;
}
