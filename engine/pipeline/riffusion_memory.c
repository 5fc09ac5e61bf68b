/* What a take will need, known before anything is loaded: networks with shapes alone, run dry. */
#include <stdlib.h>

#include "engine/models/text_encoder.h"
#include "engine/pipeline/riffusion.h"

typedef struct {
    const tb_text_encoder *encoder;
    const tb_unet *unet;
    const tb_vae *vae;
    tb_unet_input input;
    const tb_riffusion_size *size;
    float *nowhere; /* a place that nobody touches in a dry run */
} dry;

static void encode(tb_nn *nn, void *user)
{
    const dry *d = user;
    static const int32_t no_tokens[1];
    tb_text_encoder_forward(nn, d->encoder, no_tokens, 1, 0, d->nowhere);
}

static void denoise(tb_nn *nn, void *user)
{
    const dry *d = user;
    tb_unet_forward(nn, d->unet, &d->input, d->nowhere);
}

static void decode(tb_nn *nn, void *user)
{
    const dry *d = user;
    tb_vae_decode(nn, d->vae, d->nowhere, d->size->h, d->size->w, d->nowhere);
}

static void set_check_only(tb_model *model, bool is_check_only)
{
    for (tb_network i = 0; i < TB_NETWORK_COUNT; i++)
        tb_parameters_set_check_only(tb_model_parameters(model, i), is_check_only);
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* All that is needed at a time, stage by stage. */
static void add_up(tb_riffusion_need *need, const dry *d)
{
    int64_t text = (int64_t)tb_text_encoder_bytes(d->encoder);
    need->weights = (int64_t)tb_unet_bytes(d->unet) + (int64_t)tb_vae_bytes(d->vae);
    need->peak = need->weights + most(text + need->encode, most(need->denoise, need->decode));
}

tb_status tb_riffusion_measure(tb_model *model, const tb_riffusion_size *size, bool has_guidance,
                               const tb_kernels *kernels, tb_pool *pool, tb_riffusion_need *need,
                               tb_error *err)
{
    const tb_text_config *text = tb_model_text_config(model);
    tb_text_encoder *encoder = NULL;
    tb_unet *unet = NULL;
    tb_vae *vae = NULL;
    tb_unet_context *context = NULL;
    tb_nn nn;
    tb_nn_init(&nn, kernels, pool);
    set_check_only(model, true);
    tb_status st = tb_text_encoder_load(text, tb_model_parameters(model, TB_NETWORK_TEXT), &encoder,
                                        err);
    if (st == TIMBRE_OK)
        st = tb_unet_load(tb_model_unet_config(model), tb_model_parameters(model, TB_NETWORK_UNET),
                          &unet, err);
    if (st == TIMBRE_OK)
        st = tb_vae_load(tb_model_vae_config(model), tb_model_parameters(model, TB_NETWORK_VAE),
                         TB_VAE_DECODER, &vae, err);
    if (st == TIMBRE_OK)
        st = tb_unet_context_shape(unet, has_guidance ? 2 : 1, text->n_positions, &context, err);
    set_check_only(model, false);
    if (st == TIMBRE_OK) {
        float nowhere = 0;
        dry d = {encoder, unet, vae, {&nowhere, size->h, size->w, 0, context}, size, &nowhere};
        *need = (tb_riffusion_need){.encode = (int64_t)tb_nn_measure(&nn, encode, &d),
                                    .denoise = (int64_t)tb_nn_measure(&nn, denoise, &d),
                                    .decode = (int64_t)tb_nn_measure(&nn, decode, &d)};
        add_up(need, &d);
    }
    tb_unet_context_free(context);
    tb_text_encoder_free(encoder);
    tb_unet_free(unet);
    tb_vae_free(vae);
    tb_nn_deinit(&nn);
    return st;
}
