#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/models/json_config.h"
#include "engine/models/model_inside.h"
#include "engine/tensor/inside.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool tb_model_has_path(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool tb_model_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the files of a model");
}

/* ---- files that matter ---- */

static bool reserve_file(tb_model *model)
{
    if (model->n_files < model->capacity)
        return true;
    size_t capacity = model->capacity == 0 ? 16 : 2 * model->capacity, n_bytes;
    if (__builtin_mul_overflow(capacity, sizeof *model->files, &n_bytes))
        return false;
    tb_model_file *grown = realloc(model->files, n_bytes);
    if (grown == NULL)
        return false;
    model->files = grown;
    model->capacity = capacity;
    return true;
}

tb_status tb_model_add_file(tb_model *model, const char *name, const char *path,
                            const tb_stamp *stamp, tb_error *err)
{
    if (!reserve_file(model))
        return no_memory(err);
    tb_model_file file = {.name = tb_strdup(name), .path = tb_strdup(path)};
    if (stamp != NULL)
        file.stamp = *stamp;
    else
        (void)tb_stamp_get(path, &file.stamp); /* what is not there cannot be opened either */
    model->files[model->n_files++] = file;
    return file.name == NULL || file.path == NULL ? no_memory(err) : TIMBRE_OK;
}

static tb_status note_weights(tb_model *model, const tb_weights *weights, const char *folder,
                              tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < tb_weights_n_files(weights); i++) {
        int64_t len_bytes;
        const char *path = tb_weights_file(weights, i, &len_bytes);
        char *name = tb_strf("%s%s", folder, tb_path_name(path));
        tb_stamp stamp = tb_weights_stamp(weights, i);
        st = name == NULL ? no_memory(err) : tb_model_add_file(model, name, path, &stamp, err);
        free(name);
    }
    return st;
}

/* ---- config files ---- */

static tb_status read_inside(tb_model *model, const char *path, const char *name, json_t **out,
                             tb_error *err)
{
    tb_status st = tb_path_require_inside(path, model->root, err);
    if (st == TIMBRE_OK)
        st = tb_model_add_file(model, name, path, NULL, err);
    return st == TIMBRE_OK ? tb_json_config_read(path, out, err) : st;
}

tb_status tb_model_read_json(tb_model *model, const char *name, json_t **out, tb_error *err)
{
    char *path = tb_strf("%s/%s", model->root, name);
    if (path == NULL)
        return no_memory(err);
    tb_status st = TIMBRE_OK;
    *out = NULL;
    if (tb_model_has_path(path))
        st = read_inside(model, path, name, out, err);
    free(path);
    return st;
}

/* ---- weights ---- */

/* The first that exists is used: safetensors before pickles, full precision before half. */
static const char *const endings[] = {
    ".safetensors", ".safetensors.index.json", ".fp16.safetensors", ".safetensors.index.fp16.json",
    ".bin",         ".bin.index.json",         ".fp16.bin",
};

/* transformers and diffusers name their files differently. */
typedef struct {
    const char *safetensors, *pickle;
} file_stems;

static file_stems stems_of(tb_network network)
{
    if (network == TB_NETWORK_TEXT)
        return (file_stems){"model", "pytorch_model"};
    return (file_stems){"diffusion_pytorch_model", "diffusion_pytorch_model"};
}

/* *out: owned. */
static tb_status find_weights(const tb_model *model, tb_network network, char **out, tb_error *err)
{
    file_stems stems = stems_of(network);
    const char *component = tb_network_name(network);
    for (size_t i = 0; i < COUNT(endings); i++) {
        bool is_pickle = strstr(endings[i], ".bin") != NULL;
        char *path = tb_strf("%s/%s/%s%s", model->root, component,
                             is_pickle ? stems.pickle : stems.safetensors, endings[i]);
        if (path == NULL)
            return no_memory(err);
        if (tb_model_has_path(path)) {
            *out = path;
            return TIMBRE_OK;
        }
        free(path);
    }
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' has no weights of the %s", model->root,
                           component);
    tb_fix(err, "put %s.safetensors or %s.bin into '%s/%s'", stems.safetensors, stems.pickle,
           model->root, component);
    return st;
}

tb_status tb_model_open_component(tb_model *model, tb_network network, tb_error *err)
{
    char *path = NULL, *folder = tb_strf("%s/", tb_network_name(network));
    tb_status st = folder == NULL ? no_memory(err) : find_weights(model, network, &path, err);
    if (st == TIMBRE_OK)
        st = tb_path_require_inside(path, model->root, err);
    if (st == TIMBRE_OK)
        st = tb_weights_open(path, &model->weights[network], err);
    if (st == TIMBRE_OK)
        st = note_weights(model, model->weights[network], folder, err);
    free(path);
    free(folder);
    return st;
}

tb_status tb_model_open_single(tb_model *model, tb_error *err)
{
    tb_status st = tb_weights_open(model->path, &model->weights[0], err);
    return st == TIMBRE_OK ? note_weights(model, model->weights[0], "", err) : st;
}

/* ---- vocabulary ---- */

/* Whether they must be there, and whether they must be inside of the model. */
static tb_status note_vocabulary(tb_model *model, const char *folder, bool is_own, tb_error *err)
{
    static const struct {
        const char *name;
        bool is_optional;
    } names[] = {{"vocab.json", false},
                 {"merges.txt", false},
                 {"tokenizer_config.json", true},
                 {"special_tokens_map.json", true}};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < COUNT(names); i++) {
        char *path = tb_strf("%s/%s", folder, names[i].name);
        char *name = tb_strf("tokenizer/%s", names[i].name);
        if (path == NULL || name == NULL)
            st = no_memory(err);
        else if (!names[i].is_optional || tb_model_has_path(path)) {
            if (is_own)
                st = tb_path_require_inside(path, model->root, err);
            if (st == TIMBRE_OK)
                st = tb_model_add_file(model, name, path, NULL, err);
        }
        free(path);
        free(name);
    }
    return st;
}

static tb_status look_for_vocabulary(const char *folder, bool *has, tb_error *err)
{
    char *vocab = tb_strf("%s/vocab.json", folder), *merges = tb_strf("%s/merges.txt", folder);
    tb_status st = vocab == NULL || merges == NULL ? no_memory(err) : TIMBRE_OK;
    *has = st == TIMBRE_OK && tb_model_has_path(vocab) && tb_model_has_path(merges);
    free(vocab);
    free(merges);
    return st;
}

/* The folder to look in: beside a single file the vocabulary may also lie open. */
static tb_status choose_tokenizer(const tb_model *model, const char *own, const char **folder,
                                  bool *has, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (*folder == NULL && model->is_single) {
        st = look_for_vocabulary(own, has, err);
        *folder = *has ? own : model->root;
    } else if (*folder == NULL)
        *folder = own;
    return st == TIMBRE_OK ? look_for_vocabulary(*folder, has, err) : st;
}

tb_status tb_model_find_tokenizer(tb_model *model, const char *given, tb_error *err)
{
    char *own = tb_strf("%s/tokenizer", model->root);
    if (own == NULL)
        return no_memory(err);
    const char *folder = given;
    bool has = false;
    tb_status st = choose_tokenizer(model, own, &folder, &has, err);
    if (st == TIMBRE_OK && has)
        st = note_vocabulary(model, folder, given == NULL, err);
    else if (st == TIMBRE_OK) {
        st = tb_fail(err, TIMBRE_MODEL_MISSING,
                     "no vocabulary for '%s': there is no vocab.json with merges.txt in '%s'",
                     model->path, folder);
        tb_fix(err, "name a folder that has both, such as another model's: --tokenizer DIR");
    }
    if (st == TIMBRE_OK && (model->tokenizer_dir = tb_strdup(folder)) == NULL)
        st = no_memory(err);
    free(own);
    return st;
}
