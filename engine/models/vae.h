/* The autoencoder between latents and pictures, as diffusers' AutoencoderKL computes it. */
#ifndef TB_MODELS_VAE_H
#define TB_MODELS_VAE_H

#include "engine/models/config.h"
#include "engine/models/parameters.h"
#include "engine/nn/nn.h"

typedef struct tb_vae tb_vae;

enum { TB_VAE_ENCODER = 1, TB_VAE_DECODER = 2 };

/* parts: which to load, a sum of TB_VAE_*. All else as tb_unet_load. */
TB_MUST_USE tb_status tb_vae_load(const tb_vae_config *config, tb_parameters *parameters, int parts,
                                  tb_vae **out, tb_error *err);
void tb_vae_free(tb_vae *vae); /* accepts NULL */
size_t tb_vae_bytes(const tb_vae *vae);

/* latents [h*w, latent_channels], as the UNet has them: divided by scaling_factor here. image
 * [h*f*w*f, 3], about -1..1, not clamped. Inside tb_nn_run. */
void tb_vae_decode(tb_nn *nn, const tb_vae *vae, const float *latents, int h, int w, float *image);
/* image [height*width, 3] in -1..1, sides multiples of the factor f. moments [h*w, 2 *
 * latent_channels]: means, then log variances (not clamped), not scaled. */
void tb_vae_encode(tb_nn *nn, const tb_vae *vae, const float *image, int height, int width,
                   float *moments);
/* latents = (mean + exp(clamp(logvar, -30, 20) / 2) * noise) * scaling_factor; noise in the layout
 * of latents, or NULL for the mean. */
void tb_vae_sample(const tb_vae_config *config, const float *moments, const float *noise, int h,
                   int w, float *latents);
/* clamp(x / 2 + 0.5, 0, 1) * 255 rounded half to even. */
void tb_vae_to_pixels(const float *image, int64_t n, uint8_t *pixels);

#endif
