/* What a take will need, known before anything is loaded: networks with shapes alone, run dry. */
#include <stdlib.h>

#include "engine/models/text_encoder.h"
#include "engine/pipeline/riffusion.h"

typedef struct {
    const tb_riffusion_plan *plan;
    tb_text_encoder *encoder;
    tb_unet *unet;
    tb_vae *vae, *vae_encoder; /* the latter NULL: not needed */
    tb_unet_context *context;
    tb_unet_input input;
    float nowhere; /* a place that nobody touches in a dry run */
} dry;

static void encode(tb_nn *nn, void *user)
{
    dry *d = user;
    static const int32_t no_tokens[1];
    tb_text_encoder_forward(nn, d->encoder, no_tokens, d->plan->n_chunks, 0, &d->nowhere);
}

static void denoise(tb_nn *nn, void *user)
{
    dry *d = user;
    tb_unet_forward(nn, d->unet, &d->input, &d->nowhere);
}

static void decode(tb_nn *nn, void *user)
{
    dry *d = user;
    const tb_riffusion_size *size = d->plan->size;
    tb_vae_decode(nn, d->vae, &d->nowhere, size->h, size->w, &d->nowhere);
}

static void begin(tb_nn *nn, void *user)
{
    dry *d = user;
    const tb_riffusion_size *size = d->plan->size;
    tb_vae_encode(nn, d->vae_encoder, &d->nowhere, size->height, size->width, &d->nowhere);
}

static void set_check_only(tb_model *model, bool is_check_only)
{
    for (tb_network i = 0; i < TB_NETWORK_COUNT; i++)
        tb_parameters_set_check_only(tb_model_parameters(model, i), is_check_only);
}

/* Bytes as a number to be added to: what cannot be is more than any machine has. */
static int64_t bytes(size_t n)
{
    return n > INT64_MAX / 16 ? INT64_MAX / 16 : (int64_t)n;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The networks as shapes. */
static tb_status load_shapes(dry *d, tb_model *model, tb_error *err)
{
    const tb_text_config *text = tb_model_text_config(model);
    set_check_only(model, true);
    tb_status st = tb_text_encoder_load(text, tb_model_parameters(model, TB_NETWORK_TEXT),
                                        &d->encoder, err);
    if (st == TIMBRE_OK)
        st = tb_unet_load(tb_model_unet_config(model), tb_model_parameters(model, TB_NETWORK_UNET),
                          &d->unet, err);
    if (st == TIMBRE_OK)
        st = tb_vae_load(tb_model_vae_config(model), tb_model_parameters(model, TB_NETWORK_VAE),
                         TB_VAE_DECODER, &d->vae, err);
    if (st == TIMBRE_OK && d->plan->has_init)
        st = tb_vae_load(tb_model_vae_config(model), tb_model_parameters(model, TB_NETWORK_VAE),
                         TB_VAE_ENCODER, &d->vae_encoder, err);
    if (st == TIMBRE_OK)
        st = tb_unet_context_shape(d->unet, d->plan->n_sides, d->plan->n_chunks * text->n_positions,
                                   &d->context, err);
    set_check_only(model, false);
    return st;
}

static void find_peaks(tb_riffusion_need *need, const tb_riffusion_plan *plan)
{
    int64_t looked_at = plan->has_preview ? need->decoder : 0; /* a preview is made with it */
    need->peak = need->encoder + need->unet + need->decoder + need->texts +
                 most(most(need->encode, need->begin), most(need->denoise, need->decode));
    need->low_peak = need->texts + most(most(need->encoder + need->encode, need->begin),
                                        most(need->unet + looked_at + need->denoise,
                                             need->decoder + need->decode));
}

/* Each stage with what it keeps while it works. */
static void add_up(tb_riffusion_need *need, dry *d, const tb_model *model, tb_nn *nn)
{
    enum { SAMPLER_ARRAYS = 10, RGB = 3 }; /* of latents: its history, the batch, the noise */
    const tb_riffusion_size *size = d->plan->size;
    const tb_text_config *text = tb_model_text_config(model);
    size_t latents = (size_t)size->n_latents * sizeof(float);
    size_t n_clips = (size_t)d->plan->n_clips;
    size_t pixels = (size_t)size->height * (size_t)size->width * RGB;
    size_t embeddings = sizeof(float) * (size_t)d->plan->n_texts * (size_t)d->plan->n_chunks *
                        (size_t)text->n_positions * (size_t)text->width;
    int factor = tb_vae_factor(tb_model_vae_config(model));
    size_t preview = d->plan->has_preview ? tb_latent_preview_measure(d->vae, factor, nn) : 0;
    need->encoder = bytes(tb_text_encoder_bytes(d->encoder));
    need->unet = bytes(tb_unet_bytes(d->unet));
    need->decoder = bytes(tb_vae_bytes(d->vae));
    need->texts = bytes(embeddings) + bytes(tb_unet_context_bytes(d->unet, d->context));
    need->encode = bytes(tb_nn_measure(nn, encode, d));
    need->denoise = bytes(tb_nn_measure(nn, denoise, d)) + SAMPLER_ARRAYS * bytes(latents) +
                    bytes(preview);
    if (d->vae_encoder != NULL)
        need->begin = bytes(tb_vae_bytes(d->vae_encoder)) + bytes(tb_nn_measure(nn, begin, d)) +
                      bytes(pixels * (1 + sizeof(float)) + 3 * latents);
    need->decode = bytes(tb_nn_measure(nn, decode, d)) +
                   bytes(pixels * (n_clips + sizeof(float)) + n_clips * latents);
    find_peaks(need, d->plan);
}

bool tb_riffusion_is_low(tb_residence residence, const tb_riffusion_need *need, int64_t held,
                         int64_t available)
{
    return residence == TB_RESIDENCE_LOW || need->peak - held > available;
}

tb_status tb_riffusion_measure(tb_model *model, const tb_riffusion_plan *plan,
                               const tb_kernels *kernels, tb_pool *pool, tb_riffusion_need *need,
                               tb_error *err)
{
    dry d = {.plan = plan};
    *need = (tb_riffusion_need){0};
    tb_nn nn;
    tb_nn_init(&nn, kernels, pool);
    tb_status st = load_shapes(&d, model, err);
    d.input = (tb_unet_input){&d.nowhere, plan->size->h, plan->size->w, 0, d.context};
    if (st == TIMBRE_OK)
        add_up(need, &d, model, &nn);
    tb_unet_context_free(d.context);
    tb_text_encoder_free(d.encoder);
    tb_unet_free(d.unet);
    tb_vae_free(d.vae);
    tb_vae_free(d.vae_encoder);
    tb_nn_deinit(&nn);
    return st;
}
