/*
 * timbre models: a table of actions. Each says which options it takes; any other is refused by
 * name, so that none is read and ignored.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/models.h"
#include "cli/paths.h"
#include "cli/text.h"
#include "cli/value.h"

typedef struct {
    const char *name, *usage;
    size_t min_operands, max_operands;
    const char *options[5]; /* beside those of all actions; ends with NULL */
    tb_status (*run)(tb_models *m, int *exit_code, tb_error *err);
} action;

static const action actions[] = {
    {"list", "list", 0, 0, {NULL}, tb_models_list},
    {"pull",
     "pull NAME",
     1,
     1,
     {"revision", "accept-license", "dry-run", "progress", NULL},
     tb_models_pull},
    {"show", "show NAME", 1, 1, {"tokenizer", NULL}, tb_models_show},
    {"verify", "verify [NAME]", 0, 1, {"repair", "progress", NULL}, tb_models_verify},
    {"rm", "rm NAME", 1, 1, {"force", NULL}, tb_models_remove},
    {"path", "path [NAME]", 0, 1, {NULL}, tb_models_path},
    {"add", "add PATH [--name NAME]", 1, 1, {"name", "tokenizer", "progress", NULL}, tb_models_add},
    {"convert",
     "convert IN OUT.safetensors",
     2,
     2,
     {"dtype", "force", "progress", NULL},
     tb_models_convert},
};

enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

static const action *find_action(const char *name, tb_error *err)
{
    tb_suggestion near = tb_suggestion_begin(name);
    for (size_t i = 0; i < N_ACTIONS; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
        tb_suggestion_offer(&near, actions[i].name);
    }
    (void)tb_fail(err, TIMBRE_BAD_INPUT, "unknown action '%.80s'", name);
    if (near.best != NULL)
        tb_fix(err, "did you mean timbre models %s?", near.best);
    else
        tb_fix(err, "timbre models -h shows how it is used");
    return NULL;
}

static bool takes_option(const action *a, const char *option)
{
    for (size_t i = 0; a->options[i] != NULL; i++)
        if (strcmp(a->options[i], option) == 0)
            return true;
    return strcmp(option, "json") == 0 || strcmp(option, "data-dir") == 0;
}

/* Whether it is one of `models` itself, and not one that every command has. */
static bool is_own(const tb_command *command, const char *option)
{
    for (size_t i = 0; i < command->n_options; i++)
        if (strcmp(command->options[i].name, option) == 0)
            return true;
    return false;
}

static tb_status check_options(const tb_args *args, const action *a, tb_error *err)
{
    for (size_t i = 0; i < args->n_items; i++) {
        const char *name = args->items[i].option.name;
        if (name == NULL || !is_own(args->command, name) || takes_option(a, name))
            continue;
        tb_status st = TIMBRE_BAD_INPUT;
        for (size_t k = 0; k < N_ACTIONS; k++)
            if (takes_option(&actions[k], name)) {
                st = tb_fail(err, st, "--%s is for models %s, not for models %s", name,
                             actions[k].name, a->name);
                break;
            }
        tb_fix(err, "leave it out: timbre models %s", a->usage);
        return st;
    }
    return TIMBRE_OK;
}

static tb_status check_operands(const action *a, size_t n, tb_error *err)
{
    if (n >= a->min_operands && n <= a->max_operands)
        return TIMBRE_OK;
    tb_status st = a->min_operands == a->max_operands
                       ? tb_fail(err, TIMBRE_BAD_INPUT, "models %s takes %zu argument%s, not %zu",
                                 a->name, a->max_operands, a->max_operands == 1 ? "" : "s", n)
                       : tb_fail(err, TIMBRE_BAD_INPUT,
                                 "models %s takes at most %zu argument, not %zu", a->name,
                                 a->max_operands, n);
    tb_fix(err, "timbre models %s", a->usage);
    return st;
}

tb_status tb_models_open_hub(tb_app *app, tb_hub *hub, tb_error *err)
{
    char *data_dir = NULL;
    tb_error why = {0};
    if (tb_path_data(tb_args_value(&app->args, "data-dir"), &data_dir, &why) != TIMBRE_OK)
        tb_app_detail(app, "models are looked for in the cache alone: %s", why.message);
    tb_status st = tb_hub_init(hub, data_dir, err);
    free(data_dir);
    return st;
}

tb_status tb_models_read(tb_models *m, tb_error *err)
{
    char *warnings = NULL;
    tb_status st = tb_installed_list_read(&m->hub, &m->list, &warnings, err);
    const char *at = warnings == NULL ? "" : warnings;
    for (size_t length; (length = strcspn(at, "\n")) > 0; at += length + (at[length] == '\n'))
        tb_app_warn(m->app, "%.*s", (int)length, at);
    free(warnings);
    return st;
}

tb_status tb_models_find(tb_models *m, const char *name, const tb_installed **out, tb_error *err)
{
    tb_status st = tb_models_read(m, err);
    if (st != TIMBRE_OK)
        return st;
    *out = tb_installed_find(&m->list, name);
    if (*out != NULL)
        return TIMBRE_OK;
    tb_suggestion near = tb_suggestion_begin(name);
    for (size_t i = 0; i < m->list.n; i++)
        tb_suggestion_offer(&near, m->list.items[i].name);
    st = tb_fail(err, TIMBRE_MODEL_MISSING, "there is no model '%.200s'", name);
    if (strcmp(name, "sketch") == 0)
        tb_fix(err, "the sketch is built in and has no files: timbre generate --model sketch");
    else if (near.best != NULL)
        tb_fix(err, "did you mean %s?", near.best);
    else if (tb_repo_is_valid(name))
        tb_fix(err, "timbre models pull %.200s", name);
    else
        tb_fix(err, "timbre models shows which there are");
    return st;
}

const char *tb_models_state_name(tb_installed_state state)
{
    static const char *const names[] = {"absent", "partial", "whole"};
    return names[state];
}

const char *tb_models_provenance_name(tb_provenance provenance)
{
    static const char *const names[] = {"known", "pulled", "added", "shipped", "cache"};
    return names[provenance];
}

json_t *tb_text_or_null(const char *text)
{
    return text == NULL ? json_null() : tb_text_to_json(text);
}

json_t *tb_bytes_or_null(int64_t n_bytes)
{
    return n_bytes > 0 ? json_integer((json_int_t)n_bytes) : json_null();
}

void tb_bytes_format(int64_t n_bytes, char out[TB_BYTES_TEXT_MAX])
{
    static const struct {
        double unit;
        const char *format;
    } units[] = {{1e9, "%.2f GB"}, {1e6, "%.0f MB"}, {1e3, "%.0f kB"}, {1, "%.0f B"}};
    size_t i = 0;
    double n = n_bytes < 0 ? 0 : (double)n_bytes;
    while (units[i].unit > 1 && n < units[i].unit * 0.9995)
        i++;
    (void)snprintf(out, TB_BYTES_TEXT_MAX, units[i].format, n / units[i].unit);
}

const char *tb_licence_name(const char *id)
{
    const char *title = tb_licence_get(id).title;
    return title != NULL ? title : id;
}

int tb_cmd_models(tb_app *app)
{
    const tb_args *args = &app->args;
    const char *name = args->n_operands == 0 ? "list" : args->operands[0];
    tb_error err = {0};
    tb_models m = {.app = app,
                   .operands = args->n_operands == 0 ? NULL : args->operands + 1,
                   .n_operands = args->n_operands == 0 ? 0 : args->n_operands - 1};
    int exit_code = 0;
    const action *a = find_action(name, &err);
    tb_status st = a != NULL ? check_operands(a, m.n_operands, &err) : TIMBRE_BAD_INPUT;
    if (st == TIMBRE_OK)
        st = check_options(args, a, &err);
    if (st == TIMBRE_OK)
        st = tb_models_open_hub(app, &m.hub, &err);
    if (st == TIMBRE_OK)
        st = a->run(&m, &exit_code, &err);
    tb_installed_list_deinit(&m.list);
    tb_hub_deinit(&m.hub);
    if (st == TIMBRE_OK)
        return exit_code;
    int code = tb_app_fail(app, &err);
    return exit_code != 0 ? exit_code : code;
}
