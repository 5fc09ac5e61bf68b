/* What a take begins with: a picture, or a sound as a picture, on to latents for every clip. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/pipeline/mask_image.h"
#include "engine/pipeline/request.h"
#include "engine/pipeline/riffusion.h"
#include "engine/pipeline/seed_image.h"
#include "engine/spectrogram/resize.h"

/* A file that is called by its content has to have it. */
static tb_status check_content(const timbre_request *request, tb_field_id id, tb_error *err)
{
    char hex[TB_SHA256_HEX_BYTES];
    const char *name = tb_field_get(id)->name, *asked = timbre_request_text(request, name);
    const char *path = tb_request_input_path(request, id);
    if (path == NULL || !timbre_is_input_id(asked))
        return TIMBRE_OK;
    tb_status st = tb_sha256_file(path, hex, err);
    if (st == TIMBRE_OK && strcmp(hex, asked) != 0)
        st = tb_fail(err, TIMBRE_BAD_FILE,
                     "the file of %s has changed: %.12s... was asked for, "
                     "%.12s... is there",
                     name, asked, hex);
    return st;
}

/* To the size that the networks take, if it is another. */
static tb_status fit(tb_raster *raster, int width, int height, tb_error *err)
{
    tb_raster other;
    if (raster->width == width && raster->height == height)
        return TIMBRE_OK;
    tb_status st = tb_resize(raster, width, height, &other, err);
    if (st != TIMBRE_OK)
        return st;
    tb_raster_deinit(raster);
    *raster = other;
    return TIMBRE_OK;
}

static tb_status read_picture(const tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const tb_rework *rework = &w->rework;
    const tb_job *job = w->job;
    tb_progress quiet = {.cancel = job->stages->progress.cancel};
    tb_sound_picture spec = {.params = &r->vocode.params,
                             .kernels = job->kernels,
                             .pool = job->pool,
                             .progress = &quiet,
                             .n_columns = rework->n_columns,
                             .n_frames = rework->total_frames};
    tb_seed_place place = {r->path, r->soundfont, r->data_dir};
    switch (rework->init) {
    case TB_INIT_SOUND:
        return tb_sound_picture_read(&spec, rework->init_path, rework->start, &w->init, err);
    case TB_INIT_PICTURE:
        return tb_raster_read(rework->init_path, &w->init, err);
    default:
        spec.n_frames = (int64_t)rework->hop * (rework->n_columns - 1);
        return tb_seed_image_make(timbre_request_text(job->request, "init"), &place, &spec, job,
                                  &w->init, &w->ingredients, err);
    }
}

static tb_status read_mask(tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    const char *path = tb_request_input_path(request, TB_FIELD_MASK);
    tb_raster raster;
    if (!timbre_request_has(request, "mask"))
        return TIMBRE_OK;
    if (path == NULL)
        return tb_mask_image_draw(timbre_request_text(request, "mask"), &w->mask, err);
    tb_status st = tb_raster_read(path, &raster, err);
    if (st == TIMBRE_OK)
        st = tb_raster_to_grey(&raster, &w->mask, err);
    tb_raster_deinit(&raster);
    return st;
}

tb_status tb_riffusion_read_init(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    const timbre_request *request = w->job->request;
    if (w->rework.init == TB_INIT_NONE)
        return TIMBRE_OK;
    tb_status st = check_content(request, TB_FIELD_INIT, err);
    if (st == TIMBRE_OK)
        st = read_picture(r, w, err);
    if (st == TIMBRE_OK && w->rework.init != TB_INIT_SOUND)
        st = fit(&w->init,
                 w->init.width < TB_WIDTH_STEP ? TB_WIDTH_STEP
                                               : w->init.width / TB_WIDTH_STEP * TB_WIDTH_STEP,
                 w->size.height, err);
    if (st == TIMBRE_OK && w->init.width < w->rework.n_columns)
        st = tb_fail(err, TIMBRE_BAD_FILE, "the picture of init is %d pixels wide, less than %d",
                     w->init.width, w->rework.n_columns);
    if (st != TIMBRE_OK) {
        tb_error_name(err, "init");
        return st;
    }
    st = check_content(request, TB_FIELD_MASK, err);
    if (st == TIMBRE_OK)
        st = read_mask(w, err);
    if (st != TIMBRE_OK)
        tb_error_name(err, "mask");
    return st;
}

/* ---- to latents ---- */

typedef struct {
    const tb_riffusion *r;
    tb_riffusion_work *work;
    float *image;   /* [height*width, 3], -1..1 */
    float *moments; /* [h*w, 2 * n_channels] */
    float *noise;   /* [h*w, n_channels] of the autoencoder's sample; the same for all clips */
    float *scratch; /* [h*w * n_channels] */
} encoding;

static void forward(tb_nn *nn, void *user)
{
    encoding *e = user;
    tb_vae_encode(nn, e->r->vae_encoder, e->image, e->work->size.height, e->work->size.width,
                  e->moments);
}

/* The clip's columns: v / 255 * 2 - 1. */
static void fill_image(encoding *e, int clip)
{
    const tb_raster *init = &e->work->init;
    int column = tb_rework_column(&e->work->rework, clip), width = e->work->size.width;
    float *to = e->image;
    for (int y = 0; y < e->work->size.height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                size_t at = (size_t)y * (size_t)init->width + (size_t)(column + x);
                uint8_t v = init->pixels[init->n_channels == 3 ? 3 * at + (size_t)c : at];
                *to++ = 2 * ((float)v / 255.0F) - 1;
            }
}

static tb_status allocate(encoding *e, tb_error *err)
{
    tb_riffusion_work *w = e->work;
    size_t n = (size_t)w->size.n_latents;
    e->image = tb_floats_alloc((size_t)w->size.height * (size_t)w->size.width * 3);
    e->moments = tb_floats_alloc(2 * n);
    e->noise = tb_floats_alloc(n);
    e->scratch = tb_floats_alloc(n);
    w->init_latents = tb_floats_alloc(n * (size_t)w->rework.n_clips);
    return e->image != NULL && e->moments != NULL && e->noise != NULL && e->scratch != NULL &&
                   w->init_latents != NULL
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for what the take begins with");
}

static tb_status draw_noise(encoding *e, tb_error *err)
{
    const timbre_request *request = e->work->job->request;
    const tb_riffusion_size *size = &e->work->size;
    tb_noise noise;
    tb_status st = tb_noise_init(&noise, tb_riffusion_generator(request),
                                 (uint64_t)timbre_request_integer(request, "seed"), err);
    if (st == TIMBRE_OK)
        tb_noise_draw_latents(&noise, e->noise, e->scratch, size->n_channels, size->h, size->w);
    return st;
}

static tb_status encode_clip(encoding *e, tb_nn *nn, int clip, tb_error *err)
{
    tb_riffusion_work *w = e->work;
    tb_progress quiet = {.cancel = w->job->stages->progress.cancel};
    fill_image(e, clip);
    tb_status st = tb_nn_run(nn, forward, e, &quiet, err);
    if (st == TIMBRE_OK)
        tb_vae_sample(tb_model_vae_config(e->r->model), e->moments, e->noise, w->size.h, w->size.w,
                      w->init_latents + (size_t)clip * (size_t)w->size.n_latents);
    return st;
}

/* Clips that begin with the same picture share its latents. */
static tb_status encode_clips(encoding *e, tb_error *err)
{
    tb_riffusion_work *w = e->work;
    size_t n = (size_t)w->size.n_latents;
    tb_nn nn;
    tb_nn_init(&nn, w->job->kernels, w->job->pool);
    tb_status st = tb_nn_reserve(&nn, forward, e, err);
    for (int i = 0; st == TIMBRE_OK && i < w->rework.n_clips; i++) {
        if (i > 0 && w->rework.is_repeated)
            memcpy(w->init_latents + (size_t)i * n, w->init_latents, n * sizeof(float));
        else
            st = encode_clip(e, &nn, i, err);
        tb_progress_report(&w->job->stages->progress, (i + 1.0) / w->rework.n_clips);
    }
    tb_nn_deinit(&nn);
    return st;
}

tb_status tb_riffusion_encode_init(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    encoding e = {.r = r, .work = w};
    if (w->rework.init == TB_INIT_NONE)
        return TIMBRE_OK;
    tb_status st = tb_riffusion_hold_encoder(r, w->job, err);
    if (st == TIMBRE_OK)
        st = allocate(&e, err);
    if (st == TIMBRE_OK)
        st = draw_noise(&e, err);
    if (st == TIMBRE_OK)
        st = encode_clips(&e, err);
    tb_riffusion_let_go_encoder(r);
    free(e.image);
    free(e.moments);
    free(e.noise);
    free(e.scratch);
    return st;
}
