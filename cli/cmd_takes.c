/* timbre takes: the history that a worker keeps. Takes have numbers, and files that stay files. */
#include <stdlib.h>
#include <string.h>

#include "cli/client/client.h"
#include "cli/client/list.h"
#include "cli/client/row.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/str.h"

typedef struct {
    tb_app *app;
    tb_client client;
    const char **operands; /* after the action; borrowed */
    size_t n_operands;
} takes;

typedef tb_status (*action_fn)(takes *t, tb_error *err);

enum { NUMBER_COLUMNS = 6, LENGTH_COLUMNS = 8, MODEL_COLUMNS = 14, AGE_COLUMNS = 7 };

/* "/artifacts/ID" and what follows. `name`: "#12", "12", "last" or a UUID. Owned. */
static tb_status make_path(const char *name, const char *rest, char **out, tb_error *err)
{
    tb_str path = {0};
    const char *id = name[0] == '#' ? name + 1 : name;
    *out = NULL;
    if (id[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "'%.80s' is no number of a take", name);
    tb_str_append(&path, "/artifacts/");
    tb_path_part_append(&path, id);
    tb_str_append(&path, rest);
    *out = tb_str_take(&path);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
}

static tb_status ask(takes *t, const char *method, const char *name, const char *rest,
                     const char *body, json_t **answer, tb_error *err)
{
    char *path = NULL;
    tb_status st = make_path(name, rest, &path, err);
    if (st == TIMBRE_OK)
        st = tb_client_call(&t->client, method, path, body, NULL, answer, err);
    free(path);
    return st;
}

static void print_take(const tb_app *app, const json_t *take)
{
    const json_t *metadata = json_object_get(take, "metadata");
    const char *title = tb_member_text(take, "title");
    bool is_starred = json_is_true(json_object_get(take, "starred"));
    char number[24], length[24], age[TB_AGE_TEXT_MAX];
    (void)snprintf(number, sizeof number, "#%lld",
                   (long long)json_integer_value(json_object_get(take, "number")));
    (void)snprintf(length, sizeof length, "%.1f s",
                   json_number_value(json_object_get(metadata, "duration_seconds")));
    tb_age_format(tb_member_text(take, "created_at"), age);
    int used = NUMBER_COLUMNS + 3 + LENGTH_COLUMNS + MODEL_COLUMNS + AGE_COLUMNS + 4;
    int columns = tb_row_columns() - used;
    printf("%*s %s ", NUMBER_COLUMNS, number, !is_starred ? " " : app->is_utf8 ? "★" : "*");
    printf("%*s  ", LENGTH_COLUMNS, length);
    tb_row_print(stdout, tb_member_text(metadata, "model_id"), MODEL_COLUMNS, false, app->is_utf8);
    printf(" %*s  ", AGE_COLUMNS, age);
    tb_row_print(stdout, title[0] != '\0' ? title : tb_member_text(metadata, "prompt"),
                 columns > 8 ? columns : 8, true, app->is_utf8);
    printf("\n");
}

static tb_status fetch(takes *t, const char *words, json_t **out, tb_error *err)
{
    const tb_args *args = &t->app->args;
    int limit = (int)tb_args_number(args, "limit", 20);
    tb_str path = {0};
    tb_str_append(&path, "/artifacts");
    if (words != NULL)
        tb_query_append(&path, "q", words);
    if (tb_args_has(args, "starred"))
        tb_query_append(&path, "starred", "true");
    if (tb_args_has(args, "trash"))
        tb_query_append(&path, "trashed", "true");
    tb_status st = tb_list_fetch(&t->client, &path, "artifacts", limit, out, err);
    tb_str_deinit(&path);
    return st;
}

static tb_status print_list(takes *t, const char *words, tb_error *err)
{
    json_t *found = NULL, *take;
    size_t i;
    tb_status st = fetch(t, words, &found, err);
    if (st != TIMBRE_OK)
        return st;
    if (t->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "takes", found), err);
    json_array_foreach(found, i, take) print_take(t->app, take);
    if (json_array_size(found) == 0)
        tb_app_note(t->app, "%s", words != NULL ? "no take is like that" : "there are no takes");
    json_decref(found);
    return TIMBRE_OK;
}

static tb_status list(takes *t, tb_error *err)
{
    return print_list(t, NULL, err);
}

static tb_status search(takes *t, tb_error *err)
{
    tb_str words = {0};
    for (size_t i = 0; i < t->n_operands; i++)
        tb_str_appendf(&words, "%s%s", i > 0 ? " " : "", t->operands[i]);
    tb_status st = print_list(t, tb_str_text(&words), err);
    tb_str_deinit(&words);
    return st;
}

/* The changed takes as JSON, else nothing: the change was the result. Takes the reference. */
static tb_status print_changed(takes *t, json_t *changed, tb_error *err)
{
    if (t->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "takes", changed), err);
    json_decref(changed);
    return TIMBRE_OK;
}

/* The same for each take that is named; an answer without a body counts as its name. */
static tb_status change_each(takes *t, const char *method, const char *rest, const char *body,
                             tb_error *err)
{
    tb_status st = TIMBRE_OK;
    json_t *changed = json_array();
    for (size_t i = 0; st == TIMBRE_OK && i < t->n_operands; i++) {
        json_t *answer = NULL;
        st = ask(t, method, t->operands[i], rest, body, &answer, err);
        if (st == TIMBRE_OK && answer == NULL)
            answer = tb_text_to_json(t->operands[i]);
        if (answer != NULL)
            (void)json_array_append_new(changed, answer);
    }
    if (st == TIMBRE_OK)
        return print_changed(t, changed, err);
    json_decref(changed);
    return st;
}

static tb_status star(takes *t, tb_error *err)
{
    return change_each(t, "PATCH", "", "{\"starred\": true}", err);
}

static tb_status unstar(takes *t, tb_error *err)
{
    return change_each(t, "PATCH", "", "{\"starred\": false}", err);
}

static tb_status restore(takes *t, tb_error *err)
{
    return change_each(t, "POST", "/restore", NULL, err);
}

/* "last" is another take once the last one is gone: the note names what was meant. */
static tb_status remove_takes(takes *t, tb_error *err)
{
    tb_str removed = {0};
    tb_status st = TIMBRE_OK;
    json_t *changed = json_array();
    for (size_t i = 0; st == TIMBRE_OK && i < t->n_operands; i++) {
        json_t *take = NULL;
        st = ask(t, "GET", t->operands[i], "", NULL, &take, err);
        if (st == TIMBRE_OK)
            st = ask(t, "DELETE", tb_member_text(take, "job_id"), "", NULL, NULL, err);
        if (st == TIMBRE_OK)
            tb_str_appendf(&removed, " %lld",
                           (long long)json_integer_value(json_object_get(take, "number")));
        if (st == TIMBRE_OK)
            (void)json_array_append(changed, take);
        json_decref(take);
    }
    if (removed.len > 0)
        tb_app_note(t->app, "kept for %s days; to bring back: timbre takes restore%s",
                    tb_settings_text(&t->app->settings, "worker.trash_days"),
                    tb_str_text(&removed));
    tb_str_deinit(&removed);
    if (st == TIMBRE_OK)
        return print_changed(t, changed, err);
    json_decref(changed);
    return st;
}

static tb_status path(takes *t, tb_error *err)
{
    json_t *take = NULL;
    tb_status st = ask(t, "GET", t->n_operands > 0 ? t->operands[0] : "last", "", NULL, &take, err);
    if (st != TIMBRE_OK)
        return st;
    const char *file = tb_member_text(take, "artifact_path");
    if (file[0] == '\0')
        st = tb_fail(err, TIMBRE_GONE, "the take has no file");
    else if (t->app->wants_json)
        st = tb_json_print(json_pack("{s:i, s:s}", "schema", 1, "path", file), err);
    else
        printf("%s\n", file);
    json_decref(take);
    return st;
}

static tb_status title(takes *t, tb_error *err)
{
    json_t *change = json_pack("{s:o}", "title", tb_text_to_json(t->operands[1]));
    char *body = change != NULL ? json_dumps(change, JSON_COMPACT) : NULL;
    json_decref(change);
    if (body == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a title");
    t->n_operands = 1;
    tb_status st = change_each(t, "PATCH", "", body, err);
    free(body);
    return st;
}

enum { N_ACTIONS = 8, NAMED_MAX = 15 };

static const tb_action actions[N_ACTIONS + 1] = {
    {"list", "list [--starred] [--trash] [--limit N]", 0, 0, {"starred", "trash", "limit", NULL}},
    {"search", "search WORD...", 1, NAMED_MAX, {"starred", "trash", "limit", NULL}},
    {"star", "star N...", 1, NAMED_MAX, {NULL}},
    {"unstar", "unstar N...", 1, NAMED_MAX, {NULL}},
    {"rm", "rm N...", 1, NAMED_MAX, {NULL}},
    {"restore", "restore N...", 1, NAMED_MAX, {NULL}},
    {"path", "path [N]", 0, 1, {NULL}},
    {"title", "title N TEXT", 2, 2, {NULL}},
    {0},
};
static const action_fn functions[N_ACTIONS] = {list,         search,  star, unstar,
                                               remove_takes, restore, path, title};
static const char *const everywhere[] = {"json", "data-dir", "worker", "api-key-file", NULL};

int tb_cmd_takes(tb_app *app)
{
    tb_error err = {0};
    takes t = {.app = app};
    if (app->args.n_operands > 1) {
        t.operands = app->args.operands + 1;
        t.n_operands = app->args.n_operands - 1;
    }
    int i = tb_action_find(app, actions, everywhere, &err);
    if (i < 0)
        return tb_app_fail(app, &err);
    tb_signals_catch();
    tb_status st = tb_client_open(app, TB_CLIENT_START, &t.client, &err);
    if (st == TIMBRE_OK)
        st = functions[i](&t, &err);
    tb_client_close(&t.client);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
