/* One take on its way: what is asked for made sure of before anything is loaded. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"

/* More work than none, unless none was asked for. */
static tb_status check_strength(const tb_riffusion *r, const tb_riffusion_work *w, int clip,
                                tb_error *err)
{
    int first = 0, end = 0;
    tb_status st = tb_riffusion_evaluations(r, w, clip, &first, &end, err);
    const char *field = timbre_request_has(w->job->request, "magic_mix") ? "mix_to" : "strength";
    double value = tb_rework_between(w->job->request, &w->rework, clip, field, "strength_b");
    if (st != TIMBRE_OK || first < end || value == 0)
        return st;
    st = tb_fail(err, TIMBRE_BAD_INPUT, "%s %g of %lld steps is not one step", field, value,
                 (long long)timbre_request_integer(w->job->request, "steps"));
    tb_fix(err, "ask for more --steps, or a greater --%s", field[0] == 'm' ? "mix-to" : field);
    return st;
}

/* A range that no picture of the take has anything of. */
static tb_status check_masks(const tb_riffusion *r, const tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    tb_riffusion_mask mask;
    if (!w->rework.has_mask)
        return TIMBRE_OK;
    tb_riffusion_mask_init(&mask, r, w, 0);
    const char *field = mask.left >= mask.right ? "repaint" : "repaint_band";
    if (mask.left < mask.right && mask.top < mask.bottom)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%s' is nothing of %.4g s from %d to %d Hz", field,
                   timbre_request_text(request, field),
                   (double)w->rework.total_frames / TB_SAMPLE_RATE_HZ,
                   r->vocode.params.min_frequency_hz, r->vocode.params.max_frequency_hz);
}

static tb_status check(const tb_riffusion *r, const tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    tb_status st = tb_riffusion_check_clip_skip(r, request, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_check_sampler(r, request, err);
    for (int i = 0; st == TIMBRE_OK && i < w->rework.n_clips; i++)
        st = check_strength(r, w, i, err);
    return st == TIMBRE_OK ? check_masks(r, w, err) : st;
}

tb_status tb_riffusion_begin(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    w->has_guidance = timbre_request_number(request, "cfg_scale") > 1 || /* as diffusers */
                      timbre_request_number(request, "cfg_scale_b") > 1;
    tb_status st = tb_riffusion_open(r, tb_request_model_path(request),
                                     tb_request_model_tokenizer(request), err);
    if (st == TIMBRE_OK)
        st = tb_rework_plan(request, &r->vocode.params, &w->rework, err);
    if (st == TIMBRE_OK)
        st = tb_riffusion_size_of(r, w->rework.width, &w->size, err);
    w->size.n_frames = w->rework.total_frames;
    return st == TIMBRE_OK ? check(r, w, err) : st;
}

void tb_riffusion_work_deinit(tb_riffusion_work *w)
{
    tb_prompt_deinit(&w->prompt);
    tb_prompt_deinit(&w->prompt_b);
    tb_prompt_deinit(&w->negative);
    tb_raster_deinit(&w->init);
    tb_raster_deinit(&w->mask);
    json_decref(w->ingredients);
    free(w->init_latents);
    free(w->latents);
    free(w->rgb);
    free(w->samples);
    *w = (tb_riffusion_work){0};
}
