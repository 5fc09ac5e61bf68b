#include <float.h>
#include <math.h>

#include "engine/audio/leveller.h"
#include "engine/audio/levels.h"
#include "engine/audio/master.h"
#include "engine/base/math.h"

#define UNITS 32768.0 /* of 16-bit samples in full scale */

/* Within 1 LU of the loudness that all takes have: a limiter that works less leaves more of the
 * picture in the sound. */
static const tb_level_target target = {.lufs = -16, .ceiling_dbtp = -1, .slack_lu = 0.8};

static tb_status write_levelled(const tb_levels_io *io, const tb_sound *sound,
                                const tb_level_plan *plan, const tb_progress *progress,
                                tb_error *err)
{
    tb_levelled levelled;
    tb_status st = tb_levelled_begin(&levelled, sound, plan, err);
    for (int n = 1; st == TIMBRE_OK && n > 0;) {
        float chunk[TB_LEVELLED_CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS];
        int16_t pcm[TB_LEVELLED_CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS];
        tb_progress_report(progress, TB_LEVEL_FOUND + (1 - TB_LEVEL_FOUND) *
                                                          (double)levelled.frame /
                                                          (double)io->n_frames);
        st = tb_progress_check(progress, err);
        if (st == TIMBRE_OK)
            st = tb_levelled_next(&levelled, chunk, &n, err);
        if (st != TIMBRE_OK || n == 0)
            break;
        tb_pcm_to_int16(chunk, (int64_t)n * io->n_channels, pcm);
        st = io->write(io->user, pcm, n, err);
    }
    return st;
}

tb_status tb_levels_clean(const tb_levels_io *io, const tb_progress *progress,
                          tb_levels_report *report, tb_error *err)
{
    tb_sound sound = {.read = io->read,
                      .user = io->user,
                      .n_frames = io->n_frames,
                      .n_channels = io->n_channels,
                      .rate_hz = io->rate_hz,
                      .scale = 1};
    *report = (tb_levels_report){0};
    float peak;
    tb_status st = tb_level_scan(&sound, FLT_MIN, progress, &peak, err);
    if (st != TIMBRE_OK)
        return st;
    double scale_db = tb_db_round(-tb_gain_to_db(peak / UNITS));
    sound.scale = tb_db_to_gain(scale_db) / UNITS;
    tb_level_plan plan;
    st = tb_level_find(&sound, &target, progress, &plan, err);
    if (st == TIMBRE_OK)
        st = write_levelled(io, &sound, &plan, progress, err);
    if (st == TIMBRE_OK)
        *report = (tb_levels_report){.gain_db = tb_db_round(scale_db + plan.gain_db + plan.trim_db),
                                     .lufs = plan.output_lufs,
                                     .peak_dbtp = plan.output_dbtp};
    return st;
}
