/* timbre models add and convert: a model at another place, and one file out of many. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/model_choice.h"
#include "cli/models.h"
#include "cli/models_meter.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/model.h"

/* The whole path of what is at `path`. A file that is a link keeps its name, which says what it
 * is: links of the Hugging Face cache lead to files without an ending. Owned. */
static tb_status make_absolute(const char *path, char **out, tb_error *err)
{
    bool is_folder = tb_path_is_folder(path);
    char *folder = is_folder ? tb_strdup(path) : tb_path_folder(path);
    char *whole = folder == NULL ? NULL : realpath(folder, NULL);
    int why = errno;
    *out = NULL;
    if (whole != NULL && !is_folder)
        *out = tb_strf("%s%s%s", whole, strcmp(whole, "/") == 0 ? "" : "/", tb_path_name(path));
    tb_status st = TIMBRE_OK;
    if (whole == NULL && folder != NULL)
        st = tb_fail_errno(err, why, "cannot find '%.300s'", path);
    else if (whole != NULL && is_folder) {
        *out = whole;
        whole = NULL;
    } else if (*out == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    free(folder);
    free(whole);
    return st;
}

/* --name, else the folder's or file's own without the ending of weights. */
static void choose_name(const tb_app *app, const char *path, char out[TB_MODEL_ID_MAX_BYTES + 1])
{
    const char *given = tb_args_value(&app->args, "name");
    if (given != NULL) {
        (void)snprintf(out, TB_MODEL_ID_MAX_BYTES + 1, "%s", given);
        return;
    }
    timbre_model_name(path, out, TB_MODEL_ID_MAX_BYTES + 1);
    char *dot = strrchr(out, '.');
    if (dot != NULL && dot != out && !tb_path_is_folder(path))
        *dot = '\0';
}

static tb_status check_name(const char *name, tb_error *err)
{
    if (tb_model_name_is_valid(name) && strcmp(name, "sketch") != 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                           strcmp(name, "sketch") == 0 ? "'%.200s' is built in"
                                                       : "'%.200s' cannot be a model's name",
                           name);
    tb_fix(err, "give one of letters, digits, '.', '_' and '-': --name my-model");
    return st;
}

/* The paths in facts.files: owned array of texts that facts owns; NULL for memory or none. */
static const char **files_of(const json_t *facts, size_t *n)
{
    const json_t *list = json_object_get(facts, "files");
    *n = json_array_size(list);
    const char **paths = calloc(*n + 1, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < *n; i++) {
        paths[i] = json_string_value(json_object_get(json_array_get(list, i), "path"));
        if (paths[i] == NULL) {
            free((void *)paths);
            return NULL;
        }
    }
    return paths;
}

static tb_status add_files(tb_models *m, const char *name, const char *path, const json_t *facts,
                           tb_error *err)
{
    size_t n = 0;
    const char **files = files_of(facts, &n);
    if (files == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the files of a model");
    const char *licence = json_string_value(json_object_get(facts, "licence"));
    tb_models_meter meter;
    tb_models_meter_init(&meter, m->app, "hash");
    tb_progress progress = tb_models_meter_progress(&meter);
    tb_status st = tb_installed_add(&m->hub, name, path, licence != NULL ? licence : "unknown",
                                    files, n, &progress, err);
    tb_models_meter_clear(&meter);
    free((void *)files);
    return st;
}

static tb_status report_added(tb_models *m, const char *name, const char *path, const json_t *facts,
                              tb_error *err)
{
    tb_app_note(m->app, "added %s; --model %s names it", path, name);
    if (!m->app->wants_json) {
        printf("%s\n", name);
        return TIMBRE_OK;
    }
    return tb_json_print(json_pack("{s:i, s:{s:o, s:o, s:I}}", "schema", 1, "added", "name",
                                   tb_text_to_json(name), "path", tb_text_to_json(path), "files",
                                   (json_int_t)json_array_size(json_object_get(facts, "files"))),
                         err);
}

/* Approve of what is at `path`: its facts as JSON, new reference; NULL with err. */
static json_t *approve(tb_app *app, const char *path, tb_error *err)
{
    tb_model_choice choice = {0};
    char *text = NULL;
    tb_status st = tb_model_choose_at(app, path, &choice, err);
    if (st == TIMBRE_OK)
        st = tb_models_describe(app, path, choice.tokenizer, &text, err);
    json_t *facts = st == TIMBRE_OK ? json_loads(text, 0, NULL) : NULL;
    if (st == TIMBRE_OK && facts == NULL)
        (void)tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the model's facts");
    free(text);
    tb_model_choice_deinit(&choice);
    return facts;
}

tb_status tb_models_add(tb_models *m, int *exit_code, tb_error *err)
{
    char name[TB_MODEL_ID_MAX_BYTES + 1];
    char *path = NULL;
    tb_signals_catch();
    tb_status st = make_absolute(m->operands[0], &path, err);
    if (st != TIMBRE_OK)
        return st;
    choose_name(m->app, path, name);
    st = check_name(name, err);
    json_t *facts = st == TIMBRE_OK ? approve(m->app, path, err) : NULL;
    if (st == TIMBRE_OK && facts == NULL)
        st = err->code;
    if (st == TIMBRE_OK)
        st = add_files(m, name, path, facts, err);
    if (st == TIMBRE_OK)
        st = report_added(m, name, path, facts, err);
    json_decref(facts);
    free(path);
    if (st == TIMBRE_CANCELLED && tb_signals_caught() != 0)
        *exit_code = 128 + tb_signals_caught();
    return st;
}

/* Sentences of the report, for people. */
static void say_notes(tb_app *app, const json_t *report)
{
    size_t i;
    json_t *note;
    json_array_foreach(json_object_get(report, "notes"), i, note)
        tb_app_note(app, "%s", json_is_string(note) ? json_string_value(note) : "");
}

static tb_status report_converted(tb_models *m, const char *out, char *text, tb_error *err)
{
    json_t *report = json_loads(text, 0, NULL);
    if (report == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the report");
    say_notes(m->app, report);
    if (m->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "converted", report), err);
    json_decref(report);
    printf("%s\n", out);
    return TIMBRE_OK;
}

tb_status tb_models_convert(tb_models *m, int *exit_code, tb_error *err)
{
    const char *in = m->operands[0], *out = m->operands[1];
    char *report = NULL;
    tb_models_meter meter;
    tb_signals_catch();
    tb_models_meter_init(&meter, m->app, "convert");
    tb_progress progress = tb_models_meter_progress(&meter);
    timbre_convert_options options = {.struct_size = sizeof options,
                                      .dtype = tb_args_value(&m->app->args, "dtype"),
                                      .replace = tb_args_has(&m->app->args, "force"),
                                      .progress = progress.fn,
                                      .progress_user = progress.user,
                                      .cancel = progress.cancel};
    tb_status st = timbre_model_convert(in, out, &options, &report, err);
    tb_models_meter_clear(&meter);
    if (st == TIMBRE_EXISTS)
        tb_fix(err, "name another file, or use --force");
    if (st == TIMBRE_OK)
        st = report_converted(m, out, report, err);
    free(report);
    if (st == TIMBRE_CANCELLED && tb_signals_caught() != 0)
        *exit_code = 128 + tb_signals_caught();
    return st;
}
