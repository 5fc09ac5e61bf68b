#include "engine/audio/master.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/fade.h"
#include "engine/audio/leveller.h"
#include "engine/base/limits.h"

enum {
    CHUNK_FRAMES = TB_LEVELLED_CHUNK_FRAMES,
    HEAD_FRAMES = 2 * TB_LIMITER_WINDOW_FRAMES, /* more than the look-ahead over a loop's seam */
};

#define SILENCE 1e-5 /* -100 dBFS: below this there is nothing to bring up */

/* A mix in memory. It is levelled in place: the beginning, which a loop's end looks ahead to, is
 * kept as it was. */
typedef struct {
    float *pcm; /* [n_frames * 2], borrowed */
    int64_t n_head;
    float head[2 * HEAD_FRAMES];
} mix;

static tb_status read_mix(void *user, int64_t frame, int64_t n, float *out, tb_error *err)
{
    (void)err; /* memory does not fail */
    const mix *m = user;
    int64_t n_kept = m->n_head - frame;
    n_kept = n_kept < 0 ? 0 : n_kept > n ? n : n_kept;
    memcpy(out, m->head + 2 * frame * (n_kept > 0), sizeof *out * 2 * (size_t)n_kept);
    memcpy(out + 2 * n_kept, m->pcm + 2 * (frame + n_kept), sizeof *out * 2 * (size_t)(n - n_kept));
    return TIMBRE_OK;
}

static void keep_head(mix *m, int64_t n_frames)
{
    m->n_head = n_frames < HEAD_FRAMES ? n_frames : HEAD_FRAMES;
    memcpy(m->head, m->pcm, sizeof *m->head * 2 * (size_t)m->n_head);
}

static tb_status apply(const tb_sound *sound, float *pcm, const tb_level_plan *plan,
                       const tb_progress *progress, tb_error *err)
{
    tb_levelled levelled;
    tb_status st = tb_levelled_begin(&levelled, sound, plan, err);
    for (int n = 1; st == TIMBRE_OK && n > 0; pcm += 2 * n) {
        float chunk[2 * CHUNK_FRAMES];
        st = tb_progress_check(progress, err);
        if (st == TIMBRE_OK)
            st = tb_levelled_next(&levelled, chunk, &n, err);
        if (st == TIMBRE_OK)
            memcpy(pcm, chunk, sizeof *pcm * 2 * (size_t)n);
    }
    return st;
}

tb_status tb_master_run(float *pcm, int64_t n_frames, const tb_master_options *options,
                        const tb_progress *progress, tb_master_report *report, tb_error *err)
{
    mix m = {.pcm = pcm};
    const tb_sound sound = {.read = read_mix,
                            .user = &m,
                            .n_frames = n_frames,
                            .n_channels = 2,
                            .rate_hz = TB_SAMPLE_RATE_HZ,
                            .scale = 1,
                            .loop = options->loop};
    const tb_level_target target = {.lufs = options->target_lufs,
                                    .ceiling_dbtp = options->ceiling_dbtp};
    *report = (tb_master_report){0};
    float peak;
    tb_status st = tb_level_scan(&sound, SILENCE, progress, &peak, err);
    if (st != TIMBRE_OK)
        return st;
    if (!options->loop && options->fade_out_s > 0)
        tb_fade_out(pcm, n_frames, 2, (int64_t)(options->fade_out_s * TB_SAMPLE_RATE_HZ + 0.5));
    tb_level_plan plan;
    st = tb_level_find(&sound, &target, progress, &plan, err);
    keep_head(&m, n_frames);
    if (st == TIMBRE_OK)
        st = apply(&sound, pcm, &plan, progress, err);
    if (st == TIMBRE_OK)
        tb_progress_report(progress, 1);
    if (st == TIMBRE_OK)
        *report = (tb_master_report){.input_lufs = plan.input_lufs,
                                     .gain_db = plan.gain_db + plan.trim_db,
                                     .output_lufs = plan.output_lufs,
                                     .output_dbtp = plan.output_dbtp};
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
