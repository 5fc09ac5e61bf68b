/* How the worker is: for people, for monitors, for clients that must know what it can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "timbre/version.h"
#include "worker/metrics.h"
#include "worker/pulls.h"
#include "worker/runner.h"
#include "worker/service.h"

extern const unsigned char tb_data_openapi[];

/* ---- /health ---- */

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

/* The two backends: the sketch is always there; the neural one where a model is. What is wrong with
 * either comes out with a job: the engine lives in the child. */
static json_t *describe_backends(const tb_model_place *place, const tb_error *why, json_t *names)
{
    bool is_neural = place != NULL && place->path != NULL;
    json_t *list = json_array();
    (void)json_array_append_new(names, json_string("sketch"));
    (void)json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:n}", "name", "sketch", "ready",
                                                1, "device", "cpu", "error"));
    if (is_neural)
        (void)json_array_append_new(names, json_string("riffusion"));
    (void)json_array_append_new(
        list, json_pack("{s:s, s:b, s:s, s:o}", "name", "riffusion", "ready", is_neural, "device",
                        "cpu", "error",
                        is_neural ? json_null()
                                  : json_string(why->code != TIMBRE_OK
                                                    ? why->message
                                                    : "no neural model was fetched or added")));
    return list;
}

static json_t *describe_queue(tb_worker *worker, char *trouble)
{
    int64_t counts[TB_JOB_STATE_COUNT] = {0};
    tb_error err = {0};
    if (tb_store_count_jobs(worker->store, counts, &err) != TIMBRE_OK)
        (void)snprintf(trouble, sizeof err.message, "%s", err.message);
    return json_pack("{s:I, s:I, s:I}", "queued", (json_int_t)counts[TB_JOB_QUEUED], "running",
                     (json_int_t)counts[TB_JOB_RUNNING], "limit",
                     (json_int_t)worker->options->queue_limit);
}

TB_HANDLER(health)
{
    tb_model_place place = {0};
    tb_error why = {0};
    char trouble[sizeof why.message] = "", waits[160];
    (void)request;
    bool has_model = tb_model_place_find(worker, NULL, &place, &why) == TIMBRE_OK;
    json_t *names = json_array();
    json_t *backends = describe_backends(has_model ? &place : NULL, &why, names);
    json_t *queue = describe_queue(worker, trouble);
    tb_runner_trouble(worker->runner, waits);
    if (trouble[0] == '\0')
        (void)snprintf(trouble, sizeof trouble, "%s", waits);
    const char *status = atomic_load(&worker->is_stopping) ? "stopping"
                         : trouble[0] != '\0'              ? "degraded"
                                                           : "ok";
    char *loaded = tb_runner_loaded(worker->runner);
    tb_http_reply_json(response, 200,
                       json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:f}", "status",
                                 status, "message", text_or_null(trouble), "version",
                                 timbre_version(), "default_model_id",
                                 place.id != NULL ? place.id : "sketch", "artifact_root",
                                 worker->output_dir, "available_backends", names, "backend_status",
                                 backends, "queue", queue, "loaded_model_id", text_or_null(loaded),
                                 "uptime_seconds", tb_clock_seconds() - worker->started_s));
    free(loaded);
    tb_model_place_deinit(&place);
}

/* Whether a job would be taken now: the store writes, nothing stops. */
TB_HANDLER(ready)
{
    tb_error err = {0};
    (void)request;
    tb_status st = atomic_load(&worker->is_stopping)
                       ? tb_fail(&err, TIMBRE_STOPPING, "the worker is stopping")
                       : tb_store_check(worker->store, &err);
    if (st == TIMBRE_OK) {
        tb_http_reply_json(response, 200, json_pack("{s:b}", "ready", 1));
        return;
    }
    tb_http_reply_fail(response, 503, timbre_status_name(st), "%s", err.message);
    tb_http_set_header(response, "Retry-After", "5");
}

TB_HANDLER(openapi)
{
    (void)worker;
    (void)request;
    tb_http_reply_text(response, 200, "application/json", (const char *)tb_data_openapi);
    tb_http_set_header(response, "Cache-Control", "no-cache");
}

/* ---- /metrics ---- */

TB_HANDLER(metrics)
{
    int64_t counts[TB_JOB_STATE_COUNT] = {0};
    tb_take_totals takes = {0};
    tb_error err = {0};
    int n_connections, n_streams;
    tb_str text = {0};
    (void)request;
    tb_http_count(worker->http, &n_connections, &n_streams);
    if (tb_store_count_jobs(worker->store, counts, &err) != TIMBRE_OK ||
        tb_store_total_takes(worker->store, &takes, &err) != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        return;
    }
    const tb_metrics_gauge gauges[] = {
        {"timbre_queue_depth", NULL, NULL, "Jobs that wait.", (double)counts[TB_JOB_QUEUED]},
        {"timbre_jobs_running", NULL, NULL, "Jobs that run.", (double)counts[TB_JOB_RUNNING]},
        {"timbre_takes", NULL, NULL, "Takes outside the trash.", (double)takes.n},
        {"timbre_take_bytes", NULL, NULL, "Bytes of these.", (double)takes.len_bytes},
        {"timbre_trash_bytes", NULL, NULL, "Bytes in the trash.", (double)takes.trashed_bytes},
        {"timbre_http_connections", NULL, NULL, "Open connections.", (double)n_connections},
        {"timbre_http_streams", NULL, NULL, "Open event streams.", (double)n_streams},
        {"timbre_model_pulls", NULL, NULL, "Models being fetched.",
         (double)tb_pulls_count(worker->pulls)},
        {"timbre_uptime_seconds", NULL, NULL, "Time since the start.",
         tb_clock_seconds() - worker->started_s},
        {"timbre_build_info", "version", timbre_version(), "Always 1.", 1},
        {0}};
    tb_metrics_format(worker->metrics, gauges, &text);
    size_t len = text.len;
    char *bytes = tb_str_take(&text);
    if (bytes == NULL)
        tb_http_reply_fail(response, 503, "no_memory", "no memory for the metrics");
    else
        tb_http_reply_bytes(response, 200, "text/plain; version=0.0.4; charset=utf-8", bytes, len);
}
