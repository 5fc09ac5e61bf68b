/*
 * A quick look at latents without the autoencoder: grey = a linear function of a pixel's channels.
 * Its factors are fitted (least squares) to what the model's own decoder makes of a small patch of
 * noise, once for a model, so that it works for any autoencoder of the family.
 */
#ifndef TB_PIPELINE_LATENT_PREVIEW_H
#define TB_PIPELINE_LATENT_PREVIEW_H

#include "engine/base/limits.h"
#include "engine/models/vae.h"

typedef struct tb_latent_preview {
    int n_channels;                             /* 0: not fitted yet */
    double factors[TB_LATENT_MAX_CHANNELS + 1]; /* of each channel, and the constant */
} tb_latent_preview;

TB_MUST_USE tb_status tb_latent_preview_fit(tb_latent_preview *preview, const tb_vae *vae,
                                            const tb_vae_config *config, const tb_kernels *kernels,
                                            tb_pool *pool, const tb_progress *progress,
                                            tb_error *err);
/* Bytes of activations that the fit takes for a moment, beside all that is there. */
size_t tb_latent_preview_measure(const tb_vae *vae, int factor, tb_nn *nn);
/* pixels[n] of latents[n, n_channels]. */
void tb_latent_preview_draw(const tb_latent_preview *preview, const float *latents, int64_t n,
                            uint8_t *pixels);

#endif
