#include "worker/runner_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/str.h"
#include "worker/child.h"
#include "worker/metrics.h"
#include "worker/runner_private.h"
#include "worker/take_commit.h"

enum {
    TICK_MS = 100,
    CANCEL_PATIENCE_MS = 2000, /* then the child is killed */
    DEATHS_MAX = 2,
};

/* A job while it runs. */
typedef struct {
    tb_runner *runner;
    tb_worker *worker;
    const tb_stored_job *job;
    tb_fence fence;
    tb_model_place place;
    tb_live live;
    int steps;                     /* that its request asks for; 0: none */
    double started_s, stage_s;     /* of the job, of its stage */
    double heard_s;                /* when the child last said something */
    double cancel_s;               /* when it was told to stop; 0: not */
    bool is_stopping;              /* the worker stops: back to the queue, uncounted */
    char death[TB_CAUSE_MAX + 32]; /* of the child; "": it lives */
    bool is_over;
    tb_status trouble; /* of the store or the disk */
} running;

static const char *text_of(const json_t *frame, const char *name)
{
    const char *text = json_string_value(json_object_get(frame, name));
    return text == NULL ? "" : text;
}

/* ---- ends ---- */

static void count_end(running *g, const char *state)
{
    double seconds = tb_clock_seconds() - g->started_s;
    tb_metrics_count_job(g->worker->metrics, state);
    if (strcmp(state, "succeeded") == 0)
        tb_metrics_add_generation(g->worker->metrics, g->place.id, seconds);
    tb_journal_write(&g->worker->journal, TIMBRE_LOG_INFO, "job ended",
                     (tb_journal_field[]){{"job", g->job->id, 0},
                                          {"state", state, 0},
                                          {"attempt", NULL, g->job->attempt},
                                          {"seconds", NULL, seconds},
                                          {0}});
}

static tb_status end_failed(running *g, const tb_error *why, tb_error *err)
{
    tb_status st = tb_store_fail(g->worker->store, &g->fence, why, err);
    tb_journal_error(&g->worker->journal, "job failed", g->job->id, why);
    if (st == TIMBRE_OK)
        count_end(g, "failed");
    return st;
}

static tb_status end_cancelled(running *g, tb_error *err)
{
    tb_status st = tb_store_end_cancelled(g->worker->store, &g->fence, err);
    if (st == TIMBRE_OK)
        count_end(g, "cancelled");
    return st;
}

static tb_status end_requeued(running *g, bool is_counted, const char *message, tb_error *err)
{
    tb_journal_write(&g->worker->journal, TIMBRE_LOG_WARNING, "job goes back",
                     (tb_journal_field[]){{"job", g->job->id, 0}, {"reason", message, 0}, {0}});
    return tb_store_requeue(g->worker->store, &g->fence, is_counted, message, err);
}

/* The child died under the job. */
static tb_status end_died(running *g, tb_error *err)
{
    tb_error why = {0};
    char message[160];
    if (g->cancel_s > 0)
        return g->is_stopping ? end_requeued(g, false, "the worker was stopped; again", err)
                              : end_cancelled(g, err);
    if (g->job->attempt < DEATHS_MAX) {
        (void)snprintf(message, sizeof message, "the generator ended: %s; trying again", g->death);
        return end_requeued(g, true, message, err);
    }
    (void)tb_fail(&why, TIMBRE_GENERATOR_DIED,
                  "the generator died under this job %d times, last by %s", g->job->attempt,
                  g->death);
    tb_fix(&why, strstr(g->death, "signal 9") != NULL
                     ? "memory may have run out: try --memory low, or a shorter take"
                     : "try another model or prompt; the worker's journal has more");
    return end_failed(g, &why, err);
}

/* The generator or the commit said no. */
static tb_status end_refused(running *g, const tb_error *why, tb_error *err)
{
    switch (why->code) {
    case TIMBRE_CANCELLED:
        return g->is_stopping ? end_requeued(g, false, "the worker was stopped; again", err)
                              : end_cancelled(g, err);
    case TIMBRE_EXISTS: /* another program took the name a moment ago */
        return end_requeued(g, false, why->message, err);
    case TIMBRE_NO_SPACE: {
        tb_status st = end_requeued(g, false, why->message, err);
        if (st == TIMBRE_OK && err != NULL)
            *err = *why;
        return TIMBRE_NO_SPACE;
    }
    default:
        return end_failed(g, why, err);
    }
}

/* ---- what the child says ---- */

static void show(running *g)
{
    tb_feed_set_live(g->worker->feed, &g->live);
}

static void on_progress(running *g, const json_t *frame)
{
    tb_live *live = &g->live;
    const char *stage = text_of(frame, "stage");
    double now_s = tb_clock_seconds();
    double part = json_number_value(json_object_get(frame, "stage_fraction"));
    if (strcmp(stage, live->stage) != 0) {
        if (live->stage[0] != '\0')
            tb_metrics_add_stage(g->worker->metrics, g->place.id, live->stage, now_s - g->stage_s);
        g->stage_s = now_s;
        live->step = live->steps = 0;
        live->rate = 0;
    }
    (void)snprintf(live->stage, sizeof live->stage, "%s", stage);
    live->i_stage = (int)json_integer_value(json_object_get(frame, "i_stage"));
    live->n_stages = (int)json_integer_value(json_object_get(frame, "n_stages"));
    live->fraction = json_number_value(json_object_get(frame, "fraction"));
    live->elapsed_s = now_s - g->started_s;
    if (strcmp(stage, "denoise") == 0 && g->steps > 0) {
        live->steps = g->steps;
        live->step = (int)lround(part * g->steps);
        live->rate = live->step > 0 && now_s > g->stage_s ? live->step / (now_s - g->stage_s) : 0;
    }
    live->eta_s = live->fraction > 0.02 ? live->elapsed_s * (1 - live->fraction) / live->fraction
                                        : -1;
    show(g);
}

/* The bytes behind a frame; owned. NULL: none, or no memory for them, and they are read. */
static void *read_bytes(running *g, int64_t len_bytes, tb_status *st, tb_error *err)
{
    enum { MAX_BYTES = 64 << 20 };
    void *bytes = len_bytes > 0 && len_bytes <= MAX_BYTES ? malloc((size_t)len_bytes) : NULL;
    *st = bytes == NULL
              ? tb_fail(err, TIMBRE_BAD_FILE, "a picture of %lld bytes", (long long)len_bytes)
              : tb_channel_read(&g->runner->child.channel, bytes, (size_t)len_bytes, err);
    return bytes;
}

static tb_status on_preview(running *g, const json_t *frame, int64_t len_bytes, tb_error *err)
{
    tb_status st;
    void *png = read_bytes(g, len_bytes, &st, err);
    if (st != TIMBRE_OK) {
        free(png);
        return st;
    }
    tb_feed_set_preview(g->worker->feed, g->job->id, png, (size_t)len_bytes,
                        (int)json_integer_value(json_object_get(frame, "i_step")));
    show(g);
    return TIMBRE_OK;
}

/* The model's own picture of the take, beside the store: worth no failure. */
static tb_status on_picture(running *g, int64_t len_bytes, tb_error *err)
{
    tb_status st;
    tb_error why = {0};
    void *png = read_bytes(g, len_bytes, &st, err);
    char *folder = tb_strf("%s/pictures", g->worker->options->data_dir);
    char *path = tb_strf("%s/pictures/%s.png", g->worker->options->data_dir, g->job->id);
    if (st == TIMBRE_OK && folder != NULL && path != NULL &&
        (tb_dir_make(folder, &why) != TIMBRE_OK ||
         tb_file_write(path, png, (size_t)len_bytes, true, &why) != TIMBRE_OK))
        tb_journal_error(&g->worker->journal, "a picture is not kept", g->job->id, &why);
    free(folder);
    free(path);
    free(png);
    return st;
}

static tb_status on_take(running *g, const json_t *frame, int64_t len_bytes, tb_error *err)
{
    tb_error why = {0};
    double now_s = tb_clock_seconds();
    if (g->live.stage[0] != '\0')
        tb_metrics_add_stage(g->worker->metrics, g->place.id, g->live.stage, now_s - g->stage_s);
    tb_status st = tb_take_commit(g->worker, g->job, frame, len_bytes, &g->runner->child.channel,
                                  &why);
    if (st == TIMBRE_NOT_FOUND) { /* it died while it sent */
        if (err != NULL)
            *err = why;
        return st;
    }
    g->is_over = true;
    if (st == TIMBRE_OK)
        count_end(g, "succeeded");
    else
        g->trouble = end_refused(g, &why, err);
    return TIMBRE_OK;
}

static void on_failed(running *g, const json_t *frame, tb_error *err)
{
    tb_error why = {0};
    const char *code = text_of(frame, "code");
    timbre_status status = TIMBRE_INTERNAL;
    for (int i = 0; i < TIMBRE_STATUS_COUNT; i++)
        if (strcmp(timbre_status_name((timbre_status)i), code) == 0)
            status = (timbre_status)i;
    (void)tb_fail(&why, status == TIMBRE_OK ? TIMBRE_INTERNAL : status, "%s",
                  text_of(frame, "message"));
    if (text_of(frame, "fix")[0] != '\0')
        tb_fix(&why, "%s", text_of(frame, "fix"));
    g->is_over = true;
    g->trouble = end_refused(g, &why, err);
}

static tb_status on_frame(running *g, const json_t *frame, int64_t len_bytes, tb_error *err)
{
    const char *op = text_of(frame, "op");
    g->heard_s = tb_clock_seconds();
    if (strcmp(op, "preview") == 0)
        return on_preview(g, frame, len_bytes, err);
    if (strcmp(op, "picture") == 0)
        return on_picture(g, len_bytes, err);
    if (strcmp(op, "take") == 0)
        return on_take(g, frame, len_bytes, err);
    if (len_bytes > 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "bytes behind a frame '%.20s'", op);
    if (strcmp(op, "progress") == 0)
        on_progress(g, frame);
    else if (strcmp(op, "failed") == 0)
        on_failed(g, frame, err);
    else if (strcmp(op, "ready") != 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "a frame '%.20s'", op);
    return TIMBRE_OK;
}

/* ---- the watch ---- */

static void kill_child(running *g, const char *cause)
{
    (void)snprintf(g->death, sizeof g->death, "%s", cause);
    tb_runner_end_child(g->runner, true, cause);
}

static void watch(running *g)
{
    double now_s = tb_clock_seconds(), left_s;
    tb_error why = {0};
    bool is_late = tb_runner_is_draining(g->runner, &left_s) && left_s <= 0;
    if (g->cancel_s == 0 && (tb_runner_is_cancelled(g->runner) || is_late)) {
        g->is_stopping = is_late && !tb_runner_is_cancelled(g->runner);
        g->cancel_s = now_s;
        if (tb_child_send_cancel(&g->runner->child, g->job->id, &why) != TIMBRE_OK)
            tb_journal_error(&g->worker->journal, "cancel not sent", g->job->id, &why);
    }
    if (g->cancel_s > 0 && now_s - g->cancel_s > CANCEL_PATIENCE_MS / 1e3)
        kill_child(g, "cancel");
    else if (now_s - g->heard_s > g->worker->options->watchdog_s)
        kill_child(g, "the watchdog: no progress");
}

/* Listen until the job is over or the child dead. */
static void follow(running *g, tb_error *err)
{
    while (!g->is_over && g->death[0] == '\0') {
        json_t *frame = NULL;
        int64_t len_bytes = 0;
        tb_error why = {0};
        tb_status st = tb_channel_receive(&g->runner->child.channel, TICK_MS, &frame, &len_bytes,
                                          &why);
        if (st == TIMBRE_OK)
            st = on_frame(g, frame, len_bytes, err);
        json_decref(frame);
        if (st == TIMBRE_OK || st == TIMBRE_TIMED_OUT) {
            if (!g->is_over)
                watch(g);
            continue;
        }
        tb_child *child = &g->runner->child;
        bool is_nonsense = st != TIMBRE_NOT_FOUND;
        char cause[TB_CAUSE_MAX];
        tb_child_end(child, is_nonsense, cause);
        (void)snprintf(g->death, sizeof g->death, "%s%s", is_nonsense ? "nonsense, " : "", cause);
        tb_metrics_count_child(g->worker->metrics, cause);
        tb_runner_set_loaded(g->runner, NULL);
    }
}

void tb_runner_end_child(tb_runner *r, bool is_now, const char *cause)
{
    char how[TB_CAUSE_MAX];
    if (r->child.pid == 0)
        return;
    tb_child_end(&r->child, is_now, how);
    tb_runner_set_loaded(r, NULL);
    if (cause != NULL)
        tb_metrics_count_child(r->worker->metrics, cause);
    tb_journal_write(
        &r->worker->journal, TIMBRE_LOG_INFO, "generator ended",
        (tb_journal_field[]){{"cause", cause == NULL ? "stop" : cause, 0}, {"how", how, 0}, {0}});
}

/* ---- the beginning ---- */

static tb_status ready_child(tb_runner *r, const tb_model_place *place, tb_error *err)
{
    if (r->child.pid > 0 && !tb_child_can_read(&r->child, place))
        tb_runner_end_child(r, false, "replaced");
    if (r->child.pid > 0)
        return TIMBRE_OK;
    tb_status st = tb_child_start(&r->child, r->worker, place, err);
    if (st == TIMBRE_OK)
        tb_journal_write(&r->worker->journal, TIMBRE_LOG_INFO, "generator started",
                         (tb_journal_field[]){{"pid", NULL, (double)r->child.pid}, {0}});
    return st;
}

static tb_status send_work(tb_runner *r, const char *op, const char *id, const char *request,
                           const tb_model_place *place, tb_error *err)
{
    tb_status st = ready_child(r, place, err);
    if (st == TIMBRE_OK)
        st = tb_child_send_work(&r->child, op, id, request, place, err);
    if (st == TIMBRE_FAILED && r->child.pid > 0) { /* it died while it was idle: a fresh one */
        tb_runner_end_child(r, true, "idle death");
        st = ready_child(r, place, err);
        if (st == TIMBRE_OK)
            st = tb_child_send_work(&r->child, op, id, request, place, err);
    }
    if (st == TIMBRE_OK)
        tb_runner_set_loaded(r, place->id);
    return st;
}

/* Steps that a request asks for. */
static int steps_of(const char *request)
{
    json_t *object = json_loads(request, 0, NULL);
    int steps = (int)json_integer_value(json_object_get(object, "steps"));
    json_decref(object);
    return steps;
}

static tb_status start(running *g, tb_error *err)
{
    tb_error why = {0};
    tb_status st = tb_model_place_find(g->worker, g->job->model_id, &g->place, &why);
    if (st == TIMBRE_OK)
        st = send_work(g->runner, "generate", g->job->id, g->job->request, &g->place, &why);
    if (st == TIMBRE_OK)
        return TIMBRE_OK;
    g->is_over = true;
    if (st == TIMBRE_GENERATOR_DIED || st == TIMBRE_TIMED_OUT) {
        (void)snprintf(g->death, sizeof g->death, "%.60s", why.message);
        g->trouble = end_died(g, err);
        g->death[0] = '\0';
    } else {
        g->trouble = end_failed(g, &why, err);
    }
    return st;
}

tb_status tb_runner_run_job(tb_runner *r, const tb_stored_job *job, tb_error *err)
{
    double now_s = tb_clock_seconds();
    running g = {.runner = r,
                 .worker = r->worker,
                 .job = job,
                 .fence = {job->id, job->attempt},
                 .steps = steps_of(job->request),
                 .started_s = now_s,
                 .stage_s = now_s,
                 .heard_s = now_s,
                 .trouble = TIMBRE_OK};
    g.live = (tb_live){.attempt = job->attempt, .eta_s = -1};
    memcpy(g.live.id, job->id, sizeof g.live.id);
    tb_runner_set_job(r, job->id);
    show(&g);
    tb_stored_job again = {0}; /* a cancel may have come before this thread could hear of it */
    if (tb_store_get_job(r->worker->store, job->id, &again, err) == TIMBRE_OK &&
        again.is_cancelling)
        tb_runner_cancel(r, job->id);
    tb_stored_job_deinit(&again);
    tb_metrics_add_wait(r->worker->metrics, (double)(tb_now_ms() - job->created_ms) / 1e3);
    if (start(&g, err) == TIMBRE_OK)
        follow(&g, err);
    if (g.death[0] != '\0')
        g.trouble = end_died(&g, err);
    tb_runner_set_job(r, "");
    r->child.idle_since_s = tb_clock_seconds();
    tb_feed_set_live(r->worker->feed, &(tb_live){.eta_s = -1});
    tb_model_place_deinit(&g.place);
    return g.trouble == TIMBRE_GONE ? TIMBRE_OK : g.trouble;
}

/* The shortest take that needs everything. */
void tb_runner_run_warm(tb_runner *r, const tb_model_place *place)
{
    enum { WARM_MS = 300000 };
    tb_error err = {0};
    bool is_over = false;
    char *request = tb_strf("{\"prompt\":\"piano\",\"seed\":1,\"duration_seconds\":1,"
                            "\"model_id\":\"%s\"%s}",
                            place->id, place->path == NULL ? "" : ",\"steps\":1");
    tb_status st = request == NULL ? tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a request")
                                   : send_work(r, "warm", "", request, place, &err);
    double until_s = tb_clock_seconds() + WARM_MS / 1e3, left_s;
    while (st == TIMBRE_OK && !is_over) {
        json_t *frame = NULL;
        int64_t len_bytes = 0;
        st = tb_channel_receive(&r->child.channel, TICK_MS, &frame, &len_bytes, &err);
        is_over = st == TIMBRE_OK && strcmp(text_of(frame, "op"), "ready") == 0;
        json_decref(frame);
        if (st == TIMBRE_TIMED_OUT && tb_clock_seconds() < until_s &&
            !tb_runner_is_draining(r, &left_s))
            st = TIMBRE_OK;
    }
    if (st != TIMBRE_OK) {
        tb_runner_end_child(r, true, "warm-up");
        tb_journal_error(&r->worker->journal, "the model is not loaded", NULL, &err);
    } else {
        tb_journal_write(&r->worker->journal, TIMBRE_LOG_INFO, "model loaded",
                         (tb_journal_field[]){{"model", place->id, 0}, {0}});
    }
    r->child.idle_since_s = tb_clock_seconds();
    free(request);
}
