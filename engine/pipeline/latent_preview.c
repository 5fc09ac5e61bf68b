#include "engine/pipeline/latent_preview.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/random.h"
#include "engine/os/scratch.h"

enum { SIDE = 8, N_PIXELS = SIDE * SIDE, MAX_UNKNOWNS = TB_LATENT_MAX_CHANNELS + 1 };

typedef struct {
    const tb_vae *vae;
    const float *latents;
    float *image;
} patch;

static void decode_patch(tb_nn *nn, void *user)
{
    patch *p = user;
    tb_vae_decode(nn, p->vae, p->latents, SIDE, SIDE, p->image);
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

/* Mean of the red of a latent pixel's square in the picture, 0..1. */
static double mean_grey(const float *image, int factor, int y, int x)
{
    double sum = 0;
    int width = SIDE * factor;
    for (int i = 0; i < factor; i++)
        for (int j = 0; j < factor; j++) {
            double value = (double)image[((y * factor + i) * width + x * factor + j) * 3];
            value = value / 2 + 0.5;
            sum += value < 0 ? 0 : value > 1 ? 1 : value;
        }
    return sum / (factor * factor);
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
static void fit(tb_latent_preview *preview, const float *latents, const float *image, int factor,
                double *a)
{
    enum { STRIDE = MAX_UNKNOWNS + 1 };
    int c = preview->n_channels, n = c + 1;
    memset(a, 0, sizeof *a * MAX_UNKNOWNS * STRIDE);
    for (int p = 0; p < N_PIXELS; p++) {
        double row[MAX_UNKNOWNS + 1];
        for (int i = 0; i < c; i++)
            row[i] = (double)latents[p * c + i];
        row[c] = 1;
        row[n] = mean_grey(image, factor, p / SIDE, p % SIDE);
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= n; j++)
                a[i * STRIDE + j] += row[i] * row[j];
    }
    for (int i = 0; i < c; i++)
        a[i * STRIDE + i] += 1e-3 * N_PIXELS;
    solve(a, n, preview->factors);
}

tb_status tb_latent_preview_fit(tb_latent_preview *preview, const tb_vae *vae,
                                const tb_vae_config *config, const tb_kernels *kernels,
                                tb_pool *pool, const tb_progress *progress, tb_error *err)
{
    int c = config->latent_channels, factor = tb_vae_factor(config);
    float *latents = tb_floats_alloc((size_t)N_PIXELS * (size_t)c);
    float *image = tb_floats_alloc((size_t)N_PIXELS * (size_t)(factor * factor) * 3);
    double *a = malloc(sizeof *a * MAX_UNKNOWNS * (MAX_UNKNOWNS + 1));
    tb_status st = TIMBRE_OK;
    if (latents == NULL || image == NULL || a == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preview");
    if (st == TIMBRE_OK) {
        tb_random random = tb_random_init(0, "latent preview");
        for (int i = 0; i < N_PIXELS * c; i++)
            latents[i] = (float)tb_random_normal(&random);
        st = run_decoder(&(patch){vae, latents, image}, kernels, pool, progress, err);
    }
    if (st == TIMBRE_OK) {
        preview->n_channels = c;
        fit(preview, latents, image, factor, a);
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
        pixels[p] = (uint8_t)(grey <= 0 ? 0 : grey >= 1 ? 255 : grey * 255 + 0.5);
    }
}
