/*
 * timbre models pull: a plan, consent, the transfer, and a look at every tensor of what came.
 * Standard output carries the model's path and nothing else.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/models.h"
#include "cli/models_meter.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/str.h"

/* The SHA-256 of a file of the plan: of the manifest, else where the Hub names it so. */
static const char *sha256_of(const tb_manifest *manifest, const tb_pull_file *file)
{
    for (size_t i = 0; i < manifest->n_files; i++) {
        const tb_manifest_file *known = &manifest->files[i];
        if (known->repo != NULL && strcmp(known->repo, file->repo) == 0 &&
            strcmp(known->path, file->path) == 0)
            return known->sha256;
    }
    bool is_sha256 = file->etag != NULL && strlen(file->etag) == TB_SHA256_HEX_BYTES - 1;
    return is_sha256 ? file->etag : NULL;
}

static json_t *files_to_json(const tb_pull_plan *plan, const tb_manifest *manifest)
{
    json_t *files = json_array();
    bool is_whole = true;
    for (size_t i = 0; i < plan->n_files; i++) {
        const tb_pull_file *file = &plan->files[i];
        is_whole &= json_array_append_new(files,
                                          json_pack("{s:o, s:o, s:o, s:o, s:I}", "repo",
                                                    tb_text_or_null(file->repo), "commit",
                                                    tb_text_or_null(file->commit), "path",
                                                    tb_text_or_null(file->path), "sha256",
                                                    tb_text_or_null(sha256_of(manifest, file)),
                                                    "bytes", (json_int_t)file->len_bytes)) == 0;
    }
    if (is_whole)
        return files;
    json_decref(files);
    return NULL;
}

/* path NULL: nothing was fetched, it is a plan. */
static tb_status print_json(const tb_models *m, const tb_pull_plan *plan, const char *path,
                            tb_error *err)
{
    tb_manifest manifest = {0};
    tb_error ignored = {0};
    if (path != NULL && tb_manifest_read(&m->hub, plan->name, &manifest, &ignored) != TIMBRE_OK)
        manifest = (tb_manifest){0}; /* nothing is recorded without a data folder */
    json_t *model = json_pack("{s:o, s:o, s:I, s:I, s:o, s:o}", "name", tb_text_to_json(plan->name),
                              "path", tb_text_or_null(path), "bytes", (json_int_t)plan->len_bytes,
                              path != NULL ? "fetched_bytes" : "missing_bytes",
                              (json_int_t)(plan->len_bytes - plan->here_bytes), "files",
                              files_to_json(plan, &manifest), "licence",
                              tb_text_to_json(plan->licence));
    tb_manifest_deinit(&manifest);
    return tb_json_print(json_pack("{s:i, s:s, s:o}", "schema", 1, "action",
                                   path != NULL ? "pull" : "plan", "model", model),
                         err);
}

static void say_plan(tb_app *app, const tb_pull_plan *plan)
{
    char all[TB_BYTES_TEXT_MAX], here[TB_BYTES_TEXT_MAX], rest[TB_BYTES_TEXT_MAX];
    tb_bytes_format(plan->len_bytes, all);
    tb_bytes_format(plan->here_bytes, here);
    tb_bytes_format(plan->len_bytes - plan->here_bytes, rest);
    const char *end = plan->n_files == 1 ? "" : "s";
    if (plan->is_whole)
        tb_app_note(app, "%s is here: %zu file%s, %s", plan->name, plan->n_files, end, all);
    else if (plan->here_bytes == 0)
        tb_app_note(app, "%s: %zu file%s, %s to fetch; %s licence", plan->name, plan->n_files, end,
                    all, tb_licence_name(plan->licence));
    else
        tb_app_note(app, "%s: %zu file%s, %s; %s are here, %s to fetch; licence %s", plan->name,
                    plan->n_files, end, all, here, rest, tb_licence_name(plan->licence));
    if (plan->is_offline)
        tb_app_note(app, "offline: the Hub was not asked");
    for (size_t i = 0; i < plan->n_files; i++)
        tb_app_detail(app, "%s@%.12s %s, %lld bytes%s", plan->files[i].repo, plan->files[i].commit,
                      plan->files[i].path, (long long)plan->files[i].len_bytes,
                      plan->files[i].is_here ? ", here" : "");
}

static tb_status dry_run(const tb_models *m, const tb_pull_plan *plan, tb_error *err)
{
    if (m->app->wants_json)
        return print_json(m, plan, NULL, err);
    char bytes[TB_BYTES_TEXT_MAX];
    for (size_t i = 0; i < plan->n_files; i++) {
        const tb_pull_file *file = &plan->files[i];
        tb_bytes_format(file->len_bytes, bytes);
        printf("%-8s %10s  ",
               file->is_here          ? "here"
               : file->here_bytes > 0 ? "part"
                                      : "fetch",
               bytes);
        tb_print_clean(stdout, file->repo);
        printf(" ");
        tb_print_clean(stdout, file->path);
        printf("\n");
    }
    return TIMBRE_OK;
}

/* Is what came a model that generate can use? It stays in any case: the bytes are as promised. */
static tb_status check_model(tb_models *m, const tb_pull_plan *plan, char **path, tb_error *err)
{
    const tb_installed *model = NULL;
    char *facts = NULL;
    tb_status st = tb_models_find(m, plan->name, &model, err);
    if (st == TIMBRE_OK)
        st = tb_installed_require_whole(model, err);
    if (st == TIMBRE_OK && (*path = tb_strdup(model->path)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    if (st == TIMBRE_OK)
        st = tb_models_describe(m->app, model->path, model->tokenizer, &facts, err);
    free(facts);
    return st;
}

/* CANCELLED in the user's words, and the exit code that belongs to the signal. */
static tb_status explain_stop(tb_status st, const char *name, int *exit_code, tb_error *err)
{
    int caught = tb_signals_caught();
    if (st != TIMBRE_CANCELLED || caught == 0)
        return st;
    *exit_code = 128 + caught;
    st = tb_fail(err, TIMBRE_CANCELLED, "interrupted; what came is kept");
    tb_fix(err, "the same command goes on from there: timbre models pull %.200s", name);
    return st;
}

static tb_status fetch(tb_models *m, tb_pull_plan *plan, tb_pull_options *options, tb_error *err)
{
    tb_models_meter meter;
    tb_models_meter_init(&meter, m->app, "fetch");
    options->progress = tb_models_meter_fetch;
    options->user = &meter;
    tb_signals_catch_stop();
    tb_status st = tb_pull_run(&m->hub, plan, options, err);
    options->progress = NULL;
    options->user = NULL;
    tb_models_meter_clear(&meter);
    if (tb_signals_wants_stop()) /* the last look came before Ctrl-Z */
        (void)tb_signals_stop();
    return st;
}

static tb_status pull(tb_models *m, tb_pull_plan *plan, tb_pull_options *options, tb_error *err)
{
    char *path = NULL;
    say_plan(m->app, plan);
    if (tb_args_has(&m->app->args, "dry-run"))
        return dry_run(m, plan, err);
    tb_status st = tb_models_consent(m, plan, err);
    int64_t missing_bytes = plan->len_bytes - plan->here_bytes;
    if (st == TIMBRE_OK)
        st = fetch(m, plan, options, err);
    if (st == TIMBRE_OK) {
        plan->here_bytes = plan->len_bytes - missing_bytes; /* as it was before */
        st = check_model(m, plan, &path, err);
    }
    if (st == TIMBRE_OK && m->app->wants_json)
        st = print_json(m, plan, path, err);
    else if (st == TIMBRE_OK)
        printf("%s\n", path);
    if (st == TIMBRE_OK)
        tb_app_log(m->app, "pulled %s", plan->name);
    free(path);
    return st;
}

tb_status tb_models_pull(tb_models *m, int *exit_code, tb_error *err)
{
    const char *name = m->operands[0];
    tb_pull_plan plan = {0};
    tb_pull_options options = {.revision = tb_args_value(&m->app->args, "revision"),
                               .cancel = tb_signals_cancel()};
    if (strcmp(name, "sketch") == 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "the sketch is built in");
        tb_fix(err, "there is nothing to fetch: timbre generate --model sketch");
        return st;
    }
    tb_signals_catch();
    tb_status st = tb_pull_plan_make(&m->hub, name, &options, &plan, err);
    if (st == TIMBRE_OK)
        st = pull(m, &plan, &options, err);
    tb_pull_plan_deinit(&plan);
    return explain_stop(st, name, exit_code, err);
}
