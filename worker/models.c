/* Where a model is, by its name. A text from outside is looked up among installed models and never
 * becomes a path. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/installed.h"
#include "hub/manifest.h"
#include "hub/tokenizer.h"
#include "timbre/model.h"
#include "worker/service.h"

static const char sketch[] = "sketch";

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the place of a model");
}

/* Copies; NULL stays NULL. */
static tb_status fill(tb_model_place *out, const char *id, const char *path, const char *tokenizer,
                      tb_error *err)
{
    out->id = tb_strdup(id);
    out->path = path == NULL ? NULL : tb_strdup(path);
    out->tokenizer = tokenizer == NULL ? NULL : tb_strdup(tokenizer);
    bool is_whole = out->id != NULL && (path == NULL || out->path != NULL) &&
                    (tokenizer == NULL || out->tokenizer != NULL);
    return is_whole ? TIMBRE_OK : no_memory(err);
}

/* The worker's setting for vocabularies is the last word; else a file without one borrows it. */
static tb_status find_tokenizer(const tb_worker_options *options, const tb_installed_list *list,
                                tb_model_place *out, tb_error *err)
{
    if (options->tokenizer != NULL && options->tokenizer[0] != '\0') {
        free(out->tokenizer);
        out->tokenizer = NULL;
        return TIMBRE_OK;
    }
    return out->tokenizer == NULL ? tb_installed_tokenizer(list, out->path, &out->tokenizer, err)
                                  : TIMBRE_OK;
}

static tb_status place_installed(const tb_worker_options *options, const tb_installed_list *list,
                                 const tb_installed *item, tb_model_place *out, tb_error *err)
{
    tb_status st = tb_installed_require_whole(item, err);
    if (st == TIMBRE_OK)
        st = fill(out, item->name, item->path, item->tokenizer, err);
    return st == TIMBRE_OK ? find_tokenizer(options, list, out, err) : st;
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* The name of the model that the settings place; false: they place none. */
static bool name_of_setting(const tb_worker_options *options, char name[TB_MODEL_ID_MAX_BYTES + 1])
{
    if (!is_set(options->model_path))
        return false;
    timbre_model_name(is_set(options->model_id) ? options->model_id : options->model_path, name,
                      TB_MODEL_ID_MAX_BYTES + 1);
    return true;
}

static tb_status explain_missing(const char *id, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_MODEL_MISSING, "there is no model '%.200s'", id);
    const char *near = tb_registry_suggest(id);
    if (near != NULL)
        tb_fix(err, "did you mean %s?", near);
    else if (tb_repo_is_valid(id))
        tb_fix(err, "timbre models pull %.200s, where it is the Hub's", id);
    else
        tb_fix(err, "name one that GET /models shows, or \"sketch\"");
    return st;
}

static tb_status find_in(const tb_worker_options *options, const tb_installed_list *list,
                         const char *id, tb_model_place *out, tb_error *err)
{
    char own[TB_MODEL_ID_MAX_BYTES + 1];
    bool has_own = name_of_setting(options, own);
    if (id == NULL && !has_own && is_set(options->model_id))
        id = options->model_id;
    if (has_own && (id == NULL || strcmp(id, own) == 0)) {
        const char *tokenizer = is_set(options->model_tokenizer) ? options->model_tokenizer : NULL;
        tb_status st = fill(out, own, options->model_path, tokenizer, err);
        return st == TIMBRE_OK ? find_tokenizer(options, list, out, err) : st;
    }
    const tb_installed *item = id == NULL ? tb_installed_default(list)
                                          : tb_installed_find(list, id);
    if (item != NULL)
        return place_installed(options, list, item, out, err);
    if (id == NULL || strcmp(id, sketch) == 0)
        return fill(out, sketch, NULL, NULL, err);
    return explain_missing(id, err);
}

tb_status tb_model_place_find(tb_worker *worker, const char *id, tb_model_place *out, tb_error *err)
{
    *out = (tb_model_place){0};
    if (id != NULL && strcmp(id, sketch) == 0)
        return fill(out, sketch, NULL, NULL, err);
    tb_installed_list list = {0};
    tb_status st = tb_installed_list_read(&worker->hub, &list, NULL, err);
    if (st == TIMBRE_OK)
        st = find_in(worker->options, &list, id, out, err);
    if (st != TIMBRE_OK)
        tb_model_place_deinit(out);
    tb_installed_list_deinit(&list);
    return st;
}

void tb_model_place_deinit(tb_model_place *place)
{
    free(place->id);
    free(place->path);
    free(place->tokenizer);
    *place = (tb_model_place){0};
}

tb_status tb_model_place_apply(const tb_model_place *place, timbre_request *request, tb_error *err)
{
    tb_status st = timbre_request_set(request, "model_id", place->id, err);
    if (st == TIMBRE_OK && place->path != NULL)
        st = timbre_request_place_model(request, place->path, place->tokenizer, err);
    return st;
}

bool tb_model_id_is_name(const char *text)
{
    return strcmp(text, sketch) == 0 || tb_model_name_is_valid(text);
}
