/* Jobs: submitting, looking, cancelling. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "worker/crash_point.h"
#include "worker/runner.h"
#include "worker/submit.h"

enum {
    KEY_MAX_BYTES = 255,
    WAIT_MAX_S = 60,
    RETRY_AFTER_S = 5,
};

/* ---- submitting ---- */

/* The field that a message begins with or has in quotes, for "param". */
static void name_param(tb_submit *s, const char *message)
{
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    size_t n = strcspn(message, " ':");
    for (size_t i = 0; i < n_fields && s->param[0] == '\0'; i++)
        if (strlen(fields[i].name) == n && strncmp(fields[i].name, message, n) == 0)
            (void)snprintf(s->param, sizeof s->param, "%s", fields[i].name);
    if (s->param[0] == '\0' && strncmp(message, "unknown field '", 15) == 0)
        (void)snprintf(s->param, sizeof s->param, "%.*s", (int)strcspn(message + 15, "'"),
                       message + 15);
}

static tb_status read_body(const tb_http_request *request, json_t **object, tb_error *err)
{
    size_t len_bytes = 0;
    json_error_t why;
    const char *body = tb_http_body(request, &len_bytes);
    *object = json_loadb(body == NULL ? "" : body, len_bytes, JSON_REJECT_DUPLICATES, &why);
    if (*object == NULL)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the body is no JSON: %s at line %d, column %d",
                       why.text, why.line, why.column);
    if (json_is_object(*object))
        return TIMBRE_OK;
    json_decref(*object);
    *object = NULL;
    return tb_fail(err, TIMBRE_BAD_INPUT, "the body is not a JSON object");
}

static tb_status check_key(const char *key, tb_submit *s, tb_error *err)
{
    size_t n = key == NULL ? 1 : strlen(key);
    for (const char *c = key; c != NULL && *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e)
            n = 0;
    s->key = key;
    if (n >= 1 && n <= KEY_MAX_BYTES)
        return TIMBRE_OK;
    (void)snprintf(s->param, sizeof s->param, "Idempotency-Key");
    return tb_fail(err, TIMBRE_BAD_INPUT,
                   "Idempotency-Key is not 1 to %d printable ASCII characters", KEY_MAX_BYTES);
}

/* Seconds of "Prefer: wait=N" (RFC 7240), 0 without. */
static double wait_of(const tb_http_request *request)
{
    const char *prefer = tb_http_header(request, "Prefer");
    const char *wait = prefer == NULL ? NULL : strstr(prefer, "wait=");
    bool is_word = wait != NULL &&
                   (wait == prefer || wait[-1] == ' ' || wait[-1] == ',' || wait[-1] == ';');
    double seconds = is_word ? strtod(wait + 5, NULL) : 0;
    return seconds > WAIT_MAX_S ? WAIT_MAX_S : seconds > 0 ? seconds : 0;
}

static void reply_refused(tb_http_response *response, const tb_submit *s, tb_error *err)
{
    if (err->code == TIMBRE_MODEL_MISSING && s->param[0] != '\0') /* what they asked for is not
                                                                     there; the service is well */
        tb_http_reply_fail(response, 404, timbre_status_name(err->code), "%s", err->message);
    else
        tb_http_reply_error(response, err);
    if (err->code == TIMBRE_QUEUE_FULL) {
        char seconds[8];
        (void)snprintf(seconds, sizeof seconds, "%d", RETRY_AFTER_S);
        tb_http_set_header(response, "Retry-After", seconds);
    }
    if (s->param[0] != '\0')
        tb_http_name_param(response, s->param);
}

TB_HANDLER(generate)
{
    tb_submit s = {0};
    tb_stored_job job = {0};
    json_t *object = NULL;
    tb_error err = {0};
    bool is_replay = false;
    if (atomic_load(&worker->is_stopping)) {
        (void)tb_fail(&err, TIMBRE_STOPPING, "the worker is stopping; it takes no new jobs");
        tb_http_reply_error(response, &err);
        tb_http_set_header(response, "Retry-After", "5");
        return;
    }
    tb_status st = check_key(tb_http_header(request, "Idempotency-Key"), &s, &err);
    if (st == TIMBRE_OK)
        st = read_body(request, &object, &err);
    if (st == TIMBRE_OK)
        st = tb_submit_read(worker, object, &s, &err);
    if (st == TIMBRE_OK)
        st = tb_submit_enter(worker, &s, &job, &is_replay, &err);
    if (st == TIMBRE_OK && !is_replay) {
        tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "job queued",
                         (tb_journal_field[]){{"job", job.id, 0},
                                              {"model", job.model_id, 0},
                                              {"request", tb_http_id(request), 0},
                                              {0}});
        tb_feed_ring(worker->feed);
    }
    if (st == TIMBRE_OK)
        st = tb_submit_wait(worker, &job, wait_of(request), &err);
    if (st == TIMBRE_OK) {
        char place[64];
        (void)snprintf(place, sizeof place, "/jobs/%s", job.id);
        tb_http_reply_json(response, is_replay || tb_job_state_is_final(job.state) ? 200 : 202,
                           tb_status_to_json(worker, &job));
        tb_http_set_header(response, "Location", place);
    } else {
        if (err.code == TIMBRE_BAD_INPUT)
            name_param(&s, err.message);
        reply_refused(response, &s, &err);
    }
    tb_stored_job_deinit(&job);
    json_decref(object);
    tb_submit_deinit(&s);
}

/* ---- looking ---- */

/* "?state=queued,running" as bits. */
static bool read_states(const tb_http_request *request, tb_http_response *response, unsigned *out)
{
    const char *text = tb_http_query(request, "state");
    *out = 0;
    for (const char *at = text; at != NULL;) {
        char name[16];
        size_t n = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, at);
        int state = n < sizeof name ? tb_job_state_find(name) : -1;
        if (state < 0) {
            tb_http_reply_fail(response, 400, "bad_input",
                               "state '%.40s' is not of: queued, running, succeeded, failed, "
                               "cancelled",
                               text);
            tb_http_name_param(response, "state");
            return false;
        }
        *out |= 1U << state;
        at = at[n] == ',' ? at + n + 1 : NULL;
    }
    return true;
}

static json_t *jobs_to_json(tb_worker *worker, const tb_stored_job *jobs, size_t n, bool has_more)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, tb_status_to_json(worker, &jobs[i]));
    json_t *next = has_more && n > 0 ? json_sprintf("%lld", (long long)jobs[n - 1].seq)
                                     : json_null();
    return json_pack("{s:o, s:o}", "jobs", list, "next", next);
}

TB_HANDLER(list_jobs)
{
    enum { LIMIT_MAX = 200, LIMIT = 50 };
    tb_job_filter filter = {.after_version = -1};
    tb_stored_job *jobs = NULL;
    size_t n = 0;
    int64_t limit;
    tb_error err = {0};
    if (!read_states(request, response, &filter.states) ||
        !tb_query_integer(request, response, "limit", 1, LIMIT_MAX, LIMIT, &limit) ||
        !tb_query_integer(request, response, "after", 1, INT64_C(999999999999999), 0,
                          &filter.before_seq))
        return;
    filter.limit = (size_t)limit + 1; /* one more says whether there is more */
    if (tb_store_list_jobs(worker->store, &filter, &jobs, &n, &err) != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        return;
    }
    bool has_more = n > (size_t)limit;
    tb_http_reply_json(response, 200,
                       jobs_to_json(worker, jobs, has_more ? (size_t)limit : n, has_more));
    tb_stored_jobs_free(jobs, n);
}

/* The job of the path; false: the response says why not. */
static bool find_job(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                     tb_stored_job *job)
{
    const char *id = tb_http_arg(request, 0);
    tb_error err = {0};
    tb_status st = tb_id_is_valid(id)
                       ? tb_store_get_job(worker->store, id, job, &err)
                       : tb_fail(&err, TIMBRE_NOT_FOUND, "there is no job '%.60s'", id);
    if (st != TIMBRE_OK)
        tb_http_reply_error(response, &err);
    return st == TIMBRE_OK;
}

TB_HANDLER(get_job)
{
    tb_stored_job job = {0};
    char etag[64];
    if (!find_job(worker, request, response, &job))
        return;
    (void)snprintf(etag, sizeof etag, "%lld-%lld-%lld", (long long)job.version,
                   (long long)job.n_before,
                   (long long)(job.state == TB_JOB_RUNNING ? tb_feed_live(worker->feed).stamp : 0));
    tb_http_reply_json_tagged(response, request, etag, tb_status_to_json(worker, &job));
    tb_stored_job_deinit(&job);
}

TB_HANDLER(cancel_job)
{
    tb_stored_job before = {0}, job = {0};
    tb_error err = {0};
    if (!find_job(worker, request, response, &before))
        return;
    tb_status st = tb_store_cancel(worker->store, before.id, &job, &err);
    TB_CRASH_POINT("cancel-after");
    if (st == TIMBRE_OK) {
        if (job.is_cancelling)
            tb_runner_cancel(worker->runner, job.id);
        tb_feed_ring(worker->feed);
        tb_http_reply_json(response, tb_job_state_is_final(job.state) ? 200 : 202,
                           tb_status_to_json(worker, &job));
    } else {
        tb_http_reply_error(response, &err);
    }
    tb_stored_job_deinit(&before);
    tb_stored_job_deinit(&job);
}

TB_HANDLER(job_preview)
{
    tb_stored_job job = {0};
    void *png = NULL;
    size_t len_bytes = 0;
    int i_step = 0;
    tb_error err = {0};
    if (!find_job(worker, request, response, &job))
        return;
    tb_status st = tb_feed_preview(worker->feed, job.id, &png, &len_bytes, &i_step, &err);
    if (st == TIMBRE_OK && png == NULL)
        st = tb_fail(
            &err, TIMBRE_NOT_FOUND,
            "there is no preview of this job: only neural models have one, while they run");
    if (st == TIMBRE_OK) {
        char step[16];
        (void)snprintf(step, sizeof step, "%d", i_step);
        tb_http_reply_bytes(response, 200, "image/png", png, len_bytes);
        tb_http_set_header(response, "X-Step", step);
    } else {
        tb_http_reply_error(response, &err);
    }
    tb_stored_job_deinit(&job);
}
