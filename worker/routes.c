/* The one table of routes. api/openapi.json describes the same rows; a test compares both. */
#include "worker/service.h"

enum { REQUEST_BYTES = 64 << 10, INPUT_BYTES = 64 << 20 };

#define JSON_BODY(max)                                                                             \
    {                                                                                              \
        .kind = TB_BODY_JSON, .max_bytes = (max)                                                   \
    }
#define OPTIONAL_BODY(max)                                                                         \
    {                                                                                              \
        .kind = TB_BODY_JSON, .is_optional = true, .max_bytes = (max)                              \
    }

/* The first contract's names, /status and /artifact, are further rows of the same handlers. */
static const tb_route table[] = {
    {"GET", "/health", tb_api_health, {NULL}},
    {"GET", "/readyz", tb_api_ready, {NULL}, .is_open = true},
    {"GET", "/metrics", tb_api_metrics, {NULL}},
    {"GET", "/openapi.json", tb_api_openapi, {NULL}},

    {"POST", "/generate", tb_api_generate, {NULL}, JSON_BODY(REQUEST_BYTES)},
    {"GET", "/jobs", tb_api_list_jobs, {"state", "after", "limit", NULL}},
    {"GET", "/jobs/{id}", tb_api_get_job, {NULL}},
    {"GET", "/status/{id}", tb_api_get_job, {NULL}},
    {"POST", "/jobs/{id}/cancel", tb_api_cancel_job, {NULL}, OPTIONAL_BODY(REQUEST_BYTES)},
    {"GET", "/jobs/{id}/preview.png", tb_api_job_preview, {NULL}},
    {"GET", "/jobs/{id}/events", tb_api_job_events, {NULL}, .is_stream = true},
    {"GET", "/events", tb_api_all_events, {NULL}, .is_stream = true},

    {"GET",
     "/artifacts",
     tb_api_list_takes,
     {"q", "starred", "trashed", "number", "after", "limit", NULL}},
    {"GET", "/artifacts/{id}", tb_api_get_take, {NULL}},
    {"GET", "/artifact/{id}", tb_api_get_take, {NULL}},
    {"PATCH", "/artifacts/{id}", tb_api_edit_take, {NULL}, JSON_BODY(REQUEST_BYTES)},
    {"DELETE", "/artifacts/{id}", tb_api_delete_take, {NULL}},
    {"POST", "/artifacts/{id}/restore", tb_api_restore_take, {NULL}, OPTIONAL_BODY(REQUEST_BYTES)},
    {"GET", "/artifacts/{id}/audio", tb_api_take_audio, {"format", NULL}},
    {"GET", "/artifacts/{id}/spectrogram.png", tb_api_take_spectrogram, {NULL}},
    {"GET", "/artifacts/{id}/peaks", tb_api_take_peaks, {"n", NULL}},
    {"GET", "/artifacts/{id}/recipe", tb_api_take_recipe, {NULL}},

    {"POST",
     "/inputs",
     tb_api_add_input,
     {NULL},
     {.kind = TB_BODY_BYTES, .max_bytes = INPUT_BYTES}},
    {"GET", "/presets", tb_api_list_presets, {NULL}},
    {"GET", "/presets/{name}", tb_api_get_preset, {NULL}},
    {"PUT", "/presets/{name}", tb_api_put_preset, {NULL}, JSON_BODY(REQUEST_BYTES)},
    {"DELETE", "/presets/{name}", tb_api_delete_preset, {NULL}},

    {"GET", "/models", tb_api_list_models, {NULL}},
    {"POST", "/models/warm", tb_api_warm_model, {NULL}, OPTIONAL_BODY(REQUEST_BYTES)},
    {"POST", "/models/{name}/pull", tb_api_pull_model, {NULL}, OPTIONAL_BODY(REQUEST_BYTES)},
    {"GET", "/models/{name}/pull", tb_api_pull_events, {NULL}, .is_stream = true},
    {"POST", "/models/{org}/{name}/pull", tb_api_pull_model, {NULL}, OPTIONAL_BODY(REQUEST_BYTES)},
    {"GET", "/models/{org}/{name}/pull", tb_api_pull_events, {NULL}, .is_stream = true},

    /* riffusion looks at no Content-Type */
    {"POST",
     "/run_inference/",
     tb_api_run_inference,
     {NULL},
     {.kind = TB_BODY_BYTES, .is_optional = true, .max_bytes = REQUEST_BYTES}},
    {"POST",
     "/run_inference",
     tb_api_run_inference_moved,
     {NULL},
     {.kind = TB_BODY_BYTES, .is_optional = true, .max_bytes = REQUEST_BYTES}},
};

const tb_route *tb_routes(size_t *n)
{
    *n = sizeof table / sizeof table[0];
    return table;
}
