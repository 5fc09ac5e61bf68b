/* The denoising network (Rombach et al. 2022), as diffusers' UNet2DConditionModel computes it. */
#ifndef TB_MODELS_UNET_H
#define TB_MODELS_UNET_H

#include "engine/models/config.h"
#include "engine/models/parameters.h"
#include "engine/nn/nn.h"

typedef struct tb_unet tb_unet;

/*
 * Returns owned. Copies what it needs: the weights may be closed. BAD_FILE for a missing, misshapen
 * or non-finite tensor, and for more skip connections than there is room for; NO_MEMORY. With
 * check-only parameters what comes back is good for dry runs (with a context that is a shape only),
 * for its bytes as floats, and for freeing.
 */
TB_MUST_USE tb_status tb_unet_load(const tb_unet_config *config, tb_parameters *parameters,
                                   tb_unet **out, tb_error *err);
void tb_unet_free(tb_unet *unet); /* accepts NULL */
size_t tb_unet_bytes(const tb_unet *unet);

/* What cross-attention makes of the texts, once for a generation: keys and values of all layers.
 * context [n, n_tokens, cross_width]. Returns owned. */
typedef struct tb_unet_context tb_unet_context;
TB_MUST_USE tb_status tb_unet_context_new(const tb_unet *unet, const tb_kernels *kernels,
                                          tb_pool *pool, const float *context, int n, int n_tokens,
                                          tb_unet_context **out, tb_error *err);
void tb_unet_context_free(tb_unet_context *context); /* accepts NULL */
/* The same shape without values: for dry runs. */
TB_MUST_USE tb_status tb_unet_context_shape(const tb_unet *unet, int n, int n_tokens,
                                            tb_unet_context **out, tb_error *err);
/* What its values take, whether it has them or not. */
size_t tb_unet_context_bytes(const tb_unet *unet, const tb_unet_context *context);

typedef struct tb_unet_input {
    const float *latents; /* [n, h*w, in_channels], n of the context */
    int h, w;             /* multiples of 2^(n_blocks - 1), or not: as diffusers, odd sizes are
                             up-sampled to the size of the skip connection */
    double timestep;      /* need not be whole */
    const tb_unet_context *context;
} tb_unet_input;

/* out[n, h*w, out_channels]. Inside tb_nn_run; reports progress by layers done. */
void tb_unet_forward(tb_nn *nn, const tb_unet *unet, const tb_unet_input *input, float *out);

#endif
