/* The networks of a model: loaded when a stage needs them, let go when memory is short. */
#include "engine/os/memory.h"
#include "engine/pipeline/riffusion.h"

static bool is_held(const tb_riffusion *r, tb_network network)
{
    switch (network) {
    case TB_NETWORK_TEXT:
        return r->encoder != NULL;
    case TB_NETWORK_UNET:
        return r->unet != NULL;
    default:
        return r->vae != NULL;
    }
}

static tb_status load(tb_riffusion *r, tb_network network, tb_error *err)
{
    tb_parameters *parameters = tb_model_parameters(r->model, network);
    switch (network) {
    case TB_NETWORK_TEXT:
        return tb_text_encoder_load(tb_model_text_config(r->model), parameters, &r->encoder, err);
    case TB_NETWORK_UNET:
        return tb_unet_load(tb_model_unet_config(r->model), parameters, &r->unet, err);
    default:
        return tb_vae_load(tb_model_vae_config(r->model), parameters, TB_VAE_DECODER, &r->vae, err);
    }
}

tb_status tb_riffusion_hold(tb_riffusion *r, const tb_job *job, tb_network network,
                            const tb_progress *progress, tb_error *err)
{
    if (is_held(r, network))
        return TIMBRE_OK;
    /* Minutes may have passed since the model was opened: what is known to have changed is not
     * worth the rest of the take, and is not to be read. */
    tb_status st = tb_model_check_unchanged(r->model, err);
    if (st != TIMBRE_OK)
        return st;
    tb_parameters *parameters = tb_model_parameters(r->model, network);
    tb_parameters_set_progress(parameters, progress);
    tb_parameters_set_pool(parameters, job->pool);
    st = load(r, network, err);
    tb_parameters_set_progress(parameters, NULL);
    tb_parameters_set_pool(parameters, NULL);
    return st;
}

tb_status tb_riffusion_hold_encoder(tb_riffusion *r, const tb_job *job, tb_error *err)
{
    tb_status st = tb_model_check_unchanged(r->model, err);
    if (st != TIMBRE_OK)
        return st;
    tb_parameters *parameters = tb_model_parameters(r->model, TB_NETWORK_VAE);
    tb_progress quiet = {.cancel = job->stages->progress.cancel};
    tb_parameters_set_progress(parameters, &quiet);
    tb_parameters_set_pool(parameters, job->pool);
    st = tb_vae_load(tb_model_vae_config(r->model), parameters, TB_VAE_ENCODER, &r->vae_encoder,
                     err);
    tb_parameters_set_progress(parameters, NULL);
    tb_parameters_set_pool(parameters, NULL);
    return st;
}

void tb_riffusion_let_go_encoder(tb_riffusion *r)
{
    tb_vae_free(r->vae_encoder);
    r->vae_encoder = NULL;
    tb_memory_trim();
}

static void let_go(tb_riffusion *r, tb_network network)
{
    switch (network) {
    case TB_NETWORK_TEXT:
        tb_text_encoder_free(r->encoder);
        r->encoder = NULL;
        break;
    case TB_NETWORK_UNET:
        tb_unet_free(r->unet);
        r->unet = NULL;
        break;
    default:
        tb_vae_free(r->vae);
        r->vae = NULL;
        break;
    }
}

void tb_riffusion_pass(tb_riffusion *r, const tb_riffusion_work *w, tb_network network)
{
    if (!w->is_low)
        return;
    let_go(r, network);
    tb_memory_trim();
}

void tb_riffusion_let_go(tb_riffusion *r)
{
    for (int i = 0; i < TB_NETWORK_COUNT; i++)
        let_go(r, (tb_network)i);
    tb_memory_trim();
}
