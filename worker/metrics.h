/* Counters, gauges and histograms of the worker as Prometheus text (exposition format 0.0.4). */
#ifndef TB_WORKER_METRICS_H
#define TB_WORKER_METRICS_H

#include "engine/base/error.h"
#include "engine/base/str.h"

typedef struct tb_metrics tb_metrics;

TB_MUST_USE tb_status tb_metrics_new(tb_metrics **out, tb_error *err);
void tb_metrics_free(tb_metrics *metrics);

/* timbre_http_requests_total{method,route,status}, timbre_http_request_seconds{route}. `route` is
 * of the table of routes, so there are few. */
void tb_metrics_count_answer(tb_metrics *metrics, const char *method, const char *route, int status,
                             double seconds);
/* timbre_jobs_total{state}: a job reached a final state. */
void tb_metrics_count_job(tb_metrics *metrics, const char *state);
/* timbre_queue_wait_seconds, timbre_generation_seconds{model}. */
void tb_metrics_add_wait(tb_metrics *metrics, double seconds);
void tb_metrics_add_generation(tb_metrics *metrics, const char *model, double seconds);
/* timbre_stage_seconds{model,stage} */
void tb_metrics_add_stage(tb_metrics *metrics, const char *model, const char *stage,
                          double seconds);
/* timbre_generator_ends_total{cause}: "signal 9", "watchdog", "idle", "replaced", "exit 1" */
void tb_metrics_count_child(tb_metrics *metrics, const char *cause);

/* Gauges that are read at the moment of asking. */
typedef struct tb_metrics_gauge {
    const char *name;                /* "timbre_queue_depth"; NULL ends the list */
    const char *label, *label_value; /* NULL: none */
    const char *help;
    double value;
} tb_metrics_gauge;

void tb_metrics_format(tb_metrics *metrics, const tb_metrics_gauge *gauges, tb_str *out);

#endif
