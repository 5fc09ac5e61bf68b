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
    float *scratch;  /* [n_latents] */
    float *in, *out; /* [batch, n_latents]: what the model sees and says */
    uint8_t *preview;
    int batch;
    int i_evaluation, n_evaluations;
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
    tb_progress_report(&d->work->job->stages->progress,
                       (d->i_evaluation + fraction) / d->n_evaluations);
}

static tb_status allocate(denoising *d, tb_error *err)
{
    size_t n = (size_t)d->work->size.n_latents;
    d->work->latents = tb_floats_alloc(n);
    d->scratch = tb_floats_alloc(n);
    d->in = tb_floats_alloc(n * (size_t)d->batch);
    d->out = tb_floats_alloc(n * (size_t)d->batch);
    d->preview = malloc((size_t)d->work->size.h * (size_t)d->work->size.w);
    if (d->work->latents != NULL && d->scratch != NULL && d->in != NULL && d->out != NULL &&
        d->preview != NULL)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for latents of %dx%d", d->work->size.w,
                   d->work->size.h);
}

static void deinit(denoising *d)
{
    tb_sampler_free(d->sampler);
    tb_nn_deinit(&d->nn);
    free(d->scratch);
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

static tb_status make_sampler(denoising *d, tb_error *err)
{
    tb_status st = new_sampler(d->r, d->work->job->request, d->work->size.n_latents, &d->sampler,
                               err);
    if (st == TIMBRE_OK)
        d->n_evaluations = tb_sampler_n_evaluations(d->sampler);
    return st;
}

static tb_status draw_start(denoising *d, tb_error *err)
{
    const timbre_request *request = d->work->job->request;
    const tb_riffusion_size *size = &d->work->size;
    tb_status st = tb_noise_init(&d->noise, tb_riffusion_generator(request),
                                 (uint64_t)timbre_request_integer(request, "seed"), err);
    if (st != TIMBRE_OK)
        return st;
    tb_noise_draw_latents(&d->noise, d->work->latents, d->scratch, size->n_channels, size->h,
                          size->w);
    float sigma = tb_sampler_initial_sigma(d->sampler);
    for (int64_t i = 0; i < size->n_latents; i++)
        d->work->latents[i] *= sigma;
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
        if (!isfinite(d->work->latents[i]))
            return tb_fail(err, TIMBRE_FAILED,
                           "the model gave values that are no numbers in evaluation %d of %d",
                           d->i_evaluation + 1, d->n_evaluations);
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
                                  .i_step = d->i_evaluation + 1,
                                  .n_steps = d->n_evaluations};
    job->preview(&image, job->preview_user);
    return TIMBRE_OK;
}

static tb_status evaluate(denoising *d, tb_error *err)
{
    const tb_riffusion_size *size = &d->work->size;
    float *x = d->work->latents;
    tb_progress progress = {
        .fn = report_fraction, .user = d, .cancel = d->work->job->stages->progress.cancel};
    tb_sampler_scale(d->sampler, d->i_evaluation, x, d->in);
    if (d->batch == 2)
        memcpy(d->in + size->n_latents, d->in, (size_t)size->n_latents * sizeof *d->in);
    d->input.timestep = tb_sampler_timestep(d->sampler, d->i_evaluation);
    tb_status st = tb_nn_run(&d->nn, forward, d, &progress, err);
    if (st != TIMBRE_OK)
        return st;
    if (d->batch == 2)
        tb_guide(d->out, d->out, d->out + size->n_latents, d->cfg_scale, size->n_latents);
    tb_sampler_noise noise = {&d->noise, size->n_channels, size->h, size->w};
    tb_sampler_step(d->sampler, d->i_evaluation, d->out, x, &noise);
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

tb_status tb_riffusion_denoise(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    denoising d = {.r = r,
                   .work = w,
                   .batch = w->has_guidance ? 2 : 1,
                   .cfg_scale = (float)timbre_request_number(w->job->request, "cfg_scale")};
    tb_status st = hold_networks(r, w, err);
    if (st == TIMBRE_OK)
        st = make_sampler(&d, err);
    if (st == TIMBRE_OK)
        st = allocate(&d, err);
    if (st == TIMBRE_OK)
        st = draw_start(&d, err);
    if (st == TIMBRE_OK)
        st = reserve(&d, err);
    for (; st == TIMBRE_OK && d.i_evaluation < d.n_evaluations; d.i_evaluation++)
        st = evaluate(&d, err);
    deinit(&d);
    tb_riffusion_pass(r, w, TB_NETWORK_UNET);
    return st;
}
