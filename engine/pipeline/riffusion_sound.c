/* Pictures to sound: each clip through the vocoder, then all joined. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/join.h"
#include "engine/base/limits.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"

typedef struct {
    const tb_riffusion_work *work;
    tb_vocode vocode;
    uint8_t *red; /* [height*width]: Riffusion takes this channel of the three */
    int clip;
} voicing;

static void report_fraction(double fraction, void *user)
{
    const voicing *v = user;
    tb_progress_report(&v->work->job->stages->progress,
                       (v->clip + fraction) / v->work->rework.n_clips);
}

/* One clip into samples[n_vocoded]. */
static tb_status vocode_clip(voicing *v, float *samples, tb_error *err)
{
    const tb_riffusion_work *w = v->work;
    size_t n = (size_t)w->size.height * (size_t)w->size.width;
    const uint8_t *rgb = w->rgb + (size_t)v->clip * n * 3;
    tb_progress progress = {report_fraction, v, w->job->stages->progress.cancel};
    for (size_t i = 0; i < n; i++)
        v->red[i] = rgb[3 * i];
    return tb_vocode_pixels(&v->vocode, v->red, w->job->kernels, w->job->pool, &progress, samples,
                            err);
}

/* The clips one behind the other, each only as long as it is to be; from one factor for all to 16
 * bits, so that none is louder than it was painted. */
static void quantize(const float *samples, int64_t n, int16_t *out)
{
    float peak = 0;
    for (int64_t i = 0; i < n; i++)
        peak = fmaxf(peak, fabsf(samples[i]));
    float scale = peak > 0 ? INT16_MAX / peak : 0;
    for (int64_t i = 0; i < n; i++)
        out[i] = (int16_t)lrintf(samples[i] * scale);
}

/* samples: the clips behind each other. Leaves the joined sound at their beginning. */
static tb_status join_clips(const tb_riffusion_work *w, float *samples, int64_t n_all,
                            tb_error *err)
{
    const char *name = timbre_request_text(w->job->request, "join");
    tb_join join = strcmp(name, "riffusion") == 0 ? TB_JOIN_RIFFUSION : TB_JOIN_CLEAN;
    int16_t *clips = n_all > 0 ? malloc(2 * (size_t)n_all * sizeof *clips) : NULL;
    if (clips == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory to join %d clips", w->rework.n_clips);
    int16_t *joined = clips + n_all;
    const int16_t *clip = clips;
    int64_t n = 0;
    quantize(samples, n_all, clips);
    for (int i = 0; i < w->rework.n_clips; i++) {
        int64_t n_frames = tb_rework_frames(&w->rework, i);
        int64_t overlap = i == 0 ? 0 : w->rework.overlap < n_frames ? w->rework.overlap : n_frames;
        n = tb_join_append(join, joined, n, clip, n_frames, 1, TB_SAMPLE_RATE_HZ, overlap);
        clip += n_frames;
    }
    for (int64_t i = 0; i < n; i++)
        samples[i] = joined[i];
    free(clips);
    return TIMBRE_OK;
}

/* All clips into w->samples, and how many frames they are before they are joined. */
static tb_status vocode_clips(voicing *v, tb_riffusion_work *w, int64_t *n_all, tb_error *err)
{
    float *one = w->samples; /* of a single clip all is taken */
    tb_status st = TIMBRE_OK;
    if (w->rework.n_clips > 1 && (one = tb_floats_alloc((size_t)w->size.n_vocoded)) == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a clip");
    for (; st == TIMBRE_OK && v->clip < w->rework.n_clips; v->clip++) {
        st = vocode_clip(v, one, err);
        if (st != TIMBRE_OK || w->rework.n_clips == 1)
            continue;
        int64_t lead = (int64_t)tb_rework_lead(&w->rework, v->clip) * w->rework.hop;
        int64_t n = tb_rework_frames(&w->rework, v->clip);
        memcpy(w->samples + *n_all, one + lead, (size_t)n * sizeof *one);
        *n_all += n;
    }
    if (one != w->samples)
        free(one);
    return st;
}

/* Frames of all clips before they are joined; of one, all that its picture gives. */
static int64_t count_frames(const tb_riffusion_work *w)
{
    int64_t n = 0;
    for (int i = 0; i < w->rework.n_clips; i++)
        n += tb_rework_frames(&w->rework, i);
    return w->rework.n_clips == 1 ? w->size.n_vocoded : n;
}

tb_status tb_riffusion_vocode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const tb_riffusion_size *size = &w->size;
    voicing v = {.work = w, .red = malloc((size_t)size->height * (size_t)size->width)};
    int64_t n_all = 0;
    r->vocode.seed = (uint64_t)timbre_request_integer(w->job->request, "seed");
    w->n_samples = count_frames(w);
    w->samples = tb_floats_alloc((size_t)w->n_samples);
    tb_status st = tb_vocode_init(&v.vocode, &r->vocode, size->width, 1, err);
    if (st == TIMBRE_OK && (v.red == NULL || w->samples == NULL))
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %lld samples of sound",
                     (long long)w->n_samples);
    if (st == TIMBRE_OK)
        st = vocode_clips(&v, w, &n_all, err);
    if (st == TIMBRE_OK && w->rework.n_clips > 1) {
        st = join_clips(w, w->samples, n_all, err);
        w->n_samples = w->rework.total_frames;
    }
    tb_vocode_deinit(&v.vocode);
    free(v.red);
    return st;
}
