/* timbre models verify and rm: is every byte as it came, and taking a model away. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/models.h"
#include "cli/models_meter.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "hub/upkeep.h"

static const char *const verdicts[] = {"good", "wrong", "missing"};

typedef struct {
    tb_models *m;
    bool repairs;
    json_t *models;          /* for --json; owned */
    size_t n_checked, n_bad; /* models, files */
    const tb_installed *bad; /* the last with a bad file; NULL: none */
} examination;

static json_t *verification_to_json(const tb_installed *model, const tb_verification *v)
{
    json_t *files = json_array();
    bool is_whole = true;
    for (size_t i = 0; i < v->n; i++)
        is_whole &= json_array_append_new(files,
                                          json_pack("{s:o, s:s, s:I, s:o, s:b}", "path",
                                                    tb_text_or_null(v->files[i].path), "verdict",
                                                    verdicts[v->files[i].verdict], "bytes",
                                                    (json_int_t)v->files[i].len_bytes, "sha256",
                                                    tb_text_or_null(v->files[i].sha256),
                                                    "is_removed", v->files[i].is_removed)) == 0;
    json_t *json = is_whole ? json_pack("{s:o, s:O, s:I}", "name", tb_text_to_json(model->name),
                                        "files", files, "bad", (json_int_t)v->n_bad)
                            : NULL;
    json_decref(files);
    return json;
}

static void print_verification(const tb_installed *model, const tb_verification *v)
{
    static const char *const words[] = {"", "other bytes than came", "missing"};
    char bytes[TB_BYTES_TEXT_MAX];
    tb_bytes_format(v->n_bytes, bytes);
    for (size_t i = 0; i < v->n; i++) {
        const tb_verified_file *file = &v->files[i];
        if (file->verdict == TB_FILE_GOOD)
            continue;
        tb_print_clean(stdout, model->name);
        printf(": ");
        tb_print_clean(stdout, file->path);
        printf(": %s%s\n", words[file->verdict], file->is_removed ? "; removed" : "");
    }
    tb_print_clean(stdout, model->name);
    if (v->n_bad == 0)
        printf(": %zu files, %s, all as they came\n", v->n, bytes);
    else
        printf(": %zu of %zu files are bad\n", v->n_bad, v->n);
}

static tb_status verify_one(examination *e, const tb_installed *model, tb_error *err)
{
    tb_models_meter meter;
    tb_verification v = {0};
    tb_models_meter_init(&meter, e->m->app, "verify");
    tb_progress progress = tb_models_meter_progress(&meter);
    tb_app_detail(e->m->app, "verify %s", model->name);
    tb_status st = tb_verify(&e->m->hub, model, e->repairs, &progress, &v, err);
    tb_models_meter_clear(&meter);
    if (st == TIMBRE_OK && e->models != NULL)
        st = json_array_append_new(e->models, verification_to_json(model, &v)) == 0
                 ? TIMBRE_OK
                 : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the JSON answer");
    else if (st == TIMBRE_OK)
        print_verification(model, &v);
    e->n_checked++;
    e->n_bad += v.n_bad;
    if (v.n_bad > 0)
        e->bad = model;
    tb_verification_deinit(&v);
    return st;
}

/* All that are whole, or the one that is named. */
static tb_status verify_models(examination *e, tb_error *err)
{
    tb_models *m = e->m;
    const tb_installed *model = NULL;
    if (m->n_operands > 0) {
        tb_status st = tb_models_find(m, m->operands[0], &model, err);
        if (st == TIMBRE_OK && model->state == TB_INSTALLED_ABSENT)
            st = tb_installed_require_whole(model, err);
        return st == TIMBRE_OK ? verify_one(e, model, err) : st;
    }
    tb_status st = tb_models_read(m, err);
    for (size_t i = 0; st == TIMBRE_OK && i < m->list.n; i++)
        if (m->list.items[i].state == TB_INSTALLED_WHOLE)
            st = verify_one(e, &m->list.items[i], err);
    if (st == TIMBRE_OK && e->n_checked == 0)
        tb_app_note(m->app, "no model is installed; there is nothing to verify");
    return st;
}

/* The exit code for bad files, after saying what to do. */
static int report_bad(const examination *e)
{
    tb_error err = {0};
    const tb_installed *model = e->bad;
    (void)tb_fail(&err, TIMBRE_VERIFY_FAILED, "%zu file%s not as they came", e->n_bad,
                  e->n_bad == 1 ? " is" : "s are");
    char *remedy = tb_installed_remedy(model);
    if (model->provenance == TB_PROVENANCE_ADDED || model->provenance == TB_PROVENANCE_SHIPPED)
        tb_fix(&err, "%s", remedy == NULL ? "" : remedy);
    else
        tb_fix(&err, "%s%.200s%s%.200s", e->repairs ? "" : "timbre models verify ",
               e->repairs ? "" : model->name,
               e->repairs ? "timbre models pull " : " --repair, then timbre models pull ",
               model->name);
    free(remedy);
    return tb_app_report(e->m->app, &err);
}

static tb_status explain_stop(tb_status st, int *exit_code)
{
    if (st == TIMBRE_CANCELLED && tb_signals_caught() != 0)
        *exit_code = 128 + tb_signals_caught();
    return st;
}

tb_status tb_models_verify(tb_models *m, int *exit_code, tb_error *err)
{
    examination e = {.m = m, .repairs = tb_args_has(&m->app->args, "repair")};
    e.models = m->app->wants_json ? json_array() : NULL;
    tb_signals_catch();
    tb_status st = verify_models(&e, err);
    if (st == TIMBRE_OK && m->app->wants_json)
        st = tb_json_print(json_pack("{s:i, s:O}", "schema", 1, "models", e.models), err);
    json_decref(e.models);
    if (st == TIMBRE_OK && e.n_bad > 0) {
        (void)fflush(stdout);
        *exit_code = report_bad(&e);
    }
    return explain_stop(st, exit_code);
}

static void say_removal(tb_app *app, const tb_installed *model, const tb_removal *removal)
{
    char bytes[TB_BYTES_TEXT_MAX];
    tb_bytes_format(removal->n_bytes, bytes);
    if (removal->is_forgotten_only)
        tb_app_note(app, "%s is forgotten; its files stay where they are", model->name);
    else if (removal->n_files > 0 || removal->n_kept == 0)
        tb_app_note(app, "%s is removed: %zu files, %s", model->name, removal->n_files, bytes);
    if (removal->n_kept > 0 && !removal->is_forgotten_only)
        tb_app_note(app,
                    "%zu file%s of %s, which another program brought or another model needs "
                    "(--force takes the former too)",
                    removal->n_kept, removal->n_kept == 1 ? " stays" : "s stay", model->name);
}

tb_status tb_models_remove(tb_models *m, int *exit_code, tb_error *err)
{
    *exit_code = 0;
    const tb_installed *model = NULL;
    tb_removal removal = {0};
    tb_status st = tb_models_find(m, m->operands[0], &model, err);
    if (st == TIMBRE_OK && model->state == TB_INSTALLED_ABSENT &&
        model->provenance != TB_PROVENANCE_ADDED) {
        st = tb_fail(err, TIMBRE_MODEL_MISSING, "the model '%.200s' is not installed", model->name);
        tb_fix(err, "there is nothing to remove; timbre models shows what is here");
    }
    if (st == TIMBRE_OK)
        st = tb_remove(&m->hub, model, tb_args_has(&m->app->args, "force"), &removal, err);
    if (st != TIMBRE_OK)
        return st;
    say_removal(m->app, model, &removal);
    if (!m->app->wants_json)
        return TIMBRE_OK;
    return tb_json_print(json_pack("{s:i, s:{s:o, s:I, s:I, s:I}}", "schema", 1, "removed", "name",
                                   tb_text_to_json(model->name), "freed_bytes",
                                   (json_int_t)removal.n_bytes, "files",
                                   (json_int_t)removal.n_files, "kept", (json_int_t)removal.n_kept),
                         err);
}
