#include "cli/client/follow.h"

#include <stdlib.h>
#include <string.h>

#include "cli/client/events.h"
#include "cli/client/row.h"
#include "engine/base/clock.h"
#include "engine/base/str.h"

typedef struct {
    tb_app *app;
    tb_meter *meters[2];
    json_t *last; /* owned */
    double started_s;
    bool has_waited; /* said so */
} following;

/* The stages as the engine numbers them; the wire has only their names. */
static int find_stage(const char *model_id, const char *stage, int *n_stages)
{
    static const char *const sketch[] = {"load", "arrange", "render", "master", "save"};
    static const char *const neural[] = {"load",   "tokenize", "encode", "denoise",
                                         "decode", "vocode",   "master", "save"};
    bool is_sketch = strcmp(model_id, "sketch") == 0;
    const char *const *names = is_sketch ? sketch : neural;
    *n_stages = is_sketch ? 5 : 8;
    for (int i = 0; i < *n_stages; i++)
        if (strcmp(names[i], stage) == 0)
            return i;
    return 0;
}

static void show(const following *f, const json_t *status)
{
    const char *stage = tb_member_text(status, "stage");
    double step = json_number_value(json_object_get(status, "step"));
    double steps = json_number_value(json_object_get(status, "steps"));
    timbre_progress progress = {
        .struct_size = sizeof progress,
        .stage = stage,
        .stage_fraction = steps > 0 ? step / steps : 0,
        .fraction = json_number_value(json_object_get(status, "progress")),
        .elapsed_s = tb_clock_seconds() - f->started_s,
    };
    progress.i_stage = find_stage(tb_member_text(status, "model_id"), stage, &progress.n_stages);
    for (size_t i = 0; i < 2 && stage[0] != '\0'; i++)
        if (f->meters[i] != NULL)
            tb_meter_update(f->meters[i], &progress);
}

static tb_status on_event(const char *event, const json_t *data, void *user, tb_error *err)
{
    (void)err;
    following *f = user;
    if (strcmp(event, "status") != 0 || !json_is_object(data))
        return TIMBRE_OK;
    json_decref(f->last);
    f->last = json_incref((json_t *)data);
    const char *state = tb_member_text(data, "state");
    json_int_t position = json_integer_value(json_object_get(data, "queue_position"));
    if (strcmp(state, "queued") == 0) {
        if (!f->has_waited && position > 1)
            tb_app_note(f->app, "waiting: place %lld in the queue", (long long)position);
        f->has_waited |= position > 1;
        f->started_s = tb_clock_seconds(); /* waiting is no work */
    } else if (strcmp(state, "running") == 0) {
        show(f, data);
    }
    return TIMBRE_OK;
}

tb_status tb_job_follow(tb_app *app, tb_client *client, const char *job_id, tb_meter *meter,
                        tb_meter *events, json_t **last, tb_error *err)
{
    following f = {.app = app, .meters = {meter, events}, .started_s = tb_clock_seconds()};
    char *path = tb_strf("/jobs/%s/events", job_id);
    *last = NULL;
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    tb_error why = {0};
    tb_status st = tb_events_follow(client, path, on_event, &f, &why);
    free(path);
    if (meter != NULL)
        tb_meter_clear(meter);
    if (st == TIMBRE_WORKER_UNREACHABLE || st == TIMBRE_STOPPING) {
        (void)tb_fail(err, st, "the worker was lost during the job %s: %.300s", job_id,
                      why.message);
        tb_fix(err, "timbre jobs watch %.8s when it runs again", job_id);
    } else if (st != TIMBRE_OK && err != NULL) {
        *err = why;
    }
    *last = f.last;
    return st;
}

tb_status tb_job_result(const json_t *status, tb_error *err)
{
    const char *state = tb_member_text(status, "state");
    const json_t *error = json_object_get(status, "error");
    if (strcmp(state, "succeeded") == 0)
        return TIMBRE_OK;
    if (strcmp(state, "cancelled") == 0)
        return tb_fail(err, TIMBRE_CANCELLED, "the job was cancelled");
    if (strcmp(state, "failed") != 0)
        return tb_fail(err, TIMBRE_WORKER_UNREACHABLE, "the worker does not say how the job ended");
    tb_status code;
    if (!tb_status_from_name(tb_member_text(error, "code"), &code) || code == TIMBRE_OK)
        code = TIMBRE_FAILED;
    code = tb_fail(err, code, "%s", tb_member_text(error, "message"));
    tb_fix(err, "%s", tb_member_text(error, "fix"));
    return code;
}

tb_status tb_job_cancel(tb_client *client, const char *job_id, tb_error *err)
{
    const timbre_cancel *kept = client->cancel;
    char *path = tb_strf("/jobs/%s/cancel", job_id);
    if (path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    client->cancel = NULL;
    tb_status st = tb_client_call(client, "POST", path, NULL, NULL, NULL, err);
    client->cancel = kept;
    free(path);
    return st;
}
