/* The door before strangers: what is refused and how, ranges, event streams, limits, the end. */
#include "tests/worker/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/folder.h"

#define HOST                "Host: localhost\r\n"
#define KEY                 "Authorization: Bearer secret\r\n"
#define CLOSE               "Connection: close\r\n"
#define GET(path, headers)  "GET " path " HTTP/1.1\r\n" HOST CLOSE headers "\r\n"
#define POST(path, headers) "POST " path " HTTP/1.1\r\n" HOST CLOSE KEY headers "\r\n"
#define JSON                "Content-Type: application/json\r\n"

typedef struct {
    const char *text;
    int status;
    const char *mark; /* stands in the answer; NULL: any */
} exchange;

static char answer[ANSWER_MAX_BYTES];

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(const served *s, const exchange table[], size_t n)
{
    int n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        int status = ask(s, table[i].text, answer);
        bool is_right = status == table[i].status &&
                        (table[i].mark == NULL || strstr(answer, table[i].mark) != NULL);
        if (!is_right)
            print_message("# wanted %d %s for %.200s\n# but: %.900s\n", table[i].status,
                          table[i].mark == NULL ? "" : table[i].mark, table[i].text, answer);
        n_wrong += !is_right;
    }
    assert_int_equal(n_wrong, 0);
}

#define CHECK(s, table) check(s, table, sizeof(table) / sizeof(table)[0])

static void paths_are_taken_as_they_come(void **state)
{
    static const exchange table[] = {
        {GET("/open", ""), 200, "\r\n\r\nok"},
        {GET("/jobs/a.b~c-d_e", KEY), 200, "{\"arg\":\"a.b~c-d_e\",\"q\":null}"},
        {GET("/models/org/name", KEY), 200, "{\"arg\":\"org/name\""},
        {GET("/", ""), 404, "\"code\":\"not_found\""},
        {GET("/open/", ""), 404, NULL},
        {GET("/jobs/", KEY), 404, NULL},
        {GET("/open/../closed", KEY), 400, NULL},
        {GET("/open/./x", KEY), 400, NULL},
        {GET("/jobs/..", KEY), 400, NULL},
        {GET("/jobs/%2e%2e", KEY), 400, NULL},
        {GET("/models/a%2fb", KEY), 400, NULL},
        {GET("/open%00", ""), 400, NULL},
        {GET("//open", ""), 400, NULL},
        {GET("/models/a//b", KEY), 400, NULL},
        {GET("/open;x", ""), 400, NULL},
        {GET("/op\\en", ""), 400, NULL},
        {GET("http://localhost/open", ""), 400, NULL},
        {GET("*", ""), 400, NULL},
    };
    CHECK(*state, table);
}

static void queries_are_decoded_strictly(void **state)
{
    static const exchange table[] = {
        {GET("/jobs/1?q=a%20b+c%C3%A9", KEY), 200, "\"q\":\"a b c\\u00E9\""},
        {GET("/jobs/1?q", KEY), 200, "\"q\":\"\""},
        {GET("/jobs/1?&q=1&&limit=2&", KEY), 200, "\"q\":\"1\""},
        {GET("/jobs/1?q=%3D%26", KEY), 200, "\"q\":\"=&\""},
        {GET("/jobs/1?q=%00", KEY), 400, NULL},
        {GET("/jobs/1?q=%01", KEY), 400, NULL},
        {GET("/jobs/1?q=%7F", KEY), 400, NULL},
        {GET("/jobs/1?q=%C3", KEY), 400, NULL},
        {GET("/jobs/1?q=%C0%AF", KEY), 400, NULL},
        {GET("/jobs/1?q=%2", KEY), 400, NULL},
        {GET("/jobs/1?q=%zz", KEY), 400, NULL},
        {GET("/jobs/1?q=1&q=2", KEY), 400, "'q'"},
        {GET("/jobs/1?%71=1&q=2", KEY), 400, "'q'"},
        {GET("/jobs/1?other=1", KEY), 400, "\"param\":\"other\""},
        {GET("/open?x", ""), 400, "\"param\":\"x\""},
        {GET("/open?12345678901234567890123456789012345678901234567890123456789%C3%A9", ""), 400,
         "unknown parameter"}, /* cut for the message within a character */
    };
    CHECK(*state, table);
}

static void headers_that_can_be_read_in_two_ways_are_refused(void **state)
{
    static const exchange table[] = {
        {"GET /open HTTP/1.1\r\n" CLOSE "\r\n", 400, NULL},
        {GET("/open", HOST), 400, NULL},
        {GET("/closed", KEY KEY), 400, "\"param\":\"Authorization\""},
        {GET("/file", "Range: bytes=0-1\r\nrange: bytes=2-3\r\n"), 400, NULL},
        {GET("/file", "If-None-Match: *\r\nIf-None-Match: *\r\n"), 400, NULL},
        {GET("/open", "Idempotency-Key: 1\r\nIdempotency-Key: 1\r\n"), 400, NULL},
        {GET("/open", "Prefer: wait=1\r\nPREFER: wait=2\r\n"), 400, NULL},
        {GET("/open", "Last-Event-ID: 1\r\nLast-Event-ID: 1\r\n"), 400, NULL},
        {POST("/json", JSON JSON "Content-Length: 2\r\n") "{}", 400, NULL},
        {POST("/json", JSON "Content-Length: 2\r\nContent-Length: 2\r\n") "{}", 400, NULL},
        {POST("/json", JSON "Content-Length: 2\r\nContent-Length: 20\r\n") "{}", 400, NULL},
        {POST("/json", JSON "Content-Length: -2\r\n") "{}", 400, NULL},
        {POST("/json", JSON "Content-Length: x\r\n") "{}", 400, NULL},
        {POST("/json", JSON "Transfer-Encoding: chunked\r\n") "2\r\n{}\r\n0\r\n\r\n", 411, NULL},
        {"nonsense\r\n\r\n", 0, NULL},
    };
    CHECK(*state, table);
    static const char smuggled[] = POST(
        "/json", JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") "2\r\n{}\r\n0\r\n\r\n";
    int status = ask(*state, smuggled, answer);
    assert_true(status == 400 || status == 411);
}

/* Taken by libmicrohttpd 0.9.75, refused by later ones: one answer at most, and no crash. */
static void odd_line_ends_do_no_harm(void **state)
{
    static const char *const texts[] = {
        "GET /open HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        GET("/open", "X: a\r\n b\r\n"), GET("/open", " X: a\r\n"), GET("/open", "X\r\n"),
        GET("/open", "X : a\r\n")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int status = ask(*state, texts[i], answer);
        assert_true(status == 200 || status == 400 || status == 0);
    }
}

/* "GET /open?AAAA" or a header of n bytes. */
static int ask_long(const served *s, const char *before, size_t n, const char *after)
{
    char *text = calloc(1, strlen(before) + n + strlen(after) + 1);
    assert_non_null(text);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), 'a', n);
    memcpy(text + strlen(before) + n, after, strlen(after));
    int status = ask(s, text, answer);
    free(text);
    return status;
}

static void long_heads_are_refused(void **state)
{
    static const char end[] = " HTTP/1.1\r\n" HOST CLOSE "\r\n";
    assert_int_equal(ask_long(*state, "GET /", 4000, end), 404);
    assert_int_equal(ask_long(*state, "GET /", 5000, end), 414);
    int status = ask_long(*state, "GET /", 100000, end);
    assert_true(status == 414 || status == 431);
    static const char line[] = "GET /open HTTP/1.1\r\n" HOST CLOSE "X: ";
    assert_int_equal(ask_long(*state, line, 15000, "\r\n\r\n"), 200);
    assert_int_equal(ask_long(*state, line, 17000, "\r\n\r\n"), 431);
    assert_int_equal(ask_long(*state, line, 100000, "\r\n\r\n"), 431);
}

static void only_our_names_and_pages_are_answered(void **state)
{
    const served *s = *state;
    static const exchange table[] = {
        {"GET /open HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE "\r\n", 200, NULL},
        {"GET /open HTTP/1.1\r\nHost: [::1]\r\n" CLOSE "\r\n", 200, NULL},
        {"GET /open HTTP/1.1\r\nHost: LOCALHOST\r\n" CLOSE "\r\n", 200, NULL},
        {"GET /open HTTP/1.1\r\nHost: studio.example\r\n" CLOSE "\r\n", 200, NULL},
        {"GET /open HTTP/1.1\r\nHost: evil.example\r\n" CLOSE "\r\n", 403, "host_not_allowed"},
        {"GET /open HTTP/1.1\r\nHost: localhost.evil.example\r\n" CLOSE "\r\n", 403, NULL},
        {"GET /open HTTP/1.1\r\nHost: localhost:1\r\n" CLOSE "\r\n", 403, NULL},
        {"GET /open HTTP/1.1\r\nHost: localhost:99999\r\n" CLOSE "\r\n", 403, NULL},
        {"GET /open HTTP/1.1\r\nHost: localhost, evil\r\n" CLOSE "\r\n", 403, NULL},
        {GET("/open", "Origin: http://localhost\r\n"), 200, NULL},
        {GET("/open", "Origin: https://evil.example\r\n"), 403, "origin_not_allowed"},
        {GET("/open", "Origin: null\r\n"), 403, NULL},
        {GET("/open", "Origin: https://studio.example.evil\r\n"), 403, NULL},
        {GET("/open", "Origin: https://studio.example\r\n"), 200,
         "Access-Control-Allow-Origin: https://studio.example\r\n"},
        {"OPTIONS /json HTTP/1.1\r\n" HOST CLOSE "Origin: https://studio.example\r\n"
         "Access-Control-Request-Method: POST\r\n\r\n",
         204, "Idempotency-Key"},
    };
    CHECK(s, table);
    assert_int_equal(ask(s, GET("/open", "Origin: http://localhost\r\n"), answer), 200);
    assert_null(strstr(answer, "Access-Control"));
    char text[200];
    (void)snprintf(text, sizeof text, "GET /open HTTP/1.1\r\nHost: localhost:%d\r\n" CLOSE "\r\n",
                   s->port);
    assert_int_equal(ask(s, text, answer), 200);
    int fd = connect_unix(s); /* any name, and no key */
    send_text(fd, "GET /closed HTTP/1.1\r\nHost: timbre\r\n" CLOSE "\r\n");
    read_to_end(fd, answer);
    close(fd);
    assert_int_equal(status_of(answer), 200);
}

static void the_key_and_the_method_are_checked(void **state)
{
    static const exchange table[] = {
        {GET("/closed", KEY), 200, NULL},
        {GET("/closed", "Authorization: bearer secret\r\n"), 200, NULL},
        {GET("/closed", ""), 401, "WWW-Authenticate: Bearer\r\n"},
        {GET("/closed", "Authorization: Bearer secre\r\n"), 401, NULL},
        {GET("/closed", "Authorization: Bearer secrets\r\n"), 401, NULL},
        {GET("/closed", "Authorization: Bearer\r\n"), 401, NULL},
        {GET("/closed", "Authorization: Basic secret\r\n"), 401, NULL},
        {"POST /json HTTP/1.1\r\n" HOST CLOSE JSON "Content-Length: 60\r\n\r\n", 401, NULL},
        {"DELETE /open HTTP/1.1\r\n" HOST CLOSE "\r\n", 405, "Allow: GET, HEAD, OPTIONS\r\n"},
        {"POST /jobs/1 HTTP/1.1\r\n" HOST CLOSE KEY "\r\n", 405, "GET, HEAD, DELETE, OPTIONS"},
        {"BREW /open HTTP/1.1\r\n" HOST CLOSE "\r\n", 405, NULL},
        {"HEAD /open HTTP/1.1\r\n" HOST CLOSE "\r\n", 200, "Content-Length: 2\r\n"},
        {GET("/nothing", ""), 500, "\"type\":\"server_error\""},
        {GET("/open", ""), 200, "X-Content-Type-Options: nosniff\r\n"},
        {GET("/open", ""), 200, "Cache-Control: no-store\r\n"},
        {GET("/open", ""), 200, "X-Request-Id: "},
    };
    CHECK(*state, table);
}

static void bodies_have_a_type_and_a_limit(void **state)
{
    static const exchange table[] = {
        {POST("/json", JSON "Content-Length: 2\r\n") "{}", 200, "\r\n\r\n{}"},
        {POST("/json",
              "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n") "{}",
         200, NULL},
        {POST("/json", "Content-Type: text/plain\r\nContent-Length: 2\r\n") "{}", 415, NULL},
        {POST("/json", "Content-Type: application/jsonx\r\nContent-Length: 2\r\n") "{}", 415, NULL},
        {POST("/json", "Content-Length: 2\r\n") "{}", 415, NULL},
        {POST("/json", JSON "Content-Length: 65\r\n"), 413, "too_large"},
        {POST("/json", JSON "Content-Length: 999999999999\r\n"), 413, NULL},
        {POST("/json", JSON), 411, NULL},
        {POST("/json", JSON "Content-Length: 0\r\n"), 400, NULL},
        {POST("/maybe", ""), 200, "\r\n\r\nnone"},
        {"PUT /bytes HTTP/1.1\r\n" HOST CLOSE KEY "Content-Length: 3\r\n\r\nRIF", 200,
         "\r\n\r\nRIF"},
        {"PUT /bytes HTTP/1.1\r\n" HOST CLOSE KEY "Content-Length: 1001\r\n\r\n", 413, NULL},
        {"GET /open HTTP/1.1\r\n" HOST CLOSE "Content-Length: 3\r\n\r\nabc", 400, NULL},
    };
    CHECK(*state, table);
}

static void files_come_in_ranges(void **state)
{
    static const exchange table[] = {
        {GET("/file", ""), 200, "\r\n\r\n0123456789"},
        {GET("/file", "Range: bytes=2-4\r\n"), 206, "\r\n\r\n234"},
        {GET("/file", "Range: bytes=2-4\r\n"), 206, "Content-Range: bytes 2-4/10\r\n"},
        {GET("/file", "Range: bytes=7-\r\n"), 206, "\r\n\r\n789"},
        {GET("/file", "Range: bytes=7-99\r\n"), 206, "bytes 7-9/10"},
        {GET("/file", "Range: bytes=-3\r\n"), 206, "bytes 7-9/10"},
        {GET("/file", "Range: bytes=-30\r\n"), 206, "bytes 0-9/10"},
        {GET("/file", "Range: bytes=10-\r\n"), 416, "Content-Range: bytes */10\r\n"},
        {GET("/file", "Range: bytes=-0\r\n"), 416, NULL},
        {GET("/file", "Range: bytes=4-2\r\n"), 200, NULL},
        {GET("/file", "Range: bytes=0-1,3-4\r\n"), 200, "\r\n\r\n0123456789"},
        {GET("/file", "Range: lines=0-1\r\n"), 200, NULL},
        {GET("/file", "Range: bytes=99999999999999999999-\r\n"), 200, NULL},
        {GET("/file", "Range: bytes=0-0\r\nIf-Range: \"tag\"\r\n"), 206, NULL},
        {GET("/file", "Range: bytes=0-0\r\nIf-Range: W/\"tag\"\r\n"), 200, NULL},
        {GET("/file", "Range: bytes=0-0\r\nIf-Range: \"old\"\r\n"), 200, NULL},
        {GET("/file", "If-None-Match: \"a\", W/\"tag\"\r\n"), 304, "ETag: \"tag\"\r\n"},
        {GET("/file", "If-None-Match: *\r\n"), 304, NULL},
        {GET("/file", "If-None-Match: \"a\"\r\n"), 200, NULL},
        {GET("/tagged", "If-None-Match: \"v1\"\r\n"), 304, NULL},
        {GET("/tagged", ""), 200, "ETag: \"v1\"\r\n"},
        {"HEAD /file HTTP/1.1\r\n" HOST CLOSE "\r\n", 200, "Content-Length: 10\r\n"},
    };
    CHECK(*state, table);
    assert_int_equal(ask(*state, "HEAD /file HTTP/1.1\r\n" HOST CLOSE "\r\n", answer), 200);
    assert_null(strstr(answer, "0123456789"));
}

static void requests_follow_each_other(void **state)
{
    int fd = connect_tcp(*state), before = atomic_load(&n_answered);
    send_text(fd, "GET /open HTTP/1.1\r\n" HOST "\r\nGET /jobs/7 HTTP/1.1\r\n" HOST KEY "\r\n");
    send_text(fd, GET("/tagged", ""));
    read_to_end(fd, answer);
    close(fd);
    const char *first = strstr(answer, "\r\n\r\nok"), *second = strstr(answer, "\"arg\":\"7\"");
    const char *third = strstr(answer, "{\"n\":1}");
    assert_true(first != NULL && second > first && third > second);
    for (int i = 0; i < 100 && atomic_load(&n_answered) < before + 3; i++)
        usleep(10 * 1000);
    assert_int_equal(atomic_load(&n_answered), before + 3);
}

/* Waits until `*count` is at least n, at most 5 s. */
static void wait_for_count(atomic_int *count, int n)
{
    for (int i = 0; i < 500 && atomic_load(count) < n; i++)
        usleep(10 * 1000);
    assert_true(atomic_load(count) >= n);
}

static void a_stream_frees_its_state_when_the_client_goes(void **state)
{
    int freed = atomic_load(&n_states_freed);
    int fd = connect_tcp(*state);
    send_text(fd, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    read_until(fd, "event: first", answer);
    assert_non_null(strstr(answer, "Content-Type: text/event-stream\r\n"));
    close(fd);
    wait_for_count(&n_states_freed, freed + 1);
}

static void streams_and_connections_are_limited(void **state)
{
    enum { STREAMS = 3 };
    served small;
    int fds[STREAMS];
    (void)state;
    serve(&small, 8, STREAMS, 0);
    for (int i = 0; i < STREAMS; i++) {
        fds[i] = connect_tcp(&small);
        send_text(fds[i], "GET /events HTTP/1.1\r\n" HOST "\r\n");
        read_until(fds[i], "event: first", answer);
    }
    assert_int_equal(ask(&small, GET("/events", ""), answer), 503);
    assert_non_null(strstr(answer, "Retry-After: "));
    assert_int_equal(ask(&small, GET("/open", ""), answer), 200);
    int idle[8];
    for (int i = 0; i < 8; i++)
        idle[i] = connect_tcp(&small);
    usleep(200 * 1000);
    assert_int_equal(ask(&small, GET("/open", ""), answer), 503);
    for (int i = 0; i < 8; i++)
        close(idle[i]);
    for (int i = 0; i < STREAMS; i++)
        close(fds[i]);
    serve_no_more(&small);
}

static void the_unix_socket_needs_no_key_and_no_name(void **state)
{
    int fd = connect_unix(*state);
    send_text(fd, "GET /closed HTTP/1.1\r\nHost: anything\r\n" CLOSE "\r\n");
    read_to_end(fd, answer);
    close(fd);
    assert_int_equal(status_of(answer), 200);
}

static void many_at_once_are_all_answered(void **state)
{
    enum { MANY = 200 };
    int fds[MANY];
    for (int i = 0; i < MANY; i++)
        fds[i] = connect_tcp(*state);
    for (int i = 0; i < MANY; i++)
        send_text(fds[i], GET("/tagged", ""));
    for (int i = 0; i < MANY; i++) {
        read_to_end(fds[i], answer);
        assert_int_equal(status_of(answer), 200);
        close(fds[i]);
    }
}

static void it_stops_while_connections_are_open(void **state)
{
    served other;
    (void)state;
    serve(&other, 0, 0, 0);
    int idle = connect_tcp(&other), half = connect_tcp(&other), stream = connect_tcp(&other);
    send_text(half, "GET /open HT");
    send_text(stream, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    read_until(stream, "event: first", answer);
    double began_s = now_s();
    atomic_store(&is_ending, true);
    serve_no_more(&other);
    assert_true(now_s() - began_s < 3);
    atomic_store(&is_ending, false);
    close(idle);
    close(half);
    close(stream);
}

static int set_up(void **state)
{
    static served shared;
    enter_folder(state);
    serve(&shared, 0, 0, 0);
    *state = &shared;
    return 0;
}

static int tear_down(void **state)
{
    atomic_store(&is_ending, true);
    serve_no_more(*state);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* before those that take over the socket's path */
        cmocka_unit_test(the_unix_socket_needs_no_key_and_no_name),
        cmocka_unit_test(paths_are_taken_as_they_come),
        cmocka_unit_test(queries_are_decoded_strictly),
        cmocka_unit_test(headers_that_can_be_read_in_two_ways_are_refused),
        cmocka_unit_test(odd_line_ends_do_no_harm),
        cmocka_unit_test(long_heads_are_refused),
        cmocka_unit_test(only_our_names_and_pages_are_answered),
        cmocka_unit_test(the_key_and_the_method_are_checked),
        cmocka_unit_test(bodies_have_a_type_and_a_limit),
        cmocka_unit_test(files_come_in_ranges),
        cmocka_unit_test(requests_follow_each_other),
        cmocka_unit_test(a_stream_frees_its_state_when_the_client_goes),
        cmocka_unit_test(streams_and_connections_are_limited),
        cmocka_unit_test(many_at_once_are_all_answered),
        cmocka_unit_test(it_stops_while_connections_are_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
