/* Server-sent events: each carries a whole state, so that whoever missed some has missed nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "worker/service.h"

enum { PING_MS = 15000, PACE_MS = 250, BATCH = 100 };

typedef struct {
    tb_worker *worker;
    char id[TB_ID_BYTES]; /* of the one job; "": all */
    int64_t version;      /* of the last row that was sent */
    int64_t stamp;        /* of the last progress that was sent */
    double sent_s;        /* when the last event was sent; 0: none yet */
    bool has_begun, is_over;
} stream;

static void append_event(tb_str *out, const char *event, int64_t id, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
    if (text != NULL)
        tb_str_appendf(out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)id, event, text);
    else
        out->failed = true;
    free(text);
    json_decref(data);
}

static void send_job(stream *s, const tb_stored_job *job, tb_str *out)
{
    append_event(out, "status", job->version, tb_status_to_json(s->worker, job));
    s->sent_s = tb_clock_seconds();
}

/* One job: its row when that or its progress changed; the end after its last state. */
static void send_one(stream *s, tb_str *out)
{
    tb_stored_job job = {0};
    tb_error err = {0};
    tb_live live = tb_feed_live(s->worker->feed);
    if (tb_store_get_job(s->worker->store, s->id, &job, &err) != TIMBRE_OK) {
        s->is_over = true; /* it was forgotten meanwhile */
        return;
    }
    bool is_live = strcmp(live.id, s->id) == 0;
    bool is_new = job.version != s->version || (is_live && live.stamp != s->stamp) ||
                  s->sent_s == 0;
    s->version = job.version;
    s->stamp = is_live ? live.stamp : s->stamp;
    s->is_over = tb_job_state_is_final(job.state);
    if (is_new)
        send_job(s, &job, out);
    if (s->is_over)
        tb_str_append(out, "event: end\ndata: {}\n\n");
    tb_stored_job_deinit(&job);
}

/* The running job again, where only its progress is new. */
static void send_live(stream *s, tb_str *out)
{
    tb_stored_job job = {0};
    tb_error err = {0};
    tb_live live = tb_feed_live(s->worker->feed);
    if (live.id[0] == '\0' || live.stamp == s->stamp)
        return;
    s->stamp = live.stamp;
    if (tb_store_get_job(s->worker->store, live.id, &job, &err) == TIMBRE_OK)
        send_job(s, &job, out);
    tb_stored_job_deinit(&job);
}

static void send_all(stream *s, tb_str *out)
{
    const tb_job_filter filter = {.after_version = s->version, .limit = BATCH};
    tb_stored_job *jobs = NULL;
    size_t n = 0;
    tb_error err = {0};
    if (tb_store_list_jobs(s->worker->store, &filter, &jobs, &n, &err) != TIMBRE_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        send_job(s, &jobs[i], out);
        s->version = jobs[i].version;
    }
    tb_stored_jobs_free(jobs, n);
    if (n == 0)
        send_live(s, out);
}

/* At most four events a second: what changes faster is sent once. */
static void keep_pace(const stream *s)
{
    double left_s = s->sent_s + PACE_MS / 1e3 - tb_clock_seconds();
    while (s->sent_s > 0 && left_s > 0 && !tb_feed_is_stopped(s->worker->feed)) {
        (void)tb_feed_wait(s->worker->feed, tb_feed_count(s->worker->feed),
                           (int)(left_s * 1e3) + 1);
        left_s = s->sent_s + PACE_MS / 1e3 - tb_clock_seconds();
    }
}

static bool next(void *state, tb_str *out)
{
    stream *s = state;
    double began_s = tb_clock_seconds();
    if (!s->has_begun) /* goes out at once, with the headers, whatever there is to say */
        tb_str_append(out, "retry: 2000\n\n");
    s->has_begun = true;
    keep_pace(s);
    for (;;) {
        int64_t seen = tb_feed_count(s->worker->feed);
        if (tb_feed_is_stopped(s->worker->feed))
            return false;
        (s->id[0] != '\0' ? send_one : send_all)(s, out);
        if (s->is_over || out->failed)
            return false;
        double left_s = began_s + PING_MS / 1e3 - tb_clock_seconds();
        if (out->len == 0 && left_s <= 0)
            tb_str_append(out, ": ping\n\n");
        if (out->len > 0)
            return true;
        (void)tb_feed_wait(s->worker->feed, seen, (int)(left_s * 1e3) + 1);
    }
}

static void begin(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                  const char *id)
{
    const char *last = tb_http_header(request, "Last-Event-ID");
    stream *s = calloc(1, sizeof *s);
    tb_error err = {0};
    if (s == NULL) {
        (void)tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a stream");
        tb_http_reply_error(response, &err);
        return;
    }
    s->worker = worker;
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    /* all: from now, or from where the client was; one job: always its state first */
    s->version = id[0] != '\0' ? -1
                 : last != NULL && strspn(last, "0123456789") == strlen(last) && strlen(last) < 19
                     ? strtoll(last, NULL, 10)
                     : tb_store_version(worker->store);
    tb_http_reply_events(response, &(tb_http_stream){.next = next, .free_state = free, .state = s});
}

TB_HANDLER(job_events)
{
    const char *id = tb_http_arg(request, 0);
    tb_stored_job job = {0};
    tb_error err = {0};
    tb_status st = tb_id_is_valid(id)
                       ? tb_store_get_job(worker->store, id, &job, &err)
                       : tb_fail(&err, TIMBRE_NOT_FOUND, "there is no job '%.60s'", id);
    if (st == TIMBRE_OK)
        begin(worker, request, response, id);
    else
        tb_http_reply_error(response, &err);
    tb_stored_job_deinit(&job);
}

TB_HANDLER(all_events)
{
    begin(worker, request, response, "");
}
