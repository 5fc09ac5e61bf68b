/*
 * A fixed table of families, each with a fixed table of series: labels come from outside now and
 * then (a model's name), and what does not fit is counted under "other".
 */
#include "worker/metrics.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERIES_MAX = 64, /* label sets of a family, "other" not counted */
    LABELS_MAX = 3,
    LABEL_BYTES = 96, /* longer values are cut */
};

static const double bounds[] = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
enum { N_BOUNDS = sizeof bounds / sizeof bounds[0] };

typedef enum family_id {
    HTTP_REQUESTS,
    HTTP_SECONDS,
    JOBS,
    QUEUE_WAIT,
    GENERATION,
    STAGE,
    GENERATOR_ENDS,
    N_FAMILIES
} family_id;

static const struct {
    const char *name, *help;
    const char *labels[LABELS_MAX];
    bool is_histogram;
} families[N_FAMILIES] = {
    [HTTP_REQUESTS] = {"timbre_http_requests_total",
                       "Answers given.",
                       {"method", "route", "status"},
                       false},
    [HTTP_SECONDS] = {"timbre_http_request_seconds",
                      "Seconds until an answer began.",
                      {"route"},
                      true},
    [JOBS] = {"timbre_jobs_total", "Jobs that reached a final state.", {"state"}, false},
    [QUEUE_WAIT] = {"timbre_queue_wait_seconds",
                    "Seconds from submission to the first attempt.",
                    {NULL},
                    true},
    [GENERATION] = {"timbre_generation_seconds",
                    "Seconds that making a take took.",
                    {"model"},
                    true},
    [STAGE] = {"timbre_stage_seconds",
               "Seconds that a stage of a take took.",
               {"model", "stage"},
               true},
    [GENERATOR_ENDS] = {"timbre_generator_ends_total",
                        "Ends of the generator process.",
                        {"cause"},
                        false},
};

typedef struct series {
    char labels[LABELS_MAX][LABEL_BYTES];
    uint64_t count;
    double sum;
    uint64_t buckets[N_BOUNDS]; /* not cumulative */
} series;

struct tb_metrics {
    pthread_mutex_t lock;                     /* guards all below */
    series table[N_FAMILIES][SERIES_MAX + 1]; /* the last: "other" */
    size_t n[N_FAMILIES];                     /* in use, at most SERIES_MAX */
    bool has_other[N_FAMILIES];
};

tb_status tb_metrics_new(tb_metrics **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the metrics");
    int code = pthread_mutex_init(&(*out)->lock, NULL);
    if (code == 0)
        return TIMBRE_OK;
    free(*out);
    *out = NULL;
    return tb_fail_errno(err, code, "no lock for the metrics");
}

void tb_metrics_free(tb_metrics *metrics)
{
    if (metrics == NULL)
        return;
    (void)pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* ---- counting ---- */

/* Cut to what fits, never inside a character. */
static void copy_label(char out[LABEL_BYTES], const char *text)
{
    size_t len = strlen(text);
    if (len >= LABEL_BYTES) {
        len = LABEL_BYTES - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* With the lock held. */
static series *find_series(tb_metrics *m, family_id id, const char *const values[LABELS_MAX])
{
    series wanted = {0};
    for (size_t i = 0; i < LABELS_MAX && families[id].labels[i] != NULL; i++)
        copy_label(wanted.labels[i], values[i] == NULL ? "" : values[i]);
    for (size_t i = 0; i < m->n[id]; i++)
        if (memcmp(m->table[id][i].labels, wanted.labels, sizeof wanted.labels) == 0)
            return &m->table[id][i];
    if (m->n[id] < SERIES_MAX) {
        m->table[id][m->n[id]] = wanted;
        return &m->table[id][m->n[id]++];
    }
    series *other = &m->table[id][SERIES_MAX];
    m->has_other[id] = true;
    for (size_t i = 0; i < LABELS_MAX && families[id].labels[i] != NULL; i++)
        copy_label(other->labels[i], "other");
    return other;
}

static void add(tb_metrics *m, family_id id, const char *const values[LABELS_MAX], double seconds)
{
    if (!(seconds >= 0)) /* a clock that was set back */
        seconds = 0;
    (void)pthread_mutex_lock(&m->lock);
    series *s = find_series(m, id, values);
    s->count++;
    s->sum += seconds;
    size_t i = 0;
    while (i < N_BOUNDS && seconds > bounds[i])
        i++;
    if (i < N_BOUNDS)
        s->buckets[i]++;
    (void)pthread_mutex_unlock(&m->lock);
}

void tb_metrics_count_answer(tb_metrics *metrics, const char *method, const char *route, int status,
                             double seconds)
{
    char code[16];
    (void)snprintf(code, sizeof code, "%d", status);
    add(metrics, HTTP_REQUESTS, (const char *const[LABELS_MAX]){method, route, code}, 0);
    add(metrics, HTTP_SECONDS, (const char *const[LABELS_MAX]){route}, seconds);
}

void tb_metrics_count_job(tb_metrics *metrics, const char *state)
{
    add(metrics, JOBS, (const char *const[LABELS_MAX]){state}, 0);
}

void tb_metrics_add_wait(tb_metrics *metrics, double seconds)
{
    add(metrics, QUEUE_WAIT, (const char *const[LABELS_MAX]){NULL}, seconds);
}

void tb_metrics_add_generation(tb_metrics *metrics, const char *model, double seconds)
{
    add(metrics, GENERATION, (const char *const[LABELS_MAX]){model}, seconds);
}

void tb_metrics_add_stage(tb_metrics *metrics, const char *model, const char *stage, double seconds)
{
    add(metrics, STAGE, (const char *const[LABELS_MAX]){model, stage}, seconds);
}

void tb_metrics_count_child(tb_metrics *metrics, const char *cause)
{
    add(metrics, GENERATOR_ENDS, (const char *const[LABELS_MAX]){cause}, 0);
}

/* ---- telling ---- */

static void append_escaped(tb_str *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            tb_str_append(out, "\\");
        if (*value == '\n')
            tb_str_append(out, "\\n");
        else
            tb_str_append_bytes(out, value, 1);
    }
}

static void append_label(tb_str *out, bool *is_first, const char *name, const char *value)
{
    tb_str_appendf(out, "%s%s=\"", *is_first ? "{" : ",", name);
    append_escaped(out, value);
    tb_str_append(out, "\"");
    *is_first = false;
}

/* NAME{labels, le="bound"}; le NULL: without one. */
static void append_name(tb_str *out, family_id id, const char *suffix, const series *s,
                        const char *le)
{
    bool is_first = true;
    tb_str_appendf(out, "%s%s", families[id].name, suffix);
    for (size_t i = 0; i < LABELS_MAX && families[id].labels[i] != NULL; i++)
        append_label(out, &is_first, families[id].labels[i], s->labels[i]);
    if (le != NULL)
        append_label(out, &is_first, "le", le);
    tb_str_append(out, is_first ? " " : "} ");
}

static void append_histogram(tb_str *out, family_id id, const series *s)
{
    uint64_t n = 0;
    char le[32];
    for (size_t i = 0; i < N_BOUNDS; i++) {
        n += s->buckets[i];
        (void)snprintf(le, sizeof le, "%g", bounds[i]);
        append_name(out, id, "_bucket", s, le);
        tb_str_appendf(out, "%llu\n", (unsigned long long)n);
    }
    append_name(out, id, "_bucket", s, "+Inf");
    tb_str_appendf(out, "%llu\n", (unsigned long long)s->count);
    append_name(out, id, "_sum", s, NULL);
    tb_str_appendf(out, "%.9g\n", s->sum);
    append_name(out, id, "_count", s, NULL);
    tb_str_appendf(out, "%llu\n", (unsigned long long)s->count);
}

static void append_series(tb_str *out, family_id id, const series *s)
{
    if (families[id].is_histogram) {
        append_histogram(out, id, s);
        return;
    }
    append_name(out, id, "", s, NULL);
    tb_str_appendf(out, "%llu\n", (unsigned long long)s->count);
}

static void append_family(tb_str *out, const tb_metrics *m, family_id id)
{
    tb_str_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", families[id].name, families[id].help,
                   families[id].name, families[id].is_histogram ? "histogram" : "counter");
    for (size_t i = 0; i < m->n[id]; i++)
        append_series(out, id, &m->table[id][i]);
    if (m->has_other[id])
        append_series(out, id, &m->table[id][SERIES_MAX]);
}

/* Gauges of one name stand together, as the format wants it. */
static void append_gauges(tb_str *out, const tb_metrics_gauge *gauges)
{
    const char *before = "";
    for (const tb_metrics_gauge *g = gauges; g != NULL && g->name != NULL; g++) {
        if (strcmp(before, g->name) != 0)
            tb_str_appendf(out, "# HELP %s %s\n# TYPE %s gauge\n", g->name,
                           g->help == NULL ? "" : g->help, g->name);
        before = g->name;
        bool is_first = true;
        tb_str_append(out, g->name);
        if (g->label != NULL)
            append_label(out, &is_first, g->label, g->label_value == NULL ? "" : g->label_value);
        tb_str_appendf(out, "%s%.17g\n", is_first ? " " : "} ", g->value);
    }
}

void tb_metrics_format(tb_metrics *metrics, const tb_metrics_gauge *gauges, tb_str *out)
{
    (void)pthread_mutex_lock(&metrics->lock);
    for (int id = 0; id < N_FAMILIES; id++)
        append_family(out, metrics, (family_id)id);
    (void)pthread_mutex_unlock(&metrics->lock);
    append_gauges(out, gauges);
}
