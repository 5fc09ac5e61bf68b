#include "engine/audio/master.h"

#include <math.h>
#include <stdlib.h>

#include "engine/audio/fade.h"
#include "engine/audio/limiter.h"
#include "engine/audio/loudness.h"
#include "engine/base/limits.h"
#include "engine/base/math.h"

enum { CHUNK_FRAMES = 4096, MAX_TRIES = 5 };

#define SILENCE         1e-5 /* -100 dBFS: below this there is nothing to bring up */
#define CLOSE_ENOUGH_LU 0.1
#define MAX_GAIN_DB     60.0
#define MARGIN_DB       0.1 /* the limiter's gain moves between samples; meters' filters differ */

/* Progress: where each step of the work ends. */
#define DONE_MEASURED 0.3
#define DONE_TRIED    0.8

typedef struct master {
    float *pcm; /* [n_frames * 2], borrowed */
    int64_t n_frames;
    const tb_master_options *options;
    const tb_progress *progress;
    float *peaks; /* [n_frames], owned: true peak of the input */
    float max_peak;
    double ceiling; /* linear, for the limiter */
} master;

static double round_gain_db(double db)
{
    return floor(db * 100 + 0.5) / 100;
}

static tb_status check_input(const master *m, tb_error *err)
{
    float peak = 0;
    for (int64_t i = 0; i < 2 * m->n_frames; i++) {
        float x = fabsf(m->pcm[i]);
        if (!isfinite(x))
            return tb_fail(err, TIMBRE_FAILED, "the sound has a value that is not finite at %.3f s",
                           0.5 * (double)i / TB_SAMPLE_RATE_HZ);
        peak = fmaxf(peak, x);
    }
    if (peak < SILENCE)
        return tb_fail(err, TIMBRE_FAILED, "the sound is silent over all its %.1f s",
                       (double)m->n_frames / TB_SAMPLE_RATE_HZ);
    return TIMBRE_OK;
}

static int chunk_at(const master *m, int64_t frame)
{
    int64_t left = m->n_frames - frame;
    return left < CHUNK_FRAMES ? (int)left : CHUNK_FRAMES;
}

/* Work on [frame, n_frames) goes on: reports where between `from` and `to` it is, sees the cancel.
 */
static tb_status keep_on(const master *m, int64_t frame, double from, double to, tb_error *err)
{
    if (tb_progress_is_cancelled(m->progress))
        return tb_fail(err, TIMBRE_CANCELLED, "cancelled");
    if (frame / CHUNK_FRAMES % 64 == 0)
        tb_progress_report(m->progress, from + (to - from) * (double)frame / (double)m->n_frames);
    return TIMBRE_OK;
}

/* Loudness of pcm as it is, and its true peak when peak_dbtp is not NULL. */
static tb_status measure(const master *m, double from, double to, double *lufs, double *peak_dbtp,
                         tb_error *err)
{
    tb_loudness meter;
    tb_status st = tb_loudness_init(&meter, peak_dbtp != NULL, err);
    for (int64_t i = 0; i < m->n_frames && st == TIMBRE_OK; i += CHUNK_FRAMES) {
        st = keep_on(m, i, from, to, err);
        if (st == TIMBRE_OK)
            st = tb_loudness_add(&meter, m->pcm + 2 * i, chunk_at(m, i), err);
    }
    if (st == TIMBRE_OK)
        *lufs = tb_loudness_lufs(&meter);
    if (st == TIMBRE_OK && peak_dbtp != NULL)
        *peak_dbtp = tb_loudness_peak_dbtp(&meter);
    tb_loudness_deinit(&meter);
    return st;
}

/* Limited sound of one chunk: to[2 * n] = gain curve * from[2 * n]; to may be from. */
static void limit_chunk(tb_limiter *limiter, const float *from, float *to, int n)
{
    float gains[CHUNK_FRAMES];
    tb_limiter_run(limiter, gains, n);
    for (int i = 0; i < n; i++) {
        to[2 * i] = gains[i] * from[2 * i];
        to[2 * i + 1] = gains[i] * from[2 * i + 1];
    }
}

/* Loudness that the limited sound would have at `gain_db`. */
static tb_status try_gain(const master *m, double gain_db, double *lufs, tb_error *err)
{
    tb_limiter limiter;
    tb_limiter_init(&limiter, m->peaks, m->n_frames, m->options->loop, tb_db_to_gain(gain_db),
                    m->ceiling);
    tb_loudness meter;
    tb_status st = tb_loudness_init(&meter, false, err);
    for (int64_t i = 0; i < m->n_frames && st == TIMBRE_OK; i += CHUNK_FRAMES) {
        float chunk[2 * CHUNK_FRAMES];
        int n = chunk_at(m, i);
        limit_chunk(&limiter, m->pcm + 2 * i, chunk, n);
        st = tb_progress_is_cancelled(m->progress) ? tb_fail(err, TIMBRE_CANCELLED, "cancelled")
                                                   : tb_loudness_add(&meter, chunk, n, err);
    }
    if (st == TIMBRE_OK)
        *lufs = tb_loudness_lufs(&meter);
    tb_loudness_deinit(&meter);
    return st;
}

/*
 * The gain before the limiter that gives the target loudness after it. Limiting takes loudness
 * away, so each try goes up by what was missing, over the slope that the last two tries showed.
 */
static tb_status find_gain(const master *m, double input_lufs, double *gain_db, tb_error *err)
{
    double target = m->options->target_lufs;
    double gain = round_gain_db(fmin(target - input_lufs, MAX_GAIN_DB));
    double last_gain = 0, last_lufs = 0;
    *gain_db = gain;
    if (m->max_peak * tb_db_to_gain(gain) <= m->ceiling)
        return TIMBRE_OK;
    for (int i = 0; i < MAX_TRIES; i++) {
        double lufs = 0;
        tb_status st = try_gain(m, gain, &lufs, err);
        if (st != TIMBRE_OK)
            return st;
        *gain_db = gain;
        double missing = target - lufs;
        if (fabs(missing) <= CLOSE_ENOUGH_LU)
            break;
        double slope = i == 0 || gain == last_gain ? 1 : (lufs - last_lufs) / (gain - last_gain);
        last_gain = gain;
        last_lufs = lufs;
        gain = round_gain_db(fmin(gain + missing / fmin(fmax(slope, 0.25), 1), MAX_GAIN_DB));
    }
    return TIMBRE_OK;
}

static tb_status apply(const master *m, double gain_db, tb_error *err)
{
    tb_limiter limiter;
    tb_limiter_init(&limiter, m->peaks, m->n_frames, m->options->loop, tb_db_to_gain(gain_db),
                    m->ceiling);
    for (int64_t i = 0; i < m->n_frames; i += CHUNK_FRAMES) {
        if (tb_progress_is_cancelled(m->progress))
            return tb_fail(err, TIMBRE_CANCELLED, "cancelled");
        limit_chunk(&limiter, m->pcm + 2 * i, m->pcm + 2 * i, chunk_at(m, i));
    }
    return TIMBRE_OK;
}

/* What the margin did not cover, if anything, is taken off the whole: the ceiling always holds. */
static void trim(const master *m, tb_master_report *report)
{
    double over_db = report->output_dbtp - m->options->ceiling_dbtp;
    if (over_db <= 0)
        return;
    double trim_db = -(floor(over_db * 100) + 1) / 100;
    float gain = (float)tb_db_to_gain(trim_db);
    for (int64_t i = 0; i < 2 * m->n_frames; i++)
        m->pcm[i] *= gain;
    report->gain_db += trim_db;
    report->output_lufs += trim_db;
    report->output_dbtp += trim_db;
}

static tb_status find_peaks(master *m, tb_error *err)
{
    m->peaks = malloc(sizeof *m->peaks * (size_t)m->n_frames);
    if (m->peaks == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the peaks of %lld frames",
                       (long long)m->n_frames);
    tb_true_peaks(m->pcm, m->n_frames, m->options->loop, m->peaks);
    for (int64_t i = 0; i < m->n_frames; i++)
        m->max_peak = fmaxf(m->max_peak, m->peaks[i]);
    return TIMBRE_OK;
}

tb_status tb_master_run(float *pcm, int64_t n_frames, const tb_master_options *options,
                        const tb_progress *progress, tb_master_report *report, tb_error *err)
{
    master m = {.pcm = pcm, .n_frames = n_frames, .options = options, .progress = progress};
    m.ceiling = tb_db_to_gain(options->ceiling_dbtp - MARGIN_DB);
    *report = (tb_master_report){0};
    tb_status st = check_input(&m, err);
    if (st != TIMBRE_OK)
        return st;
    if (!options->loop && options->fade_out_s > 0)
        tb_fade_out(pcm, n_frames, (int64_t)(options->fade_out_s * TB_SAMPLE_RATE_HZ + 0.5));
    st = measure(&m, 0, DONE_MEASURED, &report->input_lufs, NULL, err);
    if (st == TIMBRE_OK)
        st = find_peaks(&m, err);
    if (st == TIMBRE_OK)
        st = find_gain(&m, report->input_lufs, &report->gain_db, err);
    if (st == TIMBRE_OK)
        st = apply(&m, report->gain_db, err);
    if (st == TIMBRE_OK)
        st = measure(&m, DONE_TRIED, 1, &report->output_lufs, &report->output_dbtp, err);
    if (st == TIMBRE_OK)
        trim(&m, report);
    free(m.peaks);
    return st;
}

void tb_pcm_to_int16(const float *in, int64_t n_samples, int16_t *out)
{
    for (int64_t i = 0; i < n_samples; i++) {
        float x = in[i] * 32768.0f;
        x = x > 32767.0f ? 32767.0f : x < -32768.0f ? -32768.0f : x;
        out[i] = (int16_t)lrintf(x); /* the default rounding: to nearest even */
    }
}
