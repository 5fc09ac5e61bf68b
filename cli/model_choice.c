#include "cli/model_choice.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/models.h"
#include "cli/paths.h"
#include "cli/value.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/tokenizer.h"
#include "timbre/model.h"

static const char sketch[] = "sketch";

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the choice of a model");
}

/* What is installed, with the reason in *why where that cannot be read: a model that is named by a
 * path, or the sketch, do without. */
static void read_list(tb_app *app, tb_installed_list *list, tb_error *why)
{
    tb_models m = {.app = app};
    tb_error err = {0};
    *list = (tb_installed_list){0};
    if (tb_models_open_hub(app, &m.hub, &err) != TIMBRE_OK || tb_models_read(&m, &err) != TIMBRE_OK)
        *why = err;
    else
        *list = m.list;
    tb_hub_deinit(&m.hub);
}

static bool has_tokenizer_setting(const tb_app *app)
{
    return tb_settings_text(&app->settings, "engine.tokenizer")[0] != '\0';
}

static tb_status finish(tb_app *app, const tb_installed_list *list, tb_model_choice *out,
                        tb_error *err)
{
    if (has_tokenizer_setting(app)) { /* the user's word is the last */
        free(out->tokenizer);
        out->tokenizer = NULL;
        return TIMBRE_OK;
    }
    return out->tokenizer == NULL ? tb_installed_tokenizer(list, out->path, &out->tokenizer, err)
                                  : TIMBRE_OK;
}

static tb_status choose_sketch(tb_model_choice *out, tb_error *err)
{
    out->id = tb_strdup(sketch);
    out->name = tb_strdup(sketch);
    return out->id != NULL && out->name != NULL ? TIMBRE_OK : no_memory(err);
}

static tb_status choose_installed(tb_app *app, const tb_installed_list *list,
                                  const tb_installed *item, tb_model_choice *out, tb_error *err)
{
    tb_status st = tb_installed_require_whole(item, err);
    if (st != TIMBRE_OK) {
        if (access(item->name, F_OK) == 0)
            tb_fix(err, "%s%.150s, or --model ./%.150s for what is here",
                   item->provenance == TB_PROVENANCE_ADDED ? "timbre models rm "
                                                           : "timbre models pull ",
                   item->name, item->name);
        return st;
    }
    out->id = tb_strdup(item->name);
    out->name = tb_strdup(item->name);
    out->path = tb_strdup(item->path);
    out->tokenizer = item->tokenizer == NULL ? NULL : tb_strdup(item->tokenizer);
    if (out->id == NULL || out->name == NULL || out->path == NULL ||
        (item->tokenizer != NULL && out->tokenizer == NULL))
        return no_memory(err);
    return finish(app, list, out, err);
}

static tb_status choose_path(tb_app *app, const tb_installed_list *list, const char *asked,
                             tb_model_choice *out, tb_error *err)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    tb_status st = tb_path_expand("model", asked, &out->path, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_model_name(out->path, name, sizeof name);
    out->name = tb_strdup(name);
    if (out->name == NULL)
        return no_memory(err);
    st = finish(app, list, out, err);
    out->id = tb_strdup(out->tokenizer != NULL ? out->name : out->path);
    return st == TIMBRE_OK && out->id == NULL ? no_memory(err) : st;
}

/* There is no such name and no such file. */
static tb_status explain_missing(const tb_installed_list *list, const char *asked,
                                 const tb_error *why, tb_error *err)
{
    tb_suggestion near = tb_suggestion_begin(asked);
    tb_suggestion_offer(&near, sketch);
    for (size_t i = 0; i < list->n; i++)
        tb_suggestion_offer(&near, list->items[i].name);
    if (why->code != TIMBRE_OK) { /* it may well be installed */
        if (err != NULL)
            *err = *why;
        return why->code;
    }
    bool is_path = asked[0] == '.' || asked[0] == '/' || asked[0] == '~';
    tb_status st = tb_fail(
        err, TIMBRE_MODEL_MISSING,
        is_path ? "no such file or folder: '%.200s'" : "there is no model '%.200s'", asked);
    if (is_path)
        tb_fix(err, "check the path; timbre models shows what is installed");
    else if (near.best != NULL)
        tb_fix(err, "did you mean %s?", near.best);
    else if (tb_repo_is_valid(asked))
        tb_fix(err, "timbre models pull %.200s, where it is the Hub's; else check the path", asked);
    else
        tb_fix(err, "timbre models shows which there are; name one, a folder or a file of a model, "
                    "or use --model sketch");
    return st;
}

static tb_status choose_asked(tb_app *app, const tb_installed_list *list, const tb_error *why,
                              const char *asked, tb_model_choice *out, tb_error *err)
{
    if (strcmp(asked, sketch) == 0)
        return choose_sketch(out, err);
    const tb_installed *item = tb_installed_find(list, asked);
    if (item != NULL)
        return choose_installed(app, list, item, out, err);
    tb_status st = choose_path(app, list, asked, out, err);
    if (st == TIMBRE_OK && access(out->path, F_OK) != 0)
        st = explain_missing(list, asked, why, err);
    return st;
}

static tb_status choose_default(tb_app *app, const tb_installed_list *list, tb_model_choice *out,
                                tb_error *err)
{
    const tb_installed *item = tb_installed_default(list);
    tb_status st = item == NULL ? choose_sketch(out, err)
                                : choose_installed(app, list, item, out, err);
    if (st != TIMBRE_OK)
        return st;
    out->why = tb_strdup(item == NULL ? "no neural model was fetched or added"
                         : item->known != NULL
                             ? "it is the first of the known models that is whole"
                             : "it is the newest of the models that you fetched or added");
    return out->why != NULL ? TIMBRE_OK : no_memory(err);
}

static tb_status choose(tb_app *app, const tb_installed_list *list, const tb_error *why,
                        tb_model_choice *out, tb_error *err)
{
    const char *flag = tb_args_value(&app->args, "model");
    const char *setting = tb_settings_text(&app->settings, "generate.model");
    const char *asked = flag != NULL ? flag : setting;
    if (asked[0] == '\0' && flag == NULL)
        return choose_default(app, list, out, err);
    out->is_named = true;
    int i = tb_setting_find("generate.model");
    out->why = flag != NULL || app->settings.where[i] == NULL
                   ? tb_strdup("it is what --model says")
                   : tb_strf("the setting generate.model in %s says so", app->settings.where[i]);
    return out->why != NULL ? choose_asked(app, list, why, asked, out, err) : no_memory(err);
}

tb_status tb_model_choose_from(tb_app *app, const tb_installed_list *list, tb_model_choice *out,
                               tb_error *err)
{
    static const tb_error none;
    return choose(app, list, &none, out, err);
}

tb_status tb_model_choose(tb_app *app, tb_model_choice *out, tb_error *err)
{
    const char *flag = tb_args_value(&app->args, "model");
    tb_installed_list list = {0};
    tb_error why = {0};
    if (flag == NULL || strcmp(flag, sketch) != 0)
        read_list(app, &list, &why);
    tb_status st = choose(app, &list, &why, out, err);
    if (st == TIMBRE_OK && !out->is_named && why.code != TIMBRE_OK)
        tb_app_warn(app, "installed models are not looked at: %s", why.message);
    tb_installed_list_deinit(&list);
    return st;
}

/* The setting's model, where it has that name. */
static bool is_of_setting(const tb_app *app, const char *name)
{
    char own[TB_MODEL_ID_MAX_BYTES + 1];
    const char *setting = tb_settings_text(&app->settings, "generate.model");
    timbre_model_name(setting, own, sizeof own);
    return setting[0] != '\0' && (strcmp(setting, name) == 0 || strcmp(own, name) == 0);
}

tb_status tb_model_choose_recorded(tb_app *app, const char *name, tb_model_choice *out,
                                   bool *is_known, tb_error *err)
{
    *is_known = true;
    if (strcmp(name, sketch) == 0)
        return choose_sketch(out, err);
    tb_installed_list list = {0};
    tb_error why = {0};
    read_list(app, &list, &why);
    const tb_installed *item = tb_installed_find(&list, name);
    tb_status st;
    if (is_of_setting(app, name))
        st = choose(app, &list, &why, out, err);
    else if (item != NULL)
        st = choose_installed(app, &list, item, out, err);
    else {
        *is_known = false;
        st = explain_missing(&list, name, &why, err);
    }
    tb_installed_list_deinit(&list);
    return st;
}

tb_status tb_model_choose_named(tb_app *app, const char *name, tb_model_choice *out, tb_error *err)
{
    tb_installed_list list = {0};
    tb_error why = {0};
    read_list(app, &list, &why);
    const tb_installed *item = tb_installed_find(&list, name);
    tb_status st = item == NULL ? tb_fail(err, TIMBRE_NOT_FOUND, "there is no model '%.200s'", name)
                                : choose_installed(app, &list, item, out, err);
    tb_installed_list_deinit(&list);
    return st;
}

tb_status tb_model_choose_at(tb_app *app, const char *path, tb_model_choice *out, tb_error *err)
{
    tb_installed_list list = {0};
    tb_error why = {0};
    if (!has_tokenizer_setting(app))
        read_list(app, &list, &why);
    tb_status st = choose_path(app, &list, path, out, err);
    tb_installed_list_deinit(&list);
    return st;
}

bool tb_model_is_name(tb_app *app, const char *name)
{
    tb_installed_list list = {0};
    tb_error why = {0};
    read_list(app, &list, &why);
    bool is_name = strcmp(name, sketch) == 0 || tb_installed_find(&list, name) != NULL;
    tb_installed_list_deinit(&list);
    return is_name;
}

tb_status tb_model_choice_apply(const tb_model_choice *choice, timbre_request *request,
                                tb_error *err)
{
    tb_status st = timbre_request_set(request, "model_id", choice->id, err);
    bool is_placed = choice->path != NULL && strcmp(choice->id, choice->path) != 0;
    if (st == TIMBRE_OK && is_placed)
        st = timbre_request_place_model(request, choice->path, choice->tokenizer, err);
    return st;
}

tb_status tb_model_choice_tokenizer(tb_app *app, const tb_model_choice *choice, char **out,
                                    tb_error *err)
{
    *out = NULL;
    if (has_tokenizer_setting(app))
        return tb_path_expand("tokenizer", tb_settings_text(&app->settings, "engine.tokenizer"),
                              out, err);
    if (choice->tokenizer == NULL)
        return TIMBRE_OK;
    *out = tb_strdup(choice->tokenizer);
    return *out != NULL ? TIMBRE_OK : no_memory(err);
}

void tb_model_choice_deinit(tb_model_choice *choice)
{
    free(choice->id);
    free(choice->name);
    free(choice->path);
    free(choice->tokenizer);
    free(choice->why);
    *choice = (tb_model_choice){0};
}
