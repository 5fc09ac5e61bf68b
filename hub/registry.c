#include "hub/registry.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"

extern const unsigned char tb_data_models[];
extern const unsigned tb_data_models_len;

/* Read once and kept: the texts of the table are those of this JSON. volatile, for nobody reads it
 * again and an optimiser would drop it, which leak checkers then call a leak. */
static json_t *volatile root;
static tb_known_model models[TB_KNOWN_MODELS_MAX];
static size_t n_models;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A member that must be a text; NULL otherwise. */
static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static const char *text_or_nothing(const json_t *object, const char *name)
{
    const char *text = text_of(object, name);
    return text == NULL ? "" : text;
}

static bool read_known_file(const json_t *object, tb_known_file *file)
{
    file->path = text_of(object, "path");
    file->sha256_prefix = text_or_nothing(object, "sha256_prefix");
    file->is_optional = json_is_true(json_object_get(object, "optional"));
    if (file->path == NULL)
        return false;
    size_t len = strlen(file->path);
    if (len > 1 && file->path[len - 1] == '/') /* a folder, of which nothing is certain */
        return file->is_optional && file->path[0] != '/';
    return tb_repo_path_is_valid(file->path);
}

static bool read_source(const json_t *object, tb_known_source *source)
{
    const json_t *files = json_object_get(object, "files");
    source->repo = text_of(object, "repo");
    source->n_files = json_array_size(files);
    bool is_good = source->repo != NULL && tb_repo_is_valid(source->repo) && source->n_files > 0 &&
                   source->n_files <= TB_KNOWN_FILES_MAX;
    for (size_t i = 0; is_good && i < source->n_files; i++)
        is_good = read_known_file(json_array_get(files, i), &source->files[i]);
    return is_good;
}

/* {"repo","folder"}: where the vocabulary is that the weights come without. */
static bool read_tokenizer(const json_t *object, tb_known_model *model)
{
    const char *repo = text_of(object, "repo");
    model->tokenizer = text_or_nothing(object, "folder");
    if (object == NULL)
        return true;
    for (size_t i = 0; repo != NULL && i < model->n_sources; i++)
        if (strcmp(model->sources[i].repo, repo) == 0) {
            model->tokenizer_source = i;
            return tb_repo_path_is_valid(model->tokenizer);
        }
    return false;
}

static bool read_model(const json_t *object, tb_known_model *model)
{
    const json_t *sources = json_object_get(object, "sources");
    *model = (tb_known_model){
        .name = text_of(object, "name"),
        .title = text_of(object, "title"),
        .licence = text_of(object, "licence"),
        .weights = text_or_nothing(object, "weights"),
        .about_bytes = json_integer_value(json_object_get(object, "about_bytes")),
        .memory_bytes = json_integer_value(json_object_get(object, "memory_bytes")),
        .memory_low_bytes = json_integer_value(json_object_get(object, "memory_low_bytes")),
        .native_seconds = json_number_value(json_object_get(object, "native_seconds")),
        .n_sources = json_array_size(sources)};
    bool is_good = model->name != NULL && model->title != NULL && model->licence != NULL &&
                   model->n_sources > 0 && model->n_sources <= TB_KNOWN_SOURCES_MAX;
    for (size_t i = 0; is_good && i < model->n_sources; i++)
        is_good = read_source(json_array_get(sources, i), &model->sources[i]);
    return is_good && read_tokenizer(json_object_get(object, "tokenizer"), model);
}

static void read_registry(void)
{
    root = json_loadb((const char *)tb_data_models, tb_data_models_len, JSON_REJECT_DUPLICATES,
                      NULL);
    const json_t *list = json_object_get(root, "models");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < TB_KNOWN_MODELS_MAX; i++)
        if (!read_model(json_array_get(list, i), &models[n_models++])) {
            n_models = 0; /* a test reads it: never in a program that was released */
            return;
        }
}

const tb_known_model *tb_registry(size_t *n)
{
    (void)pthread_once(&once, read_registry);
    *n = n_models;
    return n_models > 0 ? models : NULL;
}

const tb_known_model *tb_registry_find(const char *name)
{
    size_t n;
    const tb_known_model *all = tb_registry(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

const char *tb_registry_suggest(const char *name)
{
    enum {
        ALIKE_MIN = 3
    }; /* first characters: a nearer look is not worth its code for few names */
    size_t n, most = 0;
    const tb_known_model *all = tb_registry(&n);
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t alike = 0;
        while (name[alike] != '\0' && all[i].name[alike] == name[alike])
            alike++;
        if (alike >= ALIKE_MIN && alike > most) {
            most = alike;
            best = all[i].name;
        }
    }
    return best;
}
