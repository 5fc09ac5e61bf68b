/* GenerationStatus: the row of a job with what runs now laid over it. */
#include <stdio.h>
#include <string.h>

#include "worker/service.h"

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *error_to_json(const tb_error *err)
{
    if (err->code == TIMBRE_OK)
        return json_null();
    return json_pack("{s:s, s:s, s:o}", "code", timbre_status_name(err->code), "message",
                     err->message, "fix", text_or_null(err->fix));
}

/* What the person who waits reads. */
static const char *message_of(const tb_stored_job *job, const tb_live *live)
{
    static const char *const by_state[] = {"waiting", "starting", "done", "failed", "cancelled"};
    if (job->state == TB_JOB_FAILED)
        return job->error.message;
    if (job->is_cancelling && job->state == TB_JOB_RUNNING)
        return "stopping";
    if (live != NULL && live->stage[0] != '\0')
        return live->stage;
    return job->message != NULL && job->message[0] != '\0' ? job->message : by_state[job->state];
}

static double progress_of(const tb_stored_job *job, const tb_live *live)
{
    if (job->state == TB_JOB_SUCCEEDED)
        return 1;
    double fraction = live == NULL ? 0 : live->fraction;
    return fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
}

/* Stage, steps, rate and time left: of what runs now, else null. */
static void add_live(json_t *status, const tb_live *live)
{
    bool has_steps = live != NULL && live->steps > 0;
    (void)json_object_set_new(status, "stage", text_or_null(live == NULL ? NULL : live->stage));
    (void)json_object_set_new(status, "step", has_steps ? json_integer(live->step) : json_null());
    (void)json_object_set_new(status, "steps", has_steps ? json_integer(live->steps) : json_null());
    (void)json_object_set_new(status, "rate",
                              live != NULL && live->rate > 0 ? json_real(live->rate) : json_null());
    (void)json_object_set_new(status, "eta_seconds",
                              live != NULL && live->eta_s >= 0 ? json_real(live->eta_s)
                                                               : json_null());
}

/* What the request says of itself. */
static void add_request(json_t *status, const tb_stored_job *job)
{
    static const char *const names[] = {"prompt", "seed"};
    json_t *request = json_loads(job->request, 0, NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *value = json_object_get(request, names[i]);
        (void)json_object_set(status, names[i], value == NULL ? json_null() : value);
    }
    json_decref(request);
}

json_t *tb_status_to_json(tb_worker *worker, const tb_stored_job *job)
{
    tb_live now = tb_feed_live(worker->feed);
    bool is_live = job->state == TB_JOB_RUNNING && strcmp(now.id, job->id) == 0 &&
                   now.attempt == job->attempt;
    const tb_live *live = is_live ? &now : NULL;
    char updated_at[25], created_at[25], url[64];
    tb_time_format(is_live && now.updated_ms > job->updated_ms ? now.updated_ms : job->updated_ms,
                   updated_at);
    tb_time_format(job->created_ms, created_at);
    (void)snprintf(url, sizeof url, "/artifacts/%s", job->id);
    json_t *status = json_pack(
        "{s:s, s:s, s:f, s:s, s:s, s:s, s:i, s:i, s:s, s:o, s:o, s:o}", "job_id", job->id, "state",
        tb_job_state_name(job->state), "progress", progress_of(job, live), "message",
        message_of(job, live), "updated_at", updated_at, "created_at", created_at, "attempt",
        job->attempt, "priority", job->priority, "model_id", job->model_id, "queue_position",
        job->state == TB_JOB_QUEUED ? json_integer((json_int_t)job->n_before + 1) : json_null(),
        "error", error_to_json(&job->error), "artifact_url",
        text_or_null(job->state == TB_JOB_SUCCEEDED ? url : NULL));
    if (status == NULL)
        return NULL;
    add_live(status, live);
    add_request(status, job);
    return status;
}
