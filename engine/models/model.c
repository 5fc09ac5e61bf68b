#include "engine/models/model.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/models/json_config.h"
#include "engine/models/model_hints.h"
#include "engine/models/model_inside.h"
#include "engine/models/text_encoder.h"
#include "engine/models/unet.h"
#include "engine/models/vae.h"
#include "engine/tensor/inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what the folder says it has ---- */

/* model_index.json: "unet": ["diffusers", "UNet2DConditionModel"]; only the class is looked at. */
static const struct {
    const char *component, *classes[3];
} index_classes[] = {
    {"text_encoder", {"CLIPTextModel", "CLIPTextModelWithProjection"}},
    {"unet", {"UNet2DConditionModel"}},
    {"vae", {"AutoencoderKL"}},
    {"tokenizer", {"CLIPTokenizer", "CLIPTokenizerFast"}},
};

static void check_index(tb_json_reader *r)
{
    for (size_t i = 0; i < COUNT(index_classes); i++) {
        const json_t *pair = json_object_get(r->json, index_classes[i].component);
        const char *name = json_string_value(json_array_get(pair, 1));
        bool is_known = pair == NULL; /* the folder is looked for all the same */
        for (int j = 0; name != NULL && index_classes[i].classes[j] != NULL; j++)
            is_known = is_known || strcmp(name, index_classes[i].classes[j]) == 0;
        if (!is_known)
            tb_json_refuse(r, index_classes[i].component, pair, "is not supported, only %s",
                           index_classes[i].classes[0]);
    }
}

/* In place of model_index.json. */
static tb_status check_component_folders(const tb_model *model, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < TB_NETWORK_COUNT; i++) {
        char *path = tb_strf("%s/%s", model->root, tb_network_name((tb_network)i));
        if (path == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
        else if (!tb_model_is_folder(path))
            st = tb_fail(err, TIMBRE_BAD_FILE,
                         "'%s' is not a model: it has neither model_index.json nor the folders "
                         "text_encoder, unet and vae",
                         model->path);
        free(path);
    }
    return st;
}

/* model_index.json names no numbers: it is not among the files that are hashed. */
static tb_status read_index(tb_model *model, tb_error *err)
{
    char *path = tb_strf("%s/model_index.json", model->root);
    json_t *json = NULL;
    tb_status st = TIMBRE_OK;
    if (path == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (tb_model_has_path(path)) {
        st = tb_path_require_inside(path, model->root, err);
        if (st == TIMBRE_OK)
            st = tb_json_config_read(path, &json, err);
        tb_json_reader r = {json, path, st, err};
        if (st == TIMBRE_OK)
            check_index(&r);
        st = r.status;
    } else
        st = check_component_folders(model, err);
    json_decref(json);
    free(path);
    return st;
}

/* ---- configs ---- */

static tb_status read_config(tb_model *model, tb_network network, const json_t *json,
                             const char *what, tb_error *err)
{
    switch (network) {
    case TB_NETWORK_TEXT:
        return tb_text_config_read(json, what, &model->text, err);
    case TB_NETWORK_UNET:
        return tb_unet_config_read(json, what, &model->unet, err);
    default:
        return tb_vae_config_read(json, what, &model->vae, err);
    }
}

static tb_status read_configs(tb_model *model, tb_error *err)
{
    static const char *const names[TB_NETWORK_COUNT] = {"text_encoder/config.json",
                                                        "unet/config.json", "vae/config.json"};
    tb_text_config_sd15(&model->text);
    tb_unet_config_sd15(&model->unet);
    tb_vae_config_sd15(&model->vae);
    tb_status st = TIMBRE_OK;
    for (int network = 0; st == TIMBRE_OK && network < TB_NETWORK_COUNT; network++) {
        json_t *json = NULL;
        st = tb_model_read_json(model, names[network], &json, err);
        model->has_config[network] = json != NULL;
        if (st == TIMBRE_OK && json != NULL)
            st = read_config(model, (tb_network)network, json, names[network], err);
        else if (st == TIMBRE_OK && !model->is_single)
            st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' has no %s", model->path, names[network]);
        json_decref(json);
    }
    return st;
}

static tb_status check_widths(const tb_model *model, tb_error *err)
{
    const struct {
        const char *text;
        int a, b;
    } pairs[] = {
        {"the text encoder's hidden_size %d is not the unet's cross_attention_dim %d",
         model->text.width, model->unet.cross_width},
        {"the unet's in_channels %d are not the vae's latent_channels %d", model->unet.in_channels,
         model->vae.latent_channels},
        {"the unet's in_channels %d are not its out_channels %d", model->unet.in_channels,
         model->unet.out_channels},
    };
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (pairs[i].a != pairs[i].b) {
            char *why = tb_strf(pairs[i].text, pairs[i].a, pairs[i].b);
            tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s': %s", model->path,
                                   why == NULL ? "widths differ" : why);
            free(why);
            return st;
        }
    return TIMBRE_OK;
}

/* ---- what the model says of its use ---- */

static tb_status read_scheduler(tb_model *model, tb_error *err)
{
    static const char name[] = "scheduler/scheduler_config.json";
    tb_status st = tb_model_read_json(model, name, &model->scheduler, err);
    tb_json_reader r = {model->scheduler, name, st, err};
    if (st == TIMBRE_OK)
        tb_model_check_prediction(&r); /* the rest is the sampler's */
    return r.status;
}

static tb_status read_timbre(tb_model *model, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    char *path = tb_model_hints_path(model->path);
    if (path == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    else if (tb_model_has_path(path))
        st = tb_model_add_file(model, "timbre.json", path, NULL, err);
    free(path);
    return st == TIMBRE_OK ? tb_model_hints_read(model->path, &model->timbre, err) : st;
}

/* ---- networks ---- */

static tb_status check_network(tb_model *model, tb_network network, tb_error *err)
{
    tb_parameters *parameters = model->parameters[network];
    tb_text_encoder *text = NULL;
    tb_unet *unet = NULL;
    tb_vae *vae = NULL;
    tb_status st;
    tb_parameters_set_check_only(parameters, true);
    if (network == TB_NETWORK_TEXT)
        st = tb_text_encoder_load(&model->text, parameters, &text, err);
    else if (network == TB_NETWORK_UNET)
        st = tb_unet_load(&model->unet, parameters, &unet, err);
    else
        st = tb_vae_load(&model->vae, parameters, TB_VAE_ENCODER + TB_VAE_DECODER, &vae, err);
    tb_parameters_set_check_only(parameters, false);
    tb_text_encoder_free(text);
    tb_unet_free(unet);
    tb_vae_free(vae);
    return st == TIMBRE_OK ? tb_parameters_check_extra(parameters, err) : st;
}

static tb_status open_networks(tb_model *model, tb_error *err)
{
    tb_status st = model->is_single ? tb_model_open_single(model, err) : TIMBRE_OK;
    if (st == TIMBRE_OK && model->is_single)
        st = tb_parameters_check_strangers(model->weights[0], err);
    for (int i = 0; st == TIMBRE_OK && i < TB_NETWORK_COUNT; i++) {
        tb_network network = (tb_network)i;
        if (!model->is_single)
            st = tb_model_open_component(model, network, err);
        if (st == TIMBRE_OK)
            st = tb_parameters_new(model->weights[model->is_single ? 0 : i], network,
                                   &model->parameters[i], err);
        if (st == TIMBRE_OK)
            st = check_network(model, network, err);
        if (st == TIMBRE_BAD_FILE && model->is_single && !model->has_config[i])
            tb_fix(err,
                   "if '%s' is not shaped as Stable Diffusion 1.5, put the model's %s/config.json "
                   "beside it",
                   tb_path_name(model->path), tb_network_name(network));
    }
    return st;
}

/* ---- model ---- */

static tb_status open_all(tb_model *model, const char *path, tb_error *err)
{
    if (!tb_model_has_path(path)) {
        tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING, "there is no model at '%s'", path);
        tb_fix(err, "name a diffusers folder or a .safetensors, .ckpt or .bin file");
        return st;
    }
    model->is_single = !tb_model_is_folder(path);
    model->path = tb_strdup(path);
    model->root = tb_model_root(path);
    if (model->path == NULL || model->root == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    tb_status st = model->is_single ? TIMBRE_OK : read_index(model, err);
    if (st == TIMBRE_OK)
        st = read_configs(model, err);
    if (st == TIMBRE_OK)
        st = check_widths(model, err);
    if (st == TIMBRE_OK)
        st = read_scheduler(model, err);
    if (st == TIMBRE_OK)
        st = read_timbre(model, err);
    return st == TIMBRE_OK ? open_networks(model, err) : st;
}

static tb_status open_model(const char *path, const char *tokenizer_dir, bool needs_vocabulary,
                            tb_model **out, tb_error *err)
{
    tb_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a model");
    tb_status st = open_all(model, path, err);
    if (st == TIMBRE_OK) {
        tb_error missing = {0};
        st = tb_model_find_tokenizer(model, tokenizer_dir, &missing);
        if (st == TIMBRE_MODEL_MISSING && !needs_vocabulary)
            st = TIMBRE_OK;
        else if (st != TIMBRE_OK && err != NULL)
            *err = missing;
    }
    if (st == TIMBRE_OK)
        *out = model;
    else
        tb_model_close(model);
    return st;
}

tb_status tb_model_open(const char *path, const char *tokenizer_dir, tb_model **out, tb_error *err)
{
    return open_model(path, tokenizer_dir, true, out, err);
}

tb_status tb_model_open_networks(const char *path, tb_model **out, tb_error *err)
{
    return open_model(path, NULL, false, out, err);
}

void tb_model_close(tb_model *model)
{
    if (model == NULL)
        return;
    tb_model_stop_sha256(model);
    for (int i = 0; i < TB_NETWORK_COUNT; i++) {
        tb_parameters_free(model->parameters[i]);
        tb_weights_close(model->weights[i]);
    }
    for (size_t i = 0; i < model->n_files; i++) {
        free(model->files[i].name);
        free(model->files[i].path);
    }
    free(model->files);
    json_decref(model->scheduler);
    json_decref(model->timbre);
    free(model->path);
    free(model->root);
    free(model->tokenizer_dir);
    free(model);
}

const tb_text_config *tb_model_text_config(const tb_model *model)
{
    return &model->text;
}

const tb_unet_config *tb_model_unet_config(const tb_model *model)
{
    return &model->unet;
}

const tb_vae_config *tb_model_vae_config(const tb_model *model)
{
    return &model->vae;
}

const json_t *tb_model_scheduler_json(const tb_model *model)
{
    return model->scheduler;
}

const json_t *tb_model_timbre_json(const tb_model *model)
{
    return model->timbre;
}

tb_parameters *tb_model_parameters(tb_model *model, tb_network network)
{
    return model->parameters[network];
}

const char *tb_model_tokenizer_dir(const tb_model *model)
{
    return model->tokenizer_dir;
}

const char *tb_model_path(const tb_model *model)
{
    return model->path;
}
