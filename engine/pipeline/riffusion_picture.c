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
    float *image; /* [height*width, 3] */
} decoding;

static void forward(tb_nn *nn, void *user)
{
    decoding *d = user;
    tb_vae_decode(nn, d->r->vae, d->work->latents, d->work->size.h, d->work->size.w, d->image);
}

static tb_status run(decoding *d, tb_riffusion_work *w, tb_error *err)
{
    tb_nn nn;
    tb_nn_init(&nn, w->job->kernels, w->job->pool);
    tb_status st = tb_nn_reserve(&nn, forward, d, err);
    if (st == TIMBRE_OK)
        st = tb_nn_run(&nn, forward, d, &w->job->stages->progress, err);
    tb_nn_deinit(&nn);
    return st;
}

tb_status tb_riffusion_decode(tb_riffusion *r, tb_riffusion_work *w, tb_error *err)
{
    size_t n = (size_t)w->size.height * (size_t)w->size.width * 3;
    decoding d = {.r = r, .work = w, .image = tb_floats_alloc(n)};
    w->rgb = malloc(n);
    tb_status st = TIMBRE_OK;
    if (d.image == NULL || w->rgb == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture of %dx%d pixels",
                     w->size.width, w->size.height);
    if (st == TIMBRE_OK)
        st = tb_riffusion_hold(r, w->job, TB_NETWORK_VAE,
                               &(tb_progress){.cancel = w->job->stages->progress.cancel}, err);
    if (st == TIMBRE_OK)
        st = run(&d, w, err);
    tb_riffusion_pass(r, w, TB_NETWORK_VAE);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        if (!isfinite(d.image[i]))
            st = tb_fail(err, TIMBRE_FAILED, "the model's decoder gave values that are no numbers");
    if (st == TIMBRE_OK)
        tb_vae_to_pixels(d.image, (int64_t)n, w->rgb);
    free(d.image);
    return st;
}

static tb_status append(void *user, const void *data, size_t len_bytes, tb_error *err)
{
    tb_str *out = user;
    tb_str_append_bytes(out, data, len_bytes);
    return out->failed ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture") : TIMBRE_OK;
}

tb_status tb_riffusion_format_png(const tb_riffusion *r, const tb_riffusion_work *w,
                                  unsigned char **bytes, size_t *len_bytes, tb_error *err)
{
    unsigned char exif[TB_EXIF_BYTES];
    tb_str out = {0};
    tb_image_writer *writer = NULL;
    tb_exif_format(&r->vocode.params, (double)TB_VOCODE_MAX_VALUE, exif);
    tb_image_spec spec = {.width = w->size.width, .height = w->size.height, .exif = exif};
    tb_status st = tb_image_writer_new(&spec, append, &out, &writer, err);
    for (int y = 0; st == TIMBRE_OK && y < w->size.height; y++)
        st = tb_image_write_row(writer, w->rgb + (size_t)y * (size_t)w->size.width * 3, err);
    if (st == TIMBRE_OK)
        st = tb_image_writer_finish(writer, err);
    tb_image_writer_free(writer);
    if (st == TIMBRE_OK) {
        *len_bytes = out.len;
        *bytes = (unsigned char *)tb_str_take(&out);
    }
    tb_str_deinit(&out);
    return st;
}
