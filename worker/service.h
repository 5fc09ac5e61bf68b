/*
 * What the parts of the supervisor share. One tb_worker lives on tb_worker_main's stack; handlers,
 * the runner and the keeper get a pointer to it and lock nothing but what they call locks itself.
 */
#ifndef TB_WORKER_SERVICE_H
#define TB_WORKER_SERVICE_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "hub/hub.h"
#include "timbre/request.h"
#include "worker/feed.h"
#include "worker/http.h"
#include "worker/journal.h"
#include "worker/store.h"
#include "worker/worker.h"

struct tb_metrics;
struct tb_runner;
struct tb_pulls;

typedef struct tb_worker {
    const tb_worker_options *options;
    tb_journal journal;
    tb_store *store;
    tb_feed *feed;
    struct tb_metrics *metrics;
    struct tb_runner *runner;
    struct tb_pulls *pulls;
    struct tb_sounds *sounds;      /* pictures and peaks of takes */
    struct tb_file_checks *checks; /* files of takes that were compared with their hash */
    tb_http *http;
    tb_hub hub;
    char *inbox, *trash, *inputs; /* folders below the data folder; owned */
    char *output_dir;             /* real path; owned */
    atomic_bool is_stopping;      /* no new jobs: 503 */
    double started_s;             /* tb_clock_seconds */
    atomic_llong asked_s;         /* when a client was last answered, in its whole seconds */
} tb_worker;

/* Milliseconds since the epoch. */
int64_t tb_now_ms(void);
/* RFC 3339 in UTC with milliseconds, "2026-11-23T02:31:05.123Z". */
void tb_time_format(int64_t ms, char out[25]);
/* A random UUID (RFC 9562, version 4). */
TB_MUST_USE tb_status tb_id_draw(char out[TB_ID_BYTES], tb_error *err);
/* Whether `text` is such an id in lower case. */
bool tb_id_is_valid(const char *text);

/* ---- models (models.c): names only, never a path from outside ---- */

typedef struct tb_model_place {
    char *id;        /* "sketch", "riffusion-v1", "org/name" */
    char *path;      /* NULL: the sketch */
    char *tokenizer; /* NULL: the model's own or the worker's setting */
} tb_model_place;

/* Where the model `id` is; NULL: the default one. MODEL_MISSING: not installed. */
TB_MUST_USE tb_status tb_model_place_find(tb_worker *worker, const char *id, tb_model_place *out,
                                          tb_error *err);
void tb_model_place_deinit(tb_model_place *place);
/* Whether it can be the name of a model: "sketch", "riffusion-v1", "org/name"; never a path. */
bool tb_model_id_is_name(const char *text);
/* Make it the request's. */
TB_MUST_USE tb_status tb_model_place_apply(const tb_model_place *place, timbre_request *request,
                                           tb_error *err);

/* ---- what handlers share ---- */

/* The worker's routes (routes.c). */
const tb_route *tb_routes(size_t *n);

/* GenerationStatus of a job, with what runs now laid over it; NULL for memory. */
json_t *tb_status_to_json(tb_worker *worker, const tb_stored_job *job);
/* GenerationArtifact of a take; NULL for memory. */
json_t *tb_take_to_wire(const tb_stored_take *take);
/* "?limit=": 1 .. max, `otherwise` when absent. false: refused, the response says so. */
bool tb_query_integer(const tb_http_request *request, tb_http_response *response, const char *name,
                      int64_t min, int64_t max, int64_t otherwise, int64_t *out);
/* "?starred=true": 1, 0 or -1 when absent. */
bool tb_query_boolean(const tb_http_request *request, tb_http_response *response, const char *name,
                      int *out);

/* ---- handlers, one file for each group: api_GROUP.c ---- */

#define TB_HANDLER(name)                                                                           \
    void tb_api_##name(tb_worker *worker, const tb_http_request *request,                          \
                       tb_http_response *response)

/* api_health.c */
TB_HANDLER(health);
TB_HANDLER(ready);
TB_HANDLER(metrics);
TB_HANDLER(openapi);
/* api_jobs.c */
TB_HANDLER(generate);
TB_HANDLER(list_jobs);
TB_HANDLER(get_job);
TB_HANDLER(cancel_job);
TB_HANDLER(job_preview);
/* api_events.c */
TB_HANDLER(job_events);
TB_HANDLER(all_events);
/* api_takes.c */
TB_HANDLER(list_takes);
TB_HANDLER(get_take);
TB_HANDLER(edit_take);
TB_HANDLER(delete_take);
TB_HANDLER(restore_take);
/* api_sound.c */
TB_HANDLER(take_audio);
TB_HANDLER(take_spectrogram);
TB_HANDLER(take_peaks);
TB_HANDLER(take_recipe);
/* api_inputs.c */
TB_HANDLER(add_input);
/* api_presets.c */
TB_HANDLER(list_presets);
TB_HANDLER(get_preset);
TB_HANDLER(put_preset);
TB_HANDLER(delete_preset);
/* api_models.c */
TB_HANDLER(list_models);
TB_HANDLER(pull_model);
TB_HANDLER(pull_events);
TB_HANDLER(warm_model);
/* api_riffusion.c */
TB_HANDLER(run_inference);
TB_HANDLER(run_inference_moved);

#endif
