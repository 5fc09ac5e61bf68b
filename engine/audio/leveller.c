#include "engine/audio/leveller.h"

#include <math.h>

#include "engine/audio/loudness.h"
#include "engine/audio/true_peak.h"
#include "engine/base/math.h"

enum { CHUNK_FRAMES = TB_LEVELLED_CHUNK_FRAMES, MAX_TRIES = 5 };

#define CLOSE_ENOUGH_LU 0.1
#define MOST_BELOW_LU   1.0 /* of the loudness asked for, slack and all */
#define MAX_GAIN_DB     60.0
#define MARGIN_DB       0.1 /* the limiter's gain moves between samples; meters' filters differ */

/* Progress: where each step of the work ends. */
#define DONE_MEASURED 0.3
#define DONE_TRIED    0.5

typedef struct {
    const tb_sound *sound;
    const tb_level_target *target;
    const tb_progress *progress;
    tb_level_plan *plan;
    float max_peak; /* true peak of the input */
} search;

/* Work goes on at `frame`: says where between `from` and `to` it is, sees the cancel. */
static tb_status keep_on(const tb_sound *sound, const tb_progress *progress, int64_t frame,
                         double from, double to, tb_error *err)
{
    tb_status st = tb_progress_check(progress, err);
    if (st != TIMBRE_OK)
        return st;
    if (frame / CHUNK_FRAMES % 64 == 0 && to > from)
        tb_progress_report(progress, from + (to - from) * (double)frame / (double)sound->n_frames);
    return TIMBRE_OK;
}

static int chunk_at(const tb_sound *sound, int64_t frame)
{
    int64_t left = sound->n_frames - frame;
    return left < CHUNK_FRAMES ? (int)left : CHUNK_FRAMES;
}

static tb_status scan_chunk(const tb_sound *sound, int64_t frame, float *peak, tb_error *err)
{
    float chunk[CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS];
    int n = chunk_at(sound, frame);
    tb_status st = tb_sound_read(sound, frame, n, chunk, err);
    for (int64_t i = 0; i < n * sound->n_channels && st == TIMBRE_OK; i++) {
        float x = fabsf(chunk[i]);
        int64_t at = frame + i / sound->n_channels;
        if (!isfinite(x))
            st = tb_fail(err, TIMBRE_FAILED, "the sound has a value that is not finite at %.3f s",
                         (double)at / sound->rate_hz);
        *peak = fmaxf(*peak, x);
    }
    return st;
}

tb_status tb_level_scan(const tb_sound *sound, double least_peak, const tb_progress *progress,
                        float *peak, tb_error *err)
{
    *peak = 0;
    for (int64_t i = 0; i < sound->n_frames; i += CHUNK_FRAMES) {
        tb_status st = keep_on(sound, progress, i, 0, 0, err);
        if (st == TIMBRE_OK)
            st = scan_chunk(sound, i, peak, err);
        if (st != TIMBRE_OK)
            return st;
    }
    if (*peak < least_peak)
        return tb_fail(err, TIMBRE_FAILED, "the sound is silent over all its %.1f s",
                       (double)sound->n_frames / sound->rate_hz);
    return TIMBRE_OK;
}

static tb_status measure_chunk(search *s, int64_t frame, tb_loudness *meter, tb_error *err)
{
    float chunk[CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS], peaks[CHUNK_FRAMES];
    int n = chunk_at(s->sound, frame);
    tb_status st = tb_sound_read(s->sound, frame, n, chunk, err);
    if (st == TIMBRE_OK)
        st = tb_loudness_add(meter, chunk, n, err);
    if (st == TIMBRE_OK)
        st = tb_true_peaks(s->sound, frame, n, s->max_peak, peaks, err);
    for (int i = 0; i < n && st == TIMBRE_OK; i++)
        s->max_peak = fmaxf(s->max_peak, peaks[i]);
    return st;
}

/* Loudness and true peak of the sound as it comes. */
static tb_status measure_input(search *s, tb_error *err)
{
    tb_loudness meter;
    tb_status st = tb_loudness_init(&meter, s->sound->n_channels, s->sound->rate_hz, false, err);
    for (int64_t i = 0; i < s->sound->n_frames && st == TIMBRE_OK; i += CHUNK_FRAMES) {
        st = keep_on(s->sound, s->progress, i, 0, DONE_MEASURED, err);
        if (st == TIMBRE_OK)
            st = measure_chunk(s, i, &meter, err);
    }
    if (st == TIMBRE_OK)
        s->plan->input_lufs = tb_loudness_lufs(&meter);
    tb_loudness_deinit(&meter);
    return st;
}

/* Loudness that the sound has with the plan's gain, and its true peak when peak_dbtp is not NULL.
 */
static tb_status measure_output(const search *s, double from, double to, double *lufs,
                                double *peak_dbtp, tb_error *err)
{
    const tb_sound *sound = s->sound;
    tb_levelled levelled;
    tb_loudness meter;
    tb_status st = tb_loudness_init(&meter, sound->n_channels, sound->rate_hz, peak_dbtp != NULL,
                                    err);
    if (st == TIMBRE_OK)
        st = tb_levelled_begin(&levelled, sound, s->plan, err);
    for (int n = 1; st == TIMBRE_OK && n > 0;) {
        float chunk[CHUNK_FRAMES * TB_SOUND_MAX_CHANNELS];
        st = keep_on(sound, s->progress, levelled.frame, from, to, err);
        if (st == TIMBRE_OK)
            st = tb_levelled_next(&levelled, chunk, &n, err);
        if (st == TIMBRE_OK)
            st = tb_loudness_add(&meter, chunk, n, err);
    }
    if (st == TIMBRE_OK)
        *lufs = tb_loudness_lufs(&meter);
    if (st == TIMBRE_OK && peak_dbtp != NULL)
        *peak_dbtp = tb_loudness_peak_dbtp(&meter);
    tb_loudness_deinit(&meter);
    return st;
}

/* The loudness to reach: as much of the slack is used as the peaks need. */
static double target_lufs(const search *s)
{
    double unlimited = s->plan->input_lufs + tb_gain_to_db(s->plan->ceiling / s->max_peak);
    double least = s->target->lufs - s->target->slack_lu;
    return fmin(s->target->lufs, fmax(least, unlimited));
}

/*
 * The gain before the limiter that gives the target loudness after it. Limiting takes loudness
 * away, so each try goes up by what was missing, over the slope that the last two tries showed.
 */
static tb_status find_gain(const search *s, tb_error *err)
{
    tb_level_plan *plan = s->plan;
    double target = target_lufs(s);
    double gain = tb_db_round(fmin(target - plan->input_lufs, MAX_GAIN_DB));
    double last_gain = 0, last_lufs = 0;
    plan->gain_db = gain;
    if (s->max_peak * tb_db_to_gain(gain) <= plan->ceiling)
        return TIMBRE_OK;
    for (int i = 0; i < MAX_TRIES; i++) {
        double lufs = 0;
        plan->gain_db = gain;
        tb_status st = measure_output(s, 0, 0, &lufs, NULL, err);
        if (st != TIMBRE_OK)
            return st;
        double missing = target - lufs;
        if (fabs(missing) <= CLOSE_ENOUGH_LU)
            break;
        double slope = i == 0 || gain == last_gain ? 1 : (lufs - last_lufs) / (gain - last_gain);
        last_gain = gain;
        last_lufs = lufs;
        gain = tb_db_round(fmin(gain + missing / fmin(fmax(slope, 0.25), 1), MAX_GAIN_DB));
    }
    return TIMBRE_OK;
}

/* What the margin did not cover, if anything, is taken off the whole: the ceiling always holds. */
static void trim(const tb_level_target *target, tb_level_plan *plan)
{
    double over_db = plan->output_dbtp - target->ceiling_dbtp;
    if (over_db <= 0)
        return;
    plan->trim_db = -(floor(over_db * 100) + 1) / 100;
    plan->output_lufs += plan->trim_db;
    plan->output_dbtp += plan->trim_db;
}

/* What was trimmed has come on top of the slack: without the slack, then. */
static tb_status find_again(const search *first, tb_error *err)
{
    tb_level_target strict = *first->target;
    tb_level_plan *plan = first->plan;
    search s = *first;
    strict.slack_lu = 0;
    s.target = &strict;
    plan->trim_db = 0;
    tb_status st = find_gain(&s, err);
    if (st == TIMBRE_OK)
        st = measure_output(&s, 0, 0, &plan->output_lufs, &plan->output_dbtp, err);
    if (st == TIMBRE_OK)
        trim(&strict, plan);
    return st;
}

tb_status tb_level_find(const tb_sound *sound, const tb_level_target *target,
                        const tb_progress *progress, tb_level_plan *plan, tb_error *err)
{
    *plan = (tb_level_plan){.ceiling = tb_db_to_gain(target->ceiling_dbtp - MARGIN_DB)};
    search s = {.sound = sound, .target = target, .progress = progress, .plan = plan};
    tb_status st = measure_input(&s, err);
    if (st == TIMBRE_OK)
        st = find_gain(&s, err);
    if (st == TIMBRE_OK)
        st = measure_output(&s, DONE_TRIED, TB_LEVEL_FOUND, &plan->output_lufs, &plan->output_dbtp,
                            err);
    if (st == TIMBRE_OK)
        trim(target, plan);
    if (st == TIMBRE_OK && target->slack_lu > 0 && plan->output_lufs < target->lufs - MOST_BELOW_LU)
        st = find_again(&s, err);
    return st;
}
