#include "tests/models/networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *folder, *file;
} files[TB_NETWORK_COUNT] = {{"text_encoder", "model"},
                             {"unet", "diffusion_pytorch_model"},
                             {"vae", "diffusion_pytorch_model"}};

static void check(tb_status status, const tb_error *err)
{
    if (status != TIMBRE_OK)
        fail_msg("%s", err->message);
}

machine machine_new(const char *kernels, int n_threads)
{
    machine m = {0};
    tb_error err = {0};
    check(tb_kernels_choose(kernels, &m.kernels, &err), &err);
    check(tb_pool_new(n_threads, &m.pool, &err), &err);
    return m;
}

void machine_free(machine *m)
{
    tb_pool_free(m->pool);
    *m = (machine){0};
}

static void path_of(const networks *all, tb_network network, const char *file, char *path,
                    size_t cap)
{
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(folder);
    snprintf(path, cap, "%s/models/%s/%s/%s", folder, all->model, files[network].folder, file);
}

void networks_path(const networks *all, tb_network network, char *path, size_t cap)
{
    char file[64];
    snprintf(file, sizeof file, "%s.safetensors", files[network].file);
    path_of(all, network, file, path, cap);
}

static json_t *read_config(const networks *all, tb_network network)
{
    char path[4096];
    path_of(all, network, "config.json", path, sizeof path);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    return json;
}

void networks_configure(networks *all, const char *model)
{
    tb_error err = {0};
    *all = (networks){.model = model};
    json_t *text = read_config(all, TB_NETWORK_TEXT), *unet = read_config(all, TB_NETWORK_UNET);
    json_t *vae = read_config(all, TB_NETWORK_VAE);
    check(tb_text_config_read(text, "text", &all->text_config, &err), &err);
    check(tb_unet_config_read(unet, "unet", &all->unet_config, &err), &err);
    check(tb_vae_config_read(vae, "vae", &all->vae_config, &err), &err);
    json_decref(text);
    json_decref(unet);
    json_decref(vae);
}

static tb_status load_network(networks *all, tb_parameters *parameters, tb_network network,
                              tb_error *err)
{
    switch (network) {
    case TB_NETWORK_TEXT:
        tb_text_encoder_free(all->text);
        return tb_text_encoder_load(&all->text_config, parameters, &all->text, err);
    case TB_NETWORK_UNET:
        tb_unet_free(all->unet);
        return tb_unet_load(&all->unet_config, parameters, &all->unet, err);
    default:
        tb_vae_free(all->vae);
        return tb_vae_load(&all->vae_config, parameters, TB_VAE_ENCODER | TB_VAE_DECODER, &all->vae,
                           err);
    }
}

tb_status networks_try_load(networks *all, tb_network network, const char *path, bool is_check_only,
                            tb_error *err)
{
    tb_weights *weights = NULL;
    tb_parameters *parameters = NULL;
    check(tb_weights_open(path, &weights, err), err);
    check(tb_parameters_new(weights, network, &parameters, err), err);
    tb_parameters_set_check_only(parameters, is_check_only);
    tb_status status = load_network(all, parameters, network, err);
    if (status == TIMBRE_OK)
        check(tb_parameters_check_extra(parameters, err), err);
    tb_parameters_free(parameters);
    tb_weights_close(weights);
    return status;
}

void networks_load_one(networks *all, tb_network network, const char *path)
{
    tb_error err = {0};
    check(networks_try_load(all, network, path, false, &err), &err);
}

void networks_load(networks *all, const char *model)
{
    networks_configure(all, model);
    for (int network = 0; network < TB_NETWORK_COUNT; network++) {
        char path[4096];
        networks_path(all, (tb_network)network, path, sizeof path);
        networks_load_one(all, (tb_network)network, path);
    }
}

void networks_free(networks *all)
{
    tb_text_encoder_free(all->text);
    tb_unet_free(all->unet);
    tb_vae_free(all->vae);
    *all = (networks){0};
}

void unet_case_open(unet_case *c, const vectors *file, int i)
{
    char name[4][32];
    const char *const parts[] = {"latents", "context", "timestep", "out"};
    for (int k = 0; k < 4; k++)
        snprintf(name[k], sizeof name[k], "unet_%d_%s", i, parts[k]);
    int shape[VECTORS_RANK];
    *c = (unet_case){0};
    c->latents = vectors_pictures(file, name[0], shape);
    c->input = (tb_unet_input){.latents = c->latents, .h = shape[2], .w = shape[3]};
    c->context = vectors_floats(file, name[1], shape);
    c->n = shape[0];
    c->n_tokens = shape[1];
    c->input.timestep = (double)vectors_floats(file, name[2], NULL)[0];
    c->out = vectors_doubles(file, name[3], c->out_shape);
}

void unet_case_close(unet_case *c)
{
    free(c->latents);
    *c = (unet_case){0};
}

static void run(const machine *m, tb_nn_work work, void *user)
{
    tb_nn nn;
    tb_error err = {0};
    tb_nn_init(&nn, m->kernels, m->pool);
    check(tb_nn_reserve(&nn, work, user, &err), &err);
    check(tb_nn_run(&nn, work, user, NULL, &err), &err);
    tb_nn_deinit(&nn);
}

typedef struct {
    const networks *all;
    const int32_t *tokens;
    const float *in;
    const tb_unet_input *input;
    int n, clip_skip, h, w;
    float *out;
} job;

static void text_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_text_encoder_forward(nn, j->all->text, j->tokens, j->n, j->clip_skip, j->out);
}

float *run_text(const networks *all, const machine *m, const int32_t *tokens, int n, int clip_skip)
{
    const tb_text_config *config = &all->text_config;
    job j = {.all = all, .tokens = tokens, .n = n, .clip_skip = clip_skip};
    j.out = vectors_alloc((size_t)n * (size_t)config->n_positions * (size_t)config->width);
    run(m, text_work, &j);
    return j.out;
}

static void unet_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_unet_forward(nn, j->all->unet, j->input, j->out);
}

float *run_unet(const networks *all, const machine *m, const unet_case *c)
{
    tb_error err = {0};
    tb_unet_context *context = NULL;
    check(tb_unet_context_new(all->unet, m->kernels, m->pool, c->context, c->n, c->n_tokens,
                              &context, &err),
          &err);
    tb_unet_input input = c->input;
    input.context = context;
    job j = {.all = all, .input = &input};
    j.out = vectors_alloc((size_t)c->n * (size_t)all->unet_config.out_channels *
                          (size_t)(input.h * input.w));
    run(m, unet_work, &j);
    tb_unet_context_free(context);
    return j.out;
}

static void decode_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_vae_decode(nn, j->all->vae, j->in, j->h, j->w, j->out);
}

float *run_decode(const networks *all, const machine *m, const float *latents, int h, int w)
{
    size_t factor = (size_t)tb_vae_factor(&all->vae_config);
    job j = {.all = all, .in = latents, .h = h, .w = w};
    j.out = vectors_alloc((size_t)h * factor * (size_t)w * factor * 3);
    run(m, decode_work, &j);
    return j.out;
}

static void encode_work(tb_nn *nn, void *user)
{
    const job *j = user;
    tb_vae_encode(nn, j->all->vae, j->in, j->h, j->w, j->out);
}

float *run_encode(const networks *all, const machine *m, const float *image, int h, int w)
{
    size_t factor = (size_t)tb_vae_factor(&all->vae_config);
    job j = {.all = all, .in = image, .h = h, .w = w};
    j.out = vectors_alloc((size_t)h / factor * ((size_t)w / factor) * 2 *
                          (size_t)all->vae_config.latent_channels);
    run(m, encode_work, &j);
    return j.out;
}
