/* Latents to the picture, and the picture as a file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/pipeline/riffusion.h"
#include "engine/spectrogram/image_file.h"

typedef struct {
    const tb_riffusion *r;
    const tb_riffusion_work *work;
    const float *latents; /* of the clip at work */
    float *image;         /* [height*width, 3] */
    int clip;
} decoding;

static void forward(tb_nn *nn, void *user)
{
    decoding *d = user;
    tb_vae_decode(nn, d->r->vae, d->latents, d->work->size.h, d->work->size.w, d->image);
}

static void report_fraction(double fraction, void *user)
{
    const decoding *d = user;
    tb_progress_report(&d->work->job->stages->progress,
                       (d->clip + fraction) / d->work->rework.n_clips);
}

static tb_status run(decoding *d, tb_nn *nn, uint8_t *rgb, tb_error *err)
{
    const tb_riffusion_work *w = d->work;
    size_t n = (size_t)w->size.height * (size_t)w->size.width * 3;
    tb_progress progress = {
        .fn = report_fraction, .user = d, .cancel = w->job->stages->progress.cancel};
    d->latents = w->latents + (size_t)d->clip * (size_t)w->size.n_latents;
    tb_status st = tb_nn_run(nn, forward, d, &progress, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        if (!isfinite(d->image[i]))
            st = tb_fail(err, TIMBRE_FAILED, "the model's decoder gave values that are no numbers");
    if (st == TIMBRE_OK)
        tb_vae_to_pixels(d->image, (int64_t)n, rgb);
    return st;
}

/* What is kept is kept to the pixel. (riffuse() leaves it as it comes out of the decoder.) */
static void paste(const tb_riffusion *r, const tb_riffusion_work *w, int clip, uint8_t *rgb)
{
    tb_riffusion_mask mask;
    if (!w->rework.has_mask || w->rework.is_blend)
        return;
    tb_riffusion_mask_init(&mask, r, w, clip);
    tb_riffusion_mask_paste(&mask, rgb);
}

static tb_status run_clips(decoding *d, tb_riffusion_work *w, tb_error *err)
{
    size_t n = (size_t)w->size.height * (size_t)w->size.width * 3;
    tb_nn nn;
    tb_nn_init(&nn, w->job->kernels, w->job->pool);
    d->latents = w->latents;
    tb_status st = tb_nn_reserve(&nn, forward, d, err);
    for (; st == TIMBRE_OK && d->clip < w->rework.n_clips; d->clip++) {
        uint8_t *rgb = w->rgb + (size_t)d->clip * n;
        st = run(d, &nn, rgb, err);
        if (st == TIMBRE_OK)
            paste(d->r, w, d->clip, rgb);
    }
    tb_nn_deinit(&nn);
    return st;
}

tb_status tb_riffusion_decode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    size_t n = (size_t)w->size.height * (size_t)w->size.width * 3;
    decoding d = {.r = r, .work = w, .image = tb_floats_alloc(n)};
    w->rgb = malloc(n * (size_t)w->rework.n_clips);
    tb_status st = TIMBRE_OK;
    if (d.image == NULL || w->rgb == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d pictures of %dx%d pixels",
                     w->rework.n_clips, w->size.width, w->size.height);
    if (st == TIMBRE_OK)
        st = tb_riffusion_hold(r, w->job, TB_NETWORK_VAE,
                               &(tb_progress){.cancel = w->job->stages->progress.cancel}, err);
    if (st == TIMBRE_OK)
        st = run_clips(&d, w, err);
    tb_riffusion_pass(r, w, TB_NETWORK_VAE);
    free(d.image);
    return st;
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    tb_str *out = user;
    tb_str_append_bytes(out, data, len_bytes);
    return out->failed ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture") : TIMBRE_OK;
}

/* Row y of all clips side by side, each with its share. */
static void gather_row(const tb_riffusion_work *w, int y, uint8_t *row)
{
    const tb_riffusion_size *size = &w->size;
    for (int i = 0; i < w->rework.n_clips; i++) {
        size_t n = (size_t)tb_rework_share(&w->rework, i) * 3;
        size_t from = ((size_t)i * (size_t)size->height + (size_t)y) * (size_t)size->width +
                      (size_t)tb_rework_lead(&w->rework, i);
        memcpy(row, w->rgb + from * 3, n);
        row += n;
    }
}

static tb_status write_png(const tb_riffusion *r, const tb_riffusion_work *w, int width,
                           uint8_t *row, tb_str *out, tb_error *err)
{
    unsigned char exif[TB_EXIF_BYTES];
    tb_image_writer *writer = NULL;
    tb_exif_format(&r->vocode.params, (double)TB_VOCODE_MAX_VALUE, exif);
    tb_image_spec spec = {.width = width, .height = w->size.height, .exif = exif};
    tb_status st = tb_image_writer_new(&spec, append, out, &writer, err);
    for (int y = 0; st == TIMBRE_OK && y < w->size.height; y++) {
        gather_row(w, y, row);
        st = tb_image_write_row(writer, row, err);
    }
    if (st == TIMBRE_OK)
        st = tb_image_writer_finish(writer, err);
    tb_image_writer_free(writer);
    return st;
}

tb_status tb_riffusion_format_png(const tb_riffusion *r, const tb_riffusion_work *w,
                                  unsigned char **bytes, size_t *len_bytes, tb_error *err)
{
    tb_str out = {0};
    int width = 0;
    for (int i = 0; i < w->rework.n_clips; i++)
        width += tb_rework_share(&w->rework, i);
    uint8_t *row = width > 0 ? malloc((size_t)width * 3) : NULL;
    tb_status st = row != NULL ? write_png(r, w, width, row, &out, err)
                               : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture");
    if (st == TIMBRE_OK) {
        *len_bytes = out.len;
        *bytes = (unsigned char *)tb_str_take(&out);
    }
    tb_str_deinit(&out);
    free(row);
    return st;
}
