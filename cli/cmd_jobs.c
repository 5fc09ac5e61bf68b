/* timbre jobs: what a worker has to do and has done. */
#include <stdlib.h>
#include <string.h>

#include "cli/client/client.h"
#include "cli/client/follow.h"
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
    int exit_code;
} jobs;

typedef tb_status (*action_fn)(jobs *j, tb_error *err);

enum { SHORT_ID = 8, STATE_COLUMNS = 10, DONE_COLUMNS = 5, AGE_COLUMNS = 7, LOOKED_AT = 10000 };

/* GET /jobs. `state`: NULL for all. *out (owned) is the array. */
static tb_status fetch(jobs *j, const char *state, int limit, json_t **out, tb_error *err)
{
    tb_str path = {0};
    tb_str_append(&path, "/jobs");
    if (state != NULL)
        tb_query_append(&path, "state", state);
    tb_status st = tb_list_fetch(&j->client, &path, "jobs", limit, out, err);
    tb_str_deinit(&path);
    return st;
}

static void print_job(const tb_app *app, const json_t *job)
{
    const char *state = tb_member_text(job, "state");
    char done[16] = "", age[TB_AGE_TEXT_MAX];
    if (strcmp(state, "running") == 0)
        (void)snprintf(done, sizeof done, "%d%%",
                       (int)(json_number_value(json_object_get(job, "progress")) * 100));
    tb_age_format(tb_member_text(job, "created_at"), age);
    int used = SHORT_ID + STATE_COLUMNS + DONE_COLUMNS + AGE_COLUMNS + 5;
    int columns = tb_row_columns() - used;
    char id[SHORT_ID + 1];
    (void)snprintf(id, sizeof id, "%s", tb_member_text(job, "job_id"));
    tb_row_print(stdout, id, SHORT_ID, false, false);
    printf("  ");
    tb_row_print(stdout, state, STATE_COLUMNS, false, app->is_utf8);
    printf("%*s %*s  ", DONE_COLUMNS, done, AGE_COLUMNS, age);
    tb_row_print(stdout, tb_member_text(job, "prompt"), columns > 8 ? columns : 8, true,
                 app->is_utf8);
    printf("\n");
}

static tb_status list(jobs *j, tb_error *err)
{
    json_t *found = NULL;
    int limit = (int)tb_args_number(&j->app->args, "limit", 20);
    tb_status st = fetch(j, tb_args_value(&j->app->args, "state"), limit, &found, err);
    if (st != TIMBRE_OK)
        return st;
    if (j->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:o}", "schema", 1, "jobs", found), err);
    size_t i;
    json_t *job;
    json_array_foreach(found, i, job) print_job(j->app, job);
    if (json_array_size(found) == 0)
        tb_app_note(j->app, "there are no jobs");
    json_decref(found);
    return TIMBRE_OK;
}

/* The one job whose id begins so. */
static tb_status match(const json_t *found, const char *prefix, char **id, tb_error *err)
{
    size_t i, n = strlen(prefix);
    json_t *job;
    const char *only = NULL;
    json_array_foreach(found, i, job)
    {
        const char *name = tb_member_text(job, "job_id");
        if (strncmp(name, prefix, n) != 0)
            continue;
        if (only != NULL) {
            tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "several jobs begin with '%.40s'",
                                   prefix);
            tb_fix(err, "give more of its id: timbre jobs --json");
            return st;
        }
        only = name;
    }
    if (only == NULL) {
        tb_status st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no job '%.80s'", prefix);
        tb_fix(err, "timbre jobs shows which there are");
        return st;
    }
    *id = tb_strdup(only);
    return *id != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an id");
}

/* The id of "last" or of the beginning of one. Owned. */
static tb_status find_job(jobs *j, const char *name, char **id, tb_error *err)
{
    json_t *found = NULL;
    bool is_last = strcmp(name, "last") == 0;
    if (name[0] == '\0')
        return tb_fail(err, TIMBRE_BAD_INPUT, "the id of a job is empty");
    tb_status st = fetch(j, NULL, is_last ? 1 : LOOKED_AT, &found, err);
    if (st == TIMBRE_OK && is_last && json_array_size(found) == 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there are no jobs");
    if (st == TIMBRE_OK)
        st = match(found, is_last ? "" : name, id, err);
    json_decref(found);
    return st;
}

static tb_status watch(jobs *j, tb_error *err)
{
    char *id = NULL;
    json_t *status = NULL;
    tb_meter meter;
    tb_status st = find_job(j, j->n_operands > 0 ? j->operands[0] : "last", &id, err);
    tb_meter_init(&meter, j->app);
    if (st == TIMBRE_OK)
        st = tb_job_follow(j->app, &j->client, id, &meter, NULL, &status, err);
    tb_status ended = st == TIMBRE_OK ? tb_job_result(status, err) : st;
    if (st == TIMBRE_OK && j->app->wants_json) {
        tb_error why = {0};
        if (tb_json_print(json_incref(status), &why) == TIMBRE_OK && ended != TIMBRE_OK) {
            j->exit_code = tb_app_report(j->app, err); /* the answer has it already */
            ended = TIMBRE_OK;
        }
    } else if (ended == TIMBRE_OK) {
        tb_app_note(j->app, "the job %.8s is done", id);
    }
    json_decref(status);
    free(id);
    return ended;
}

static tb_status cancel_all(jobs *j, size_t *n, tb_error *err)
{
    static const char *const states[] = {"queued", "running"}; /* so that none begins meanwhile */
    tb_status st = TIMBRE_OK;
    for (size_t k = 0; k < 2 && st == TIMBRE_OK; k++) {
        json_t *found = NULL, *job;
        size_t i;
        st = fetch(j, states[k], LOOKED_AT, &found, err);
        json_array_foreach(found, i, job)
        {
            if (st == TIMBRE_OK)
                st = tb_job_cancel(&j->client, tb_member_text(job, "job_id"), err);
            *n += st == TIMBRE_OK;
        }
        json_decref(found);
    }
    return st;
}

static tb_status cancel(jobs *j, tb_error *err)
{
    size_t n = 0;
    tb_status st = TIMBRE_OK;
    if (j->n_operands == 1 && strcmp(j->operands[0], "all") == 0) {
        st = cancel_all(j, &n, err);
    } else {
        for (size_t i = 0; st == TIMBRE_OK && i < j->n_operands; i++) {
            char *id = NULL;
            st = find_job(j, j->operands[i], &id, err);
            if (st == TIMBRE_OK)
                st = tb_job_cancel(&j->client, id, err);
            n += st == TIMBRE_OK;
            free(id);
        }
    }
    if (st != TIMBRE_OK)
        return st;
    if (j->app->wants_json)
        return tb_json_print(json_pack("{s:i, s:I}", "schema", 1, "cancelled", (json_int_t)n), err);
    tb_app_note(j->app, "%zu job%s told to stop", n, n == 1 ? " is" : "s are");
    return TIMBRE_OK;
}

enum { N_ACTIONS = 3, CANCELLED_MAX = 15 };

static const tb_action actions[N_ACTIONS + 1] = {
    {"list", "list [--state STATE] [--limit N]", 0, 0, {"state", "limit", NULL}},
    {"watch", "watch [ID|last]", 0, 1, {"progress", NULL}},
    {"cancel", "cancel ID...|last|all", 1, CANCELLED_MAX, {NULL}},
    {0},
};
static const action_fn functions[N_ACTIONS] = {list, watch, cancel};
static const char *const everywhere[] = {"json", "data-dir", "worker", "api-key-file", NULL};

int tb_cmd_jobs(tb_app *app)
{
    tb_error err = {0};
    jobs j = {.app = app};
    if (app->args.n_operands > 1) {
        j.operands = app->args.operands + 1;
        j.n_operands = app->args.n_operands - 1;
    }
    int i = tb_action_find(app, actions, everywhere, &err);
    if (i < 0)
        return tb_app_fail(app, &err);
    tb_signals_catch();
    tb_status st = tb_client_open(app, TB_CLIENT_EXISTING, &j.client, &err);
    if (st == TIMBRE_OK)
        st = functions[i](&j, &err);
    tb_client_close(&j.client);
    return st == TIMBRE_OK ? j.exit_code : tb_app_fail(app, &err);
}
