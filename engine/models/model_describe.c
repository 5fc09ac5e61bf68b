/* What `timbre show` tells of a model. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/models/model_inside.h"
#include "engine/tensor/inside.h"

enum { README_MAX_BYTES = 16 * 1024, LICENCE_MAX_BYTES = 64 };

/* ---- licence ---- */

/* The beginning of README.md, NUL-terminated; "" where there is none to be read. */
static void read_readme(const tb_model *model, char out[README_MAX_BYTES])
{
    out[0] = '\0';
    char *path = tb_strf("%s/README.md", model->root);
    struct stat st; /* a pipe of that name would be waited for */
    if (path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        tb_path_require_inside(path, model->root, NULL) == TIMBRE_OK) {
        FILE *file = fopen(path, "re");
        size_t n = file == NULL ? 0 : fread(out, 1, README_MAX_BYTES - 1, file);
        out[n] = '\0';
        if (file != NULL)
            fclose(file);
    }
    free(path);
}

/* "license: x" among the lines between "---" and "---" at the beginning (the Hub's model card). */
static void find_licence(const char *readme, char out[LICENCE_MAX_BYTES])
{
    static const char key[] = "license:";
    const char *line = strncmp(readme, "---", 3) == 0 ? readme + 3 : "";
    while ((line = strchr(line, '\n')) != NULL && strncmp(++line, "---", 3) != 0) {
        if (strncmp(line, key, sizeof key - 1) != 0)
            continue;
        line += sizeof key - 1;
        line += strspn(line, " \t\"'");
        size_t n = 0;
        while (n < LICENCE_MAX_BYTES - 1 && (isalnum((unsigned char)line[n]) ||
                                             (line[n] != '\0' && strchr(".-_+", line[n]) != NULL)))
            n++;
        memcpy(out, line, n);
        out[n] = '\0';
        return;
    }
}

static json_t *licence_of(const tb_model *model)
{
    const char *said = json_string_value(json_object_get(model->timbre, "licence"));
    if (said != NULL)
        return json_string(said);
    char readme[README_MAX_BYTES], licence[LICENCE_MAX_BYTES] = "";
    read_readme(model, readme);
    find_licence(readme, licence);
    return json_string(licence[0] == '\0' ? "unknown" : licence);
}

/* ---- components ---- */

static json_t *bytes_by_type(const tb_parameters_facts *facts)
{
    json_t *types = json_object();
    for (int i = 0; i < TB_DTYPE_COUNT; i++)
        if (facts->n_bytes_of[i] > 0 &&
            json_object_set_new(types, tb_dtype_name((tb_dtype)i),
                                json_integer((json_int_t)facts->n_bytes_of[i])) != 0) {
            json_decref(types);
            return NULL;
        }
    return types;
}

static json_t *ints(const int *values, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        if (json_array_append_new(list, json_integer(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *architecture_of(const tb_model *model, tb_network network)
{
    const tb_text_config *text = &model->text;
    const tb_unet_config *unet = &model->unet;
    const tb_vae_config *vae = &model->vae;
    switch (network) {
    case TB_NETWORK_TEXT:
        return json_pack("{s:i, s:i, s:i, s:i, s:i, s:s}", "vocabulary", text->vocab_size, "width",
                         text->width, "layers", text->n_layers, "heads", text->n_heads, "positions",
                         text->n_positions, "activation",
                         text->is_quick_gelu ? "quick_gelu" : "gelu");
    case TB_NETWORK_UNET:
        return json_pack("{s:i, s:o, s:o, s:o, s:i}", "latent_channels", unet->in_channels,
                         "channels", ints(unet->block_channels, unet->n_blocks), "layers_per_block",
                         ints(unet->layers_per_block, unet->n_blocks), "heads",
                         ints(unet->n_heads, unet->n_blocks), "cross_width", unet->cross_width);
    default:
        return json_pack("{s:i, s:o, s:i, s:i}", "latent_channels", vae->latent_channels,
                         "channels", ints(vae->block_channels, vae->n_blocks), "layers_per_block",
                         vae->layers_per_block, "down_sampling", tb_vae_factor(vae));
    }
}

static json_t *component_of(const tb_model *model, tb_network network)
{
    const tb_weights *weights = model->weights[model->is_single ? 0 : network];
    tb_parameters_facts facts = tb_parameters_measure(model->parameters[network]);
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "storage", tb_weights_format(weights),
                     "tensors", (json_int_t)facts.n_tensors, "parameters",
                     (json_int_t)facts.n_parameters, "bytes", (json_int_t)facts.n_bytes, "dtypes",
                     bytes_by_type(&facts), "architecture", architecture_of(model, network));
}

/* ---- all ---- */

static const char *prediction_of(const tb_model *model)
{
    static const char key[] = "prediction_type";
    const char *said = json_string_value(json_object_get(model->timbre, key));
    if (said == NULL)
        said = json_string_value(json_object_get(model->scheduler, key));
    return said == NULL ? "epsilon" : said;
}

static json_t *native_width_of(const tb_model *model)
{
    int size = model->unet.sample_size;
    return size == 0 ? json_null() : json_integer(size * tb_vae_factor(&model->vae));
}

/* Paths need not be UTF-8, which JSON is. */
static json_t *json_of_path(const char *path)
{
    json_t *json = json_string(path);
    return json != NULL ? json : json_string("(a path that is not UTF-8)");
}

static json_t *files_of(const tb_model *model)
{
    json_t *list = json_array();
    for (size_t i = 0; i < model->n_files; i++) {
        const tb_model_file *file = &model->files[i];
        if (json_array_append_new(list,
                                  json_pack("{s:o, s:o, s:I}", "name", json_of_path(file->name),
                                            "path", json_of_path(file->path), "bytes",
                                            (json_int_t)file->stamp.len_bytes)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *name_of(const tb_model *model)
{
    const char *said = json_string_value(json_object_get(model->timbre, "name"));
    return said == NULL ? json_null() : json_string(said);
}

json_t *tb_model_describe(tb_model *model)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:s, s:o, s:{s:o, s:o, s:o}, s:o}", "path",
                     json_of_path(model->path), "name", name_of(model), "format",
                     model->is_single ? "single file" : "diffusers folder", "licence",
                     licence_of(model), "prediction_type", prediction_of(model), "native_width",
                     native_width_of(model), "components", tb_network_name(TB_NETWORK_TEXT),
                     component_of(model, TB_NETWORK_TEXT), tb_network_name(TB_NETWORK_UNET),
                     component_of(model, TB_NETWORK_UNET), tb_network_name(TB_NETWORK_VAE),
                     component_of(model, TB_NETWORK_VAE), "files", files_of(model));
}
