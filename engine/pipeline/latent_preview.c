#include "engine/pipeline/latent_preview.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/os/scratch.h"

enum { MAX_SIDE = 8, MIN_SIDE = 2, PICTURE_SIDE = 128, MAX_UNKNOWNS = TB_LATENT_MAX_CHANNELS + 1 };

typedef struct {
    const tb_vae *vae;
    const float *latents;
    float *image;
    int side, factor; /* of the latents; of the decoder */
} patch;

/* Small enough for any decoder: a picture of 128 pixels, of no fewer than 2 latents. */
static int side_of(int factor)
{
    int side = PICTURE_SIDE / factor;
    return side < MIN_SIDE ? MIN_SIDE : side > MAX_SIDE ? MAX_SIDE : side;
}

static void decode_patch(tb_nn *nn, void *user)
{
    patch *p = user;
    tb_vae_decode(nn, p->vae, p->latents, p->side, p->side, p->image);
}

static tb_status run_decoder(patch *p, const tb_kernels *kernels, tb_pool *pool,
                             const tb_progress *progress, tb_error *err)
{
    tb_progress quiet = {.cancel = progress == NULL ? NULL : progress->cancel};
    tb_nn nn;
    tb_nn_init(&nn, kernels, pool);
    tb_status st = tb_nn_reserve(&nn, decode_patch, p, err);
    if (st == TIMBRE_OK)
        st = tb_nn_run(&nn, decode_patch, p, &quiet, err);
    tb_nn_deinit(&nn);
    return st;
}

size_t tb_latent_preview_measure(const tb_vae *vae, int factor, tb_nn *nn)
{
    float nowhere = 0;
    patch p = {vae, &nowhere, &nowhere, side_of(factor), factor};
    return tb_nn_measure(nn, decode_patch, &p);
}

/* Mean of the red of a latent pixel's square in the picture, 0..1. */
static double mean_grey(const patch *p, int y, int x)
{
    double sum = 0;
    int width = p->side * p->factor;
    for (int i = 0; i < p->factor; i++)
        for (int j = 0; j < p->factor; j++) {
            int row = y * p->factor + i, column = x * p->factor + j;
            double value = (double)p->image[(row * width + column) * 3] / 2 + 0.5;
            sum += value > 0 ? value < 1 ? value : 1 : 0; /* what is no number counts as 0 */
        }
    return sum / (p->factor * p->factor);
}

/* Gaussian elimination with pivots of a[n][n+1] (row stride MAX_UNKNOWNS + 1); what has no say gets
 * 0. */
static void solve(double *a, int n, double *out)
{
    enum { STRIDE = MAX_UNKNOWNS + 1 };
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i * STRIDE + k]) > fabs(a[best * STRIDE + k]))
                best = i;
        for (int j = 0; j <= n; j++) {
            double swap = a[k * STRIDE + j];
            a[k * STRIDE + j] = a[best * STRIDE + j];
            a[best * STRIDE + j] = swap;
        }
        for (int i = k + 1; i < n && a[k * STRIDE + k] != 0; i++) {
            double factor = a[i * STRIDE + k] / a[k * STRIDE + k];
            for (int j = k; j <= n; j++)
                a[i * STRIDE + j] -= factor * a[k * STRIDE + j];
        }
    }
    for (int k = n - 1; k >= 0; k--) {
        double sum = a[k * STRIDE + n];
        for (int j = k + 1; j < n; j++)
            sum -= a[k * STRIDE + j] * out[j];
        out[k] = a[k * STRIDE + k] == 0 ? 0 : sum / a[k * STRIDE + k];
    }
}

/* Normal equations of grey = factors . (latents, 1), with a touch of ridge. */
static void fit(tb_latent_preview *preview, const patch *p, double *a)
{
    enum { STRIDE = MAX_UNKNOWNS + 1 };
    int c = preview->n_channels, n = c + 1, n_pixels = p->side * p->side;
    memset(a, 0, sizeof *a * MAX_UNKNOWNS * STRIDE);
    for (int k = 0; k < n_pixels; k++) {
        double row[MAX_UNKNOWNS + 1];
        for (int i = 0; i < c; i++)
            row[i] = (double)p->latents[k * c + i];
        row[c] = 1;
        row[n] = mean_grey(p, k / p->side, k % p->side);
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= n; j++)
                a[i * STRIDE + j] += row[i] * row[j];
    }
    for (int i = 0; i < c; i++)
        a[i * STRIDE + i] += 1e-3 * n_pixels;
    solve(a, n, preview->factors);
}

tb_status tb_latent_preview_fit(tb_latent_preview *preview, const tb_vae *vae,
                                const tb_vae_config *config, const tb_kernels *kernels,
                                tb_pool *pool, const tb_progress *progress, tb_error *err)
{
    int c = config->latent_channels, factor = tb_vae_factor(config), side = side_of(factor);
    int n_latents = side * side * c;
    float *latents = tb_floats_alloc((size_t)n_latents);
    float *image = tb_floats_alloc((size_t)(side * factor) * (size_t)(side * factor) * 3);
    double *a = malloc(sizeof *a * MAX_UNKNOWNS * (MAX_UNKNOWNS + 1));
    patch p = {vae, latents, image, side, factor};
    tb_status st = TIMBRE_OK;
    if (latents == NULL || image == NULL || a == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preview");
    if (st == TIMBRE_OK) {
        tb_random random = tb_random_init(0, "latent preview");
        for (int i = 0; i < n_latents; i++)
            latents[i] = (float)tb_random_normal(&random);
        st = run_decoder(&p, kernels, pool, progress, err);
    }
    if (st == TIMBRE_OK) {
        preview->n_channels = c;
        fit(preview, &p, a);
    }
    free(latents);
    free(image);
    free(a);
    return st;
}

void tb_latent_preview_draw(const tb_latent_preview *preview, const float *latents, int64_t n,
                            uint8_t *pixels)
{
    int c = preview->n_channels;
    for (int64_t p = 0; p < n; p++) {
        double grey = preview->factors[c];
        for (int i = 0; i < c; i++)
            grey += preview->factors[i] * (double)latents[p * c + i];
        pixels[p] = grey > 0 ? grey < 1 ? (uint8_t)floor(grey * 255 + 0.5) : 255 : 0;
    }
}
