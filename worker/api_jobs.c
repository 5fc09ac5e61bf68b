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
#include "worker/input_place.h"
#include "worker/runner.h"
#include "worker/service.h"

enum {
    PRIORITY_MAX = 10,
    KEY_MAX_BYTES = 255,
    WAIT_MAX_S = 60,
    RETRY_AFTER_S = 5,
};

/* ---- submitting ---- */

/* A request on its way in. */
typedef struct {
    timbre_request *request;
    char *canonical; /* resolved, as it is stored; owned */
    char body_sha256[TB_SHA256_HEX_BYTES];
    tb_model_place place;
    int priority;
    const char *key;
    char param[64]; /* what is wrong, for the error */
} submission;

static void deinit(submission *s)
{
    timbre_request_free(s->request);
    tb_model_place_deinit(&s->place);
    free(s->canonical);
}

/* Nulls count as absent, in the fingerprint of the body too. */
static void drop_nulls(json_t *object)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, name, value)
    {
        if (json_is_null(value))
            (void)json_object_del(object, name);
    }
}

/* The fingerprint that a repeated Idempotency-Key is compared by: members in any order. */
static tb_status hash_body(const json_t *object, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request")
                                : tb_sha256_bytes(text, strlen(text), hex, err);
    free(text);
    return st;
}

/* priority is of the queue, not of the sound: it is in no recipe. */
static tb_status take_priority(json_t *object, submission *s, tb_error *err)
{
    json_t *value = json_object_get(object, "priority");
    if (value == NULL)
        return TIMBRE_OK;
    double n = json_number_value(value); /* 3.0 is a whole number too */
    if (!json_is_number(value) || n != floor(n) || n < -PRIORITY_MAX || n > PRIORITY_MAX) {
        (void)snprintf(s->param, sizeof s->param, "priority");
        return tb_fail(err, TIMBRE_BAD_INPUT, "priority is not a whole number from -%d to %d",
                       PRIORITY_MAX, PRIORITY_MAX);
    }
    s->priority = (int)n;
    (void)json_object_del(object, "priority");
    return TIMBRE_OK;
}

/* The field that a message begins with or has in quotes, for "param". */
static void name_param(submission *s, const char *message)
{
    size_t n_fields;
    const timbre_field *fields = timbre_request_fields(&n_fields);
    size_t n = strcspn(message, " '");
    for (size_t i = 0; i < n_fields && s->param[0] == '\0'; i++)
        if (strlen(fields[i].name) == n && strncmp(fields[i].name, message, n) == 0)
            (void)snprintf(s->param, sizeof s->param, "%s", fields[i].name);
    if (s->param[0] == '\0' && strncmp(message, "unknown field '", 15) == 0)
        (void)snprintf(s->param, sizeof s->param, "%.*s", (int)strcspn(message + 15, "'"),
                       message + 15);
}

static tb_status set_fields(json_t *object, submission *s, tb_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    tb_status st = text == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request")
                                : timbre_request_new(&s->request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(s->request, text, strlen(text), err);
    free(text);
    return st;
}

/* A model by its name; what is not installed is a mistake of the request, not of the service. */
static tb_status place_model(tb_worker *worker, submission *s, tb_error *err)
{
    const char *asked = timbre_request_has(s->request, "model_id")
                            ? timbre_request_text(s->request, "model_id")
                            : NULL;
    tb_status st = tb_model_place_find(worker, asked, &s->place, err);
    if (st == TIMBRE_OK)
        return tb_model_place_apply(&s->place, s->request, err);
    if (asked != NULL && st == TIMBRE_MODEL_MISSING)
        (void)snprintf(s->param, sizeof s->param, "model_id");
    return st;
}

/* Everything filled in, seed included: a second attempt makes the same take. */
static tb_status resolve(tb_worker *worker, json_t *object, submission *s, tb_error *err)
{
    drop_nulls(object);
    tb_status st = hash_body(object, s->body_sha256, err);
    if (st == TIMBRE_OK)
        st = take_priority(object, s, err);
    if (st == TIMBRE_OK)
        st = set_fields(object, s, err);
    if (st == TIMBRE_OK && !timbre_request_has(s->request, "prompt")) {
        (void)snprintf(s->param, sizeof s->param, "prompt");
        st = tb_fail(err, TIMBRE_BAD_INPUT, "a prompt is required");
    }
    if (st == TIMBRE_OK)
        st = place_model(worker, s, err);
    if (st == TIMBRE_OK)
        st = tb_input_place(worker, s->request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_resolve(s->request, err);
    if (st == TIMBRE_OK && (s->canonical = timbre_request_format(s->request)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    return st;
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

static tb_status check_key(const char *key, submission *s, tb_error *err)
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

static tb_status submit(tb_worker *worker, const submission *s, tb_stored_job *job, bool *is_replay,
                        tb_error *err)
{
    char id[TB_ID_BYTES];
    tb_status st = tb_id_draw(id, err);
    if (st != TIMBRE_OK)
        return st;
    TB_CRASH_POINT("submit-before-commit");
    st = tb_store_submit(worker->store,
                         &(tb_submission){.id = id,
                                          .request = s->canonical,
                                          .model_id = s->place.id,
                                          .priority = s->priority,
                                          .key = s->key,
                                          .body_sha256 = s->body_sha256,
                                          .queue_limit = worker->options->queue_limit},
                         job, is_replay, err);
    TB_CRASH_POINT("submit-after-commit");
    return st;
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

static tb_status wait_for_end(tb_worker *worker, tb_stored_job *job, double seconds, tb_error *err)
{
    double until_s = tb_clock_seconds() + seconds;
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && !tb_job_state_is_final(job->state) &&
           !tb_feed_is_stopped(worker->feed)) {
        double left_s = until_s - tb_clock_seconds();
        if (left_s <= 0)
            break;
        int64_t seen = tb_feed_count(worker->feed);
        tb_stored_job now = {0};
        st = tb_store_get_job(worker->store, job->id, &now, err);
        if (st == TIMBRE_OK) {
            tb_stored_job_deinit(job);
            *job = now;
        }
        if (st == TIMBRE_OK && !tb_job_state_is_final(job->state))
            (void)tb_feed_wait(worker->feed, seen, left_s > 1 ? 1000 : (int)(left_s * 1000) + 1);
    }
    return st;
}

static void reply_refused(tb_http_response *response, const submission *s, tb_error *err)
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
    submission s = {0};
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
        st = resolve(worker, object, &s, &err);
    if (st == TIMBRE_OK)
        st = submit(worker, &s, &job, &is_replay, &err);
    if (st == TIMBRE_OK && !is_replay) {
        tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "job queued",
                         (tb_journal_field[]){{"job", job.id, 0},
                                              {"model", job.model_id, 0},
                                              {"request", tb_http_id(request), 0},
                                              {0}});
        tb_feed_ring(worker->feed);
    }
    if (st == TIMBRE_OK)
        st = wait_for_end(worker, &job, wait_of(request), &err);
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
    deinit(&s);
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
