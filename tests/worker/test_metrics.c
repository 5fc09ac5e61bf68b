/* What Prometheus reads: every line, labels from strangers, sums over threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/metrics.h"

static tb_metrics *begin(void)
{
    tb_metrics *m = NULL;
    assert_int_equal(tb_metrics_new(&m, NULL), TIMBRE_OK);
    return m;
}

/* Owned. */
static char *text_of(tb_metrics *m, const tb_metrics_gauge *gauges)
{
    tb_str out = {0};
    tb_metrics_format(m, gauges, &out);
    assert_false(out.failed);
    return tb_str_take(&out);
}

static void assert_line(const char *text, const char *line)
{
    char wanted[512];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (strstr(text, wanted) == NULL)
        fail_msg("no line '%s' in:\n%s", line, text);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part)) != NULL) {
        n++;
        text += strlen(part);
    }
    return n;
}

static void what_was_counted_is_told(void **state)
{
    (void)state;
    tb_metrics *m = begin();
    tb_metrics_count_answer(m, "GET", "/jobs/{id}", 200, 0.002);
    tb_metrics_count_answer(m, "GET", "/jobs/{id}", 200, 0.02);
    tb_metrics_count_answer(m, "GET", "/jobs/{id}", 404, 1000);
    tb_metrics_count_job(m, "succeeded");
    tb_metrics_count_child(m, "signal 9");
    tb_metrics_add_wait(m, 1);
    tb_metrics_add_stage(m, "sketch", "play", 0.5);
    char *text = text_of(m, NULL);
    assert_line(text, "timbre_http_requests_total{method=\"GET\",route=\"/jobs/{id}\",status="
                      "\"200\"} 2");
    assert_line(text, "timbre_http_request_seconds_bucket{route=\"/jobs/{id}\",le=\"0.001\"} 0");
    assert_line(text, "timbre_http_request_seconds_bucket{route=\"/jobs/{id}\",le=\"0.003\"} 1");
    assert_line(text, "timbre_http_request_seconds_bucket{route=\"/jobs/{id}\",le=\"300\"} 2");
    assert_line(text, "timbre_http_request_seconds_bucket{route=\"/jobs/{id}\",le=\"+Inf\"} 3");
    assert_line(text, "timbre_http_request_seconds_sum{route=\"/jobs/{id}\"} 1000.022");
    assert_line(text, "timbre_http_request_seconds_count{route=\"/jobs/{id}\"} 3");
    assert_line(text, "timbre_jobs_total{state=\"succeeded\"} 1");
    assert_line(text, "timbre_generator_ends_total{cause=\"signal 9\"} 1");
    /* a value on a bound belongs to it */
    assert_line(text, "timbre_queue_wait_seconds_bucket{le=\"0.3\"} 0");
    assert_line(text, "timbre_queue_wait_seconds_bucket{le=\"1\"} 1");
    assert_line(text, "timbre_queue_wait_seconds_count 1");
    assert_line(text, "timbre_stage_seconds_count{model=\"sketch\",stage=\"play\"} 1");
    free(text);
    tb_metrics_free(m);
}

static void every_family_has_help_and_type_once(void **state)
{
    (void)state;
    tb_metrics *m = begin();
    const tb_metrics_gauge gauges[] = {
        {"timbre_queue_depth", NULL, NULL, "Jobs that wait.", 7},
        {"timbre_take_bytes", "place", "here", "Bytes of takes.", 1e15},
        {"timbre_take_bytes", "place", "trash", "Bytes of takes.", 0},
        {0},
    };
    char *text = text_of(m, gauges);
    assert_int_equal(count_of(text, "# HELP "), 9);
    assert_int_equal(count_of(text, "# TYPE "), 9);
    assert_int_equal(count_of(text, "# TYPE timbre_take_bytes gauge\n"), 1);
    assert_line(text, "# TYPE timbre_jobs_total counter");
    assert_line(text, "# TYPE timbre_generation_seconds histogram");
    assert_line(text, "timbre_queue_depth 7");
    assert_line(text, "timbre_take_bytes{place=\"here\"} 1000000000000000");
    assert_line(text, "timbre_take_bytes{place=\"trash\"} 0");
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
    tb_metrics_free(m);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    tb_metrics *m = begin();
    tb_metrics_add_generation(m, "a\\b\"c\nd", 1);
    char *text = text_of(m, NULL);
    assert_line(text, "timbre_generation_seconds_count{model=\"a\\\\b\\\"c\\nd\"} 1");
    free(text);
    tb_metrics_free(m);
}

/* 64 label sets, then one for all others; those there are go on. */
static void strangers_do_not_make_it_grow(void **state)
{
    (void)state;
    tb_metrics *m = begin();
    char name[300];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "org/model-%d", i);
        tb_metrics_add_generation(m, name, 1);
    }
    tb_metrics_add_generation(m, "org/model-63", 1);
    char *text = text_of(m, NULL);
    assert_int_equal(count_of(text, "timbre_generation_seconds_count"), 65);
    assert_line(text, "timbre_generation_seconds_count{model=\"org/model-63\"} 2");
    assert_line(text, "timbre_generation_seconds_count{model=\"other\"} 936");
    free(text);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    tb_metrics_count_child(m, name);
    text = text_of(m, NULL);
    assert_non_null(strstr(text, "timbre_generator_ends_total{cause=\"xxx"));
    assert_null(strstr(text, name));
    free(text);
    tb_metrics_free(m);
}

enum { N_THREADS = 8, N_EACH = 20000 };

static void *count_much(void *user)
{
    for (int i = 0; i < N_EACH; i++)
        tb_metrics_count_answer(user, "GET", i % 2 == 0 ? "/a" : "/b", 200, 0.5);
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    tb_metrics *m = begin();
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, m), 0);
    for (int i = 0; i < 20; i++)
        free(text_of(m, NULL));
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *text = text_of(m, NULL);
    assert_line(text,
                "timbre_http_requests_total{method=\"GET\",route=\"/a\",status=\"200\"} 80000");
    assert_line(text, "timbre_http_request_seconds_sum{route=\"/b\"} 40000");
    free(text);
    tb_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_counted_is_told),
        cmocka_unit_test(every_family_has_help_and_type_once),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(strangers_do_not_make_it_grow),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
