/* The program and a worker: what is said without one, and with one from start to end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "cli/client/client.h"
#include "cli/client/events.h"
#include "cli/client/row.h"
#include "tests/support/program.h"

/* ---- parts ---- */

typedef struct {
    char names[256]; /* "status:0.5 end:" */
    tb_status answer;
} heard;

static tb_status hear(const char *event, const json_t *data, void *user, tb_error *err)
{
    heard *h = user;
    size_t length = strlen(h->names);
    double p = json_number_value(json_object_get(data, "p"));
    snprintf(h->names + length, sizeof h->names - length, "%s:%g ", event, p);
    return h->answer == TIMBRE_OK ? TIMBRE_OK : tb_fail(err, h->answer, "enough");
}

static const char stream[] = ": hello\n\nid: 4\nevent: status\ndata: {\"p\":\ndata: 0.5}\n\n"
                             "event: status\r\ndata: {\"p\": 1}\r\n\r\nid: 9\nevent:end\n\n";

/* The network may cut a stream anywhere. */
static void events_are_the_same_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof stream; step++) {
        heard h = {0};
        tb_event_reader reader = {.fn = hear, .user = &h};
        for (size_t at = 0; at < sizeof stream - 1; at += step) {
            size_t left = sizeof stream - 1 - at;
            tb_error err = {0};
            assert_int_equal(tb_events_feed(stream + at, left < step ? left : step, &reader, &err),
                             TIMBRE_OK);
        }
        assert_string_equal(h.names, "status:0.5 status:1 end:0 ");
        assert_string_equal(reader.id, "9");
        assert_true(reader.has_ended);
        tb_event_reader_deinit(&reader);
    }
}

static void an_event_without_end_is_refused(void **state)
{
    (void)state;
    heard h = {0};
    tb_event_reader reader = {.fn = hear, .user = &h};
    tb_error err = {0};
    tb_status st = TIMBRE_OK;
    char text[4096];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 1024 && st == TIMBRE_OK; i++)
        st = tb_events_feed(text, sizeof text, &reader, &err);
    assert_int_equal(st, TIMBRE_BAD_FILE);
    tb_event_reader_deinit(&reader);
}

static void the_listener_can_end_the_reading(void **state)
{
    (void)state;
    heard h = {.answer = TIMBRE_NO_SPACE};
    tb_event_reader reader = {.fn = hear, .user = &h};
    tb_error err = {0};
    assert_int_equal(tb_events_feed(stream, sizeof stream - 1, &reader, &err), TIMBRE_NO_SPACE);
    assert_string_equal(h.names, "status:0.5 ");
    tb_event_reader_deinit(&reader);
}

static void every_status_comes_back_from_its_name(void **state)
{
    (void)state;
    tb_status found;
    for (int i = 0; i < TIMBRE_STATUS_COUNT; i++) {
        assert_true(tb_status_from_name(timbre_status_name((tb_status)i), &found));
        assert_int_equal(found, i);
    }
    assert_false(tb_status_from_name("no_such", &found));
    assert_int_equal(found, TIMBRE_INTERNAL);
    assert_false(tb_status_from_name(NULL, &found));
}

static void addresses_carry_any_text(void **state)
{
    (void)state;
    tb_str address = {0};
    tb_str_append(&address, "/artifacts/");
    tb_path_part_append(&address, "a/b #1");
    tb_query_append(&address, "q", "r&b=ü");
    tb_query_append(&address, "limit", "2");
    assert_string_equal(tb_str_text(&address), "/artifacts/a%2Fb%20%231?q=r%26b%3D%C3%BC&limit=2");
    tb_str_deinit(&address);
}

/* ---- without a worker ---- */

static void assert_says(int exit_code, const char *text)
{
    if (result.exit_code != exit_code || strstr(result.err, text) == NULL)
        fail_msg("exit %d, not %d: %s", result.exit_code, exit_code, result.err);
}

static void jobs_need_a_worker(void **state)
{
    (void)state;
    program_run(&home, &result, "jobs", NULL);
    assert_says(4, "no worker is running");
    assert_non_null(strstr(result.err, "timbre serve"));
    program_run(&home, &result, "jobs", "--worker", "http://127.0.0.1:1", NULL);
    assert_says(4, "127.0.0.1:1");
    program_run(&home, &result, "jobs", "--worker", "ftp://host", NULL);
    assert_says(2, "no URL of a worker");
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    program_run(&home, &result, "jobs", "wtch", NULL);
    assert_says(2, "did you mean timbre jobs watch?");
    program_run(&home, &result, "takes", "rm", NULL);
    assert_says(2, "timbre takes rm N...");
    program_run(&home, &result, "takes", "star", "1", "--trash", NULL);
    assert_says(2, "--trash is not for takes star");
    program_run(&home, &result, "serve", "--listen", "none", "--listen", "127.0.0.1:1", NULL);
    assert_says(2, "contradicts");
    program_run(&home, &result, "serve", "--on-demand", "--listen", "127.0.0.1:1", NULL);
    assert_says(2, "--on-demand");
    program_run(&home, &result, "serve", "--queue", "0", NULL);
    assert_says(2, "outside 1 to 100000");
}

static void a_file_named_last_is_a_file(void **state)
{
    (void)state;
    program_write_file("last", "no sound");
    program_run(&home, &result, "show", "last", NULL);
    assert_null(strstr(result.err, "worker"));
    assert_int_equal(remove("last"), 0);
    home.env[0] = "TIMBRE_WORKER_URL=http://127.0.0.1:1";
    program_run(&home, &result, "show", "#1", NULL);
    assert_says(2, "on the worker's machine");
}

/* ---- with one ---- */

static pid_t worker;

static int start_worker(void **state)
{
    (void)program_clean(state);
    const char *argv[] = {program_path(), "serve", "--listen", "none", NULL};
    worker = program_start(&home, argv, NULL);
    for (int i = 0; i < 100; i++) {
        program_run(&home, &result, "jobs", NULL);
        if (result.exit_code == 0)
            return 0;
        program_sleep(0.1);
    }
    return -1;
}

static int stop_worker(void **state)
{
    bool is_signalled = false;
    (void)kill(worker, SIGTERM);
    int code = program_wait(worker, &is_signalled);
    (void)program_clean(state);
    return code == 0 && !is_signalled ? 0 : -1;
}

static json_t *parse_out(void)
{
    json_t *answer = json_loads(result.out, 0, NULL);
    if (answer == NULL)
        fail_msg("no JSON: %s%s", result.out, result.err);
    return answer;
}

static void generate_uses_the_worker_and_answers_alike(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "rain", "-s", "7", "-l", "1", "--json", "--model",
                "sketch", NULL);
    assert_int_equal(result.exit_code, 0);
    json_t *theirs = parse_out();
    program_run(&home, &result, "generate", "rain", "-s", "7", "-l", "1", "--json", "--model",
                "sketch", "--no-worker", NULL);
    json_t *ours = parse_out();
    const json_t *a = json_array_get(json_object_get(theirs, "takes"), 0);
    const json_t *b = json_array_get(json_object_get(ours, "takes"), 0);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)b, name, value) assert_non_null(json_object_get(a, name));
    const json_t *pcm_a = json_object_get(json_object_get(a, "recipe"), "pcm");
    const json_t *pcm_b = json_object_get(json_object_get(b, "recipe"), "pcm");
    assert_true(json_is_object(pcm_a) && json_equal(pcm_a, pcm_b));
    json_decref(theirs);
    json_decref(ours);
    program_run(&home, &result, "jobs", NULL);
    assert_non_null(strstr(result.out, "succeeded")); /* the first was the worker's */
}

static void a_take_has_a_number_a_star_and_a_trash(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "bells", "-l", "1", "--model", "sketch", NULL);
    assert_int_equal(result.exit_code, 0);
    char path[512];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(result.out, "\n"), result.out);
    program_run(&home, &result, "takes", "path", "last", NULL);
    assert_int_equal(strncmp(result.out, path, strlen(path)), 0);
    program_run(&home, &result, "show", "last", NULL);
    assert_non_null(strstr(result.out, "bells"));
    program_run(&home, &result, "takes", "star", "last", NULL);
    program_run(&home, &result, "takes", "list", "--starred", NULL);
    assert_non_null(strstr(result.out, "bells"));
    program_run(&home, &result, "takes", "title", "last", "my bells", NULL);
    program_run(&home, &result, "takes", "search", "bells", "--json", NULL);
    json_t *found = parse_out();
    json_t *take = json_array_get(json_object_get(found, "takes"), 0);
    assert_string_equal(tb_member_text(take, "title"), "my bells");
    char number[24];
    snprintf(number, sizeof number, "#%d",
             (int)json_integer_value(json_object_get(take, "number")));
    program_run(&home, &result, "export", number, NULL);
    assert_string_equal(result.out, "my-bells.mp3\n");
    assert_int_equal(remove("my-bells.mp3"), 0);
    const char *const refs[] = {"last", number};
    for (int i = 0; i < 2; i++) {
        program_run(&home, &result, "export", refs[i], "-o", "bells.ogg", "--force", NULL);
        assert_int_equal(result.exit_code, 0);
        assert_string_equal(result.out, "bells.ogg\n");
        program_run(&home, &result, "show", "bells.ogg", NULL);
        assert_non_null(strstr(result.out, "bells"));
        assert_int_equal(remove("bells.ogg"), 0);
    }
    json_decref(found);
    program_run(&home, &result, "takes", "rm", number, NULL);
    assert_says(0, "timbre takes restore");
    program_run(&home, &result, "show", number, NULL);
    assert_says(1, "is in the trash");
    program_run(&home, &result, "takes", "restore", number, NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    program_run(&home, &result, "takes", "path", "999999", NULL);
    assert_says(1, "999999");
    program_run(&home, &result, "jobs", "cancel", "no-such", NULL);
    assert_says(1, "there is no job 'no-such'");
    program_run(&home, &result, "jobs", "watch", NULL);
    assert_int_equal(result.exit_code, 0); /* the newest has ended well */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_however_they_are_cut),
        cmocka_unit_test(an_event_without_end_is_refused),
        cmocka_unit_test(the_listener_can_end_the_reading),
        cmocka_unit_test(every_status_comes_back_from_its_name),
        cmocka_unit_test(addresses_carry_any_text),
        cmocka_unit_test_teardown(jobs_need_a_worker, program_clean),
        cmocka_unit_test_teardown(wrong_arguments_are_named, program_clean),
        cmocka_unit_test_teardown(a_file_named_last_is_a_file, program_clean),
        cmocka_unit_test_setup_teardown(generate_uses_the_worker_and_answers_alike, start_worker,
                                        stop_worker),
        cmocka_unit_test_setup_teardown(a_take_has_a_number_a_star_and_a_trash, start_worker,
                                        stop_worker),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_said, start_worker, stop_worker),
    };
    return cmocka_run_group_tests(tests, program_setup, program_teardown);
}
