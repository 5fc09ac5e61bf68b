/* From noise to latents: sampler, UNet, guidance, and a look at what is coming. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/diffusion/guidance.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"

typedef struct {
    tb_riffusion *r;
    tb_riffusion_work *work;
    tb_sampler *sampler;
    tb_noise noise;
    tb_nn nn;
    tb_unet_input input;
    float *x;        /* [n_latents]: the clip at work, in the work's latents */
    float *scratch;  /* [n_latents] */
    float *drawn;    /* [n_latents]: the noise that the clip began with */
    float *keep;     /* [h*w]: how much of each place is kept; NULL: nothing */
    float *in, *out; /* [batch, n_latents]: what the model sees and says */
    uint8_t *preview;
    int batch;
    int clip;
    int i_evaluation;    /* of the sampler */
    int i_done, n_total; /* evaluations of all clips */
    int mix_end;         /* evaluation that the mix ends before; 0: no mix */
    float cfg_scale;
} denoising;

static void forward(tb_nn *nn, void *user)
{
    denoising *d = user;
    tb_unet_forward(nn, d->r->unet, &d->input, d->out);
}

static void report_fraction(double fraction, void *user)
{
    const denoising *d = user;
    tb_progress_report(&d->work->job->stages->progress, (d->i_done + fraction) / d->n_total);
}

static tb_status allocate(denoising *d, tb_error *err)
{
    tb_riffusion_work *w = d->work;
    size_t n = (size_t)w->size.n_latents, n_places = (size_t)w->size.h * (size_t)w->size.w;
    w->latents = tb_floats_alloc(n * (size_t)w->rework.n_clips);
    d->scratch = tb_floats_alloc(n);
    d->drawn = tb_floats_alloc(n);
    d->in = tb_floats_alloc(n * (size_t)d->batch);
    d->out = tb_floats_alloc(n * (size_t)d->batch);
    d->preview = malloc(n_places);
    if (w->rework.has_mask)
        d->keep = tb_floats_alloc(n_places);
    if (w->latents != NULL && d->scratch != NULL && d->drawn != NULL && d->in != NULL &&
        d->out != NULL && d->preview != NULL && (d->keep != NULL || !w->rework.has_mask))
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for latents of %dx%d", w->size.w, w->size.h);
}

static void deinit(denoising *d)
{
    tb_sampler_free(d->sampler);
    tb_nn_deinit(&d->nn);
    free(d->scratch);
    free(d->drawn);
    free(d->keep);
    free(d->in);
    free(d->out);
    free(d->preview);
}

tb_generator tb_riffusion_generator(const timbre_request *request)
{
    bool is_cuda = strcmp(timbre_request_text(request, "generator"), "torch-cuda") == 0;
    return is_cuda ? TB_GENERATOR_TORCH_CUDA : TB_GENERATOR_TORCH_CPU;
}

static tb_spacing find_spacing(const char *name)
{
    static const struct {
        const char *name;
        tb_spacing spacing;
    } rows[] = {{"leading", TB_SPACING_LEADING},
                {"linspace", TB_SPACING_LINSPACE},
                {"trailing", TB_SPACING_TRAILING}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].spacing;
    return TB_SPACING_DEFAULT;
}

static tb_status new_sampler(const tb_riffusion *r, const timbre_request *request, int64_t n,
                             tb_sampler **out, tb_error *err)
{
    tb_status st = tb_sampler_new(timbre_request_text(request, "scheduler"), &r->schedule,
                                  (int)timbre_request_integer(request, "steps"),
                                  find_spacing(timbre_request_text(request, "timestep_spacing")), n,
                                  out, err);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "ask for another number of --steps, or another --scheduler such as euler");
    return st;
}

tb_status tb_riffusion_check_sampler(const tb_riffusion *r, const timbre_request *request,
                                     tb_error *err)
{
    tb_sampler *sampler = NULL;
    tb_status st = new_sampler(r, request, 1, &sampler, err);
    tb_sampler_free(sampler);
    return st;
}

/* ---- where a clip begins ---- */

/* Steps that are left out at the beginning of an image-to-image run of `strength`: diffusers' since
 * 0.11; a blend with pndm cuts the list of n + 1 as riffuse() does, which differs at 1 alone. */
static int skipped_steps(const timbre_request *request, bool is_riffuse, double strength)
{
    int n = (int)timbre_request_integer(request, "steps");
    int done = (int)(n * strength);
    if (!is_riffuse)
        return n - (done < n ? done : n);
    return n + 1 - (done + 1 < n ? done + 1 : n);
}

/* Magic Mix begins behind the noise level of mix_to. */
static int mixed_steps(const timbre_request *request, const char *field)
{
    int n = (int)timbre_request_integer(request, "steps");
    return n - (int)(timbre_request_number(request, field) * n);
}

static int first_evaluation(const tb_sampler *sampler, const tb_riffusion_work *w, int clip)
{
    const timbre_request *request = w->job->request;
    bool is_riffuse = w->rework.is_blend &&
                      strcmp(timbre_request_text(request, "scheduler"), "pndm") == 0;
    if (w->rework.init == TB_INIT_NONE)
        return 0;
    int n = timbre_request_has(request, "magic_mix")
                ? mixed_steps(request, "mix_to") + 1
                : skipped_steps(
                      request, is_riffuse,
                      tb_rework_between(request, &w->rework, clip, "strength", "strength_b"));
    int first = n * tb_sampler_n_per_step(sampler), end = tb_sampler_n_evaluations(sampler);
    return first < end ? first : end;
}

tb_status tb_riffusion_evaluations(const tb_riffusion *r, const tb_riffusion_work *w, int i,
                                   int *first, int *end, tb_error *err)
{
    tb_sampler *sampler = NULL;
    tb_status st = new_sampler(r, w->job->request, 1, &sampler, err);
    if (st == TIMBRE_OK) {
        *first = first_evaluation(sampler, w, i);
        *end = tb_sampler_n_evaluations(sampler);
    }
    tb_sampler_free(sampler);
    return st;
}

static tb_status make_sampler(denoising *d, tb_error *err)
{
    tb_sampler_free(d->sampler);
    d->sampler = NULL;
    tb_status st = new_sampler(d->r, d->work->job->request, d->work->size.n_latents, &d->sampler,
                               err);
    if (st != TIMBRE_OK)
        return st;
    d->i_evaluation = first_evaluation(d->sampler, d->work, d->clip);
    tb_sampler_begin(d->sampler, d->i_evaluation);
    return TIMBRE_OK;
}

static tb_status draw(tb_noise *noise, const denoising *d, const char *seed, float *out,
                      tb_error *err)
{
    const timbre_request *request = d->work->job->request;
    const tb_riffusion_size *size = &d->work->size;
    tb_status st = tb_noise_init(noise, tb_riffusion_generator(request),
                                 (uint64_t)timbre_request_integer(request, seed), err);
    if (st == TIMBRE_OK)
        tb_noise_draw_latents(noise, out, d->scratch, size->n_channels, size->h, size->w);
    return st;
}

/* On the way from the noise that is there to that of another seed. */
static tb_status turn_noise(denoising *d, double alpha, const char *seed, tb_error *err)
{
    tb_noise noise;
    tb_status st = draw(&noise, d, seed, d->out, err);
    if (st == TIMBRE_OK)
        tb_noise_slerp(alpha, d->drawn, d->out, d->work->size.n_latents, d->drawn);
    return st;
}

/* The noise of a clip. Image-to-image has the autoencoder's sample before it from the same
 * generator; riffuse() and Magic Mix have generators of their own. */
static tb_status draw_noise(denoising *d, tb_error *err)
{
    const tb_rework *rework = &d->work->rework;
    const timbre_request *request = d->work->job->request;
    const tb_riffusion_size *size = &d->work->size;
    bool is_second = rework->init != TB_INIT_NONE && !rework->is_blend &&
                     !timbre_request_has(request, "magic_mix");
    tb_status st = draw(&d->noise, d, "seed", d->drawn, err);
    if (st == TIMBRE_OK && is_second)
        tb_noise_draw_latents(&d->noise, d->drawn, d->scratch, size->n_channels, size->h, size->w);
    if (st == TIMBRE_OK && timbre_request_has(request, "seed_b"))
        st = turn_noise(d, tb_rework_alpha(request, rework, d->clip), "seed_b", err);
    if (st == TIMBRE_OK && timbre_request_has(request, "variation"))
        st = turn_noise(d, timbre_request_number(request, "variation"), "variation_seed", err);
    return st;
}

static const float *init_of(const denoising *d)
{
    return d->work->init_latents + (size_t)d->clip * (size_t)d->work->size.n_latents;
}

static tb_status draw_start(denoising *d, tb_error *err)
{
    int64_t n = d->work->size.n_latents;
    tb_status st = draw_noise(d, err);
    if (st != TIMBRE_OK)
        return st;
    if (d->work->init_latents == NULL) {
        float sigma = tb_sampler_initial_sigma(d->sampler);
        for (int64_t i = 0; i < n; i++)
            d->x[i] = d->drawn[i] * sigma;
        return TIMBRE_OK;
    }
    bool has_mix = d->mix_end > 0; /* the level is that of the step before */
    int level = d->i_evaluation - (has_mix ? tb_sampler_n_per_step(d->sampler) : 0);
    if (d->i_evaluation < tb_sampler_n_evaluations(d->sampler))
        tb_sampler_add_noise(d->sampler, level, init_of(d), d->drawn, d->x);
    else
        memcpy(d->x, init_of(d), (size_t)n * sizeof *d->x);
    return TIMBRE_OK;
}

static tb_status reserve(denoising *d, tb_error *err)
{
    const tb_job *job = d->work->job;
    tb_nn_init(&d->nn, job->kernels, job->pool);
    d->input = (tb_unet_input){.latents = d->in,
                               .h = d->work->size.h,
                               .w = d->work->size.w,
                               .context = d->r->conditioning.context};
    return tb_nn_reserve(&d->nn, forward, d, err);
}

static tb_status check_finite(const denoising *d, tb_error *err)
{
    for (int64_t i = 0; i < d->work->size.n_latents; i++)
        if (!isfinite(d->x[i]))
            return tb_fail(err, TIMBRE_FAILED,
                           "the model gave values that are no numbers in evaluation %d of %d",
                           d->i_done + 1, d->n_total);
    return TIMBRE_OK;
}

static tb_status show_preview(denoising *d, tb_error *err)
{
    const tb_job *job = d->work->job;
    const tb_riffusion_size *size = &d->work->size;
    if (job->preview == NULL)
        return TIMBRE_OK;
    tb_status st = TIMBRE_OK;
    if (d->r->preview.n_channels == 0)
        st = tb_latent_preview_fit(&d->r->preview, d->r->vae, tb_model_vae_config(d->r->model),
                                   job->kernels, job->pool, &job->stages->progress, err);
    if (st == TIMBRE_CANCELLED)
        return st;
    if (st != TIMBRE_OK) { /* a look is not worth the take */
        tb_logger_write(job->log, TIMBRE_LOG_WARNING, "there is no memory for a preview");
        return TIMBRE_OK;
    }
    tb_latent_preview_draw(&d->r->preview, tb_sampler_estimate(d->sampler),
                           (int64_t)size->h * size->w, d->preview);
    timbre_preview_image image = {.struct_size = sizeof image,
                                  .width = size->w,
                                  .height = size->h,
                                  .pixels = d->preview,
                                  .i_step = d->i_done + 1,
                                  .n_steps = d->n_total};
    job->preview(&image, job->preview_user);
    return TIMBRE_OK;
}

/* What the model is shown: of Magic Mix, a part of what was begun with, at the same noise. */
static const float *mix_in(denoising *d)
{
    if (d->i_evaluation >= d->mix_end)
        return d->x;
    float mix = (float)timbre_request_number(d->work->job->request, "magic_mix");
    tb_sampler_add_noise(d->sampler, d->i_evaluation, init_of(d), d->drawn, d->scratch);
    for (int64_t i = 0; i < d->work->size.n_latents; i++)
        d->scratch[i] = mix * d->x[i] + (1 - mix) * d->scratch[i];
    return d->scratch;
}

/* What is kept gets the noise of the timestep that was just done, as in riffuse(). */
static void keep_places(denoising *d)
{
    const tb_riffusion_size *size = &d->work->size;
    if (d->keep == NULL)
        return;
    tb_sampler_add_noise(d->sampler, d->i_evaluation, init_of(d), d->drawn, d->scratch);
    for (int64_t i = 0; i < size->n_latents; i++) {
        float keep = d->keep[i / size->n_channels];
        d->x[i] = d->scratch[i] * keep + d->x[i] * (1 - keep);
    }
}

/* Both sides of the batch to one; without guidance at this clip the prompt's side alone. */
static void guide(denoising *d)
{
    int64_t n = d->work->size.n_latents;
    if (d->batch == 1)
        return;
    if (d->cfg_scale > 1)
        tb_guide(d->out, d->out, d->out + n, d->cfg_scale, n);
    else
        memcpy(d->out, d->out + n, (size_t)n * sizeof *d->out);
}

static tb_status evaluate(denoising *d, tb_error *err)
{
    const tb_riffusion_size *size = &d->work->size;
    tb_progress progress = {
        .fn = report_fraction, .user = d, .cancel = d->work->job->stages->progress.cancel};
    tb_sampler_scale(d->sampler, d->i_evaluation, mix_in(d), d->in);
    if (d->batch == 2)
        memcpy(d->in + size->n_latents, d->in, (size_t)size->n_latents * sizeof *d->in);
    d->input.timestep = tb_sampler_timestep(d->sampler, d->i_evaluation);
    tb_status st = tb_nn_run(&d->nn, forward, d, &progress, err);
    if (st != TIMBRE_OK)
        return st;
    guide(d);
    tb_sampler_noise noise = {&d->noise, size->n_channels, size->h, size->w};
    tb_sampler_step(d->sampler, d->i_evaluation, d->out, d->x, &noise);
    keep_places(d);
    st = check_finite(d, err);
    return st == TIMBRE_OK ? show_preview(d, err) : st;
}

/* The UNet, and the decoder where a preview is still to be learnt from it: both are there already
 * unless memory is short. */
static tb_status hold_networks(tb_riffusion *r, const tb_riffusion_work *w, tb_error *err)
{
    tb_progress quiet = {.cancel = w->job->stages->progress.cancel};
    tb_status st = tb_riffusion_hold(r, w->job, TB_NETWORK_UNET, &quiet, err);
    if (st == TIMBRE_OK && w->job->preview != NULL && r->preview.n_channels == 0)
        st = tb_riffusion_hold(r, w->job, TB_NETWORK_VAE, &quiet, err);
    return st;
}

static tb_status count_evaluations(denoising *d, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < d->work->rework.n_clips; i++) {
        int first = 0, end = 0;
        st = tb_riffusion_evaluations(d->r, d->work, i, &first, &end, err);
        d->n_total += end - first;
    }
    return st;
}

static void begin_mask(denoising *d)
{
    tb_riffusion_mask mask;
    if (d->keep == NULL)
        return;
    tb_riffusion_mask_init(&mask, d->r, d->work, d->clip);
    tb_riffusion_mask_latents(&mask, d->keep);
}

static tb_status run_clip(denoising *d, tb_error *err)
{
    tb_riffusion_work *w = d->work;
    const timbre_request *request = w->job->request;
    d->x = w->latents + (size_t)d->clip * (size_t)w->size.n_latents;
    d->cfg_scale = (float)tb_rework_between(request, &w->rework, d->clip, "cfg_scale",
                                            "cfg_scale_b");
    tb_status st = tb_riffusion_blend_texts(d->r, w, d->clip, err);
    if (st == TIMBRE_OK)
        st = make_sampler(d, err);
    if (st == TIMBRE_OK && timbre_request_has(request, "magic_mix"))
        d->mix_end = mixed_steps(request, "mix_from") * tb_sampler_n_per_step(d->sampler);
    if (st == TIMBRE_OK)
        st = draw_start(d, err);
    if (st == TIMBRE_OK && d->clip == 0)
        st = reserve(d, err);
    d->input.context = d->r->conditioning.context;
    begin_mask(d);
    int n = st == TIMBRE_OK ? tb_sampler_n_evaluations(d->sampler) : 0;
    for (; st == TIMBRE_OK && d->i_evaluation < n; d->i_evaluation++, d->i_done++)
        st = evaluate(d, err);
    return st;
}

tb_status tb_riffusion_denoise(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    denoising d = {.r = r, .work = w, .batch = w->has_guidance ? 2 : 1};
    tb_status st = hold_networks(r, w, err);
    if (st == TIMBRE_OK)
        st = count_evaluations(&d, err);
    if (st == TIMBRE_OK)
        st = allocate(&d, err);
    for (; st == TIMBRE_OK && d.clip < w->rework.n_clips; d.clip++)
        st = run_clip(&d, err);
    deinit(&d);
    tb_riffusion_pass(r, w, TB_NETWORK_UNET);
    return st;
}
