/* The studio's line to a worker, against a small server of ours that also misbehaves. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/tui/link.h"
#include "cli/tui/tasks.h"
#include "cli/tui/wake.h"
#include "engine/base/clock.h"

enum { PATIENCE_S = 20, N_QUESTIONS = 300 };

/* ---- the server: a thread for each connection ---- */

static struct {
    int fd, port;
    pthread_t thread;
    atomic_bool is_ending, cuts_events;
    atomic_int n_open;
} server;

static void send_all(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer(int fd, const char *status, const char *body)
{
    char text[600]; /* at once: two small packets would wait for one another */
    (void)snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                   strlen(body), body);
    send_all(fd, text);
}

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&t, NULL);
}

static void send_events(int fd)
{
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 2000\n\n");
    send_all(fd, "event: status\ndata: {\"job_id\": \"one\"}\n\n");
    while (!server.is_ending && !server.cuts_events)
        sleep_ms(5);
}

/* False: the connection ends. */
static bool handle(int fd, const char *path)
{
    int n;
    char body[64];
    if (strcmp(path, "/health") == 0)
        answer(fd, "200 OK", "{\"status\": \"ok\"}");
    else if (sscanf(path, "/number/%d", &n) == 1) {
        (void)snprintf(body, sizeof body, "{\"n\": %d}", n);
        answer(fd, "200 OK", body);
    } else if (strcmp(path, "/text") == 0)
        answer(fd, "200 OK", "some bytes");
    else if (strcmp(path, "/cut") == 0) {
        send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all");
        return false;
    } else if (strcmp(path, "/events") == 0) {
        send_events(fd);
        return false;
    } else if (strcmp(path, "/hang") == 0) {
        while (!server.is_ending)
            sleep_ms(5);
        return false;
    } else
        answer(fd, "404 Not Found",
               "{\"error\": {\"code\": \"not_found\", \"message\": \"there is none\", \"fix\": "
               "\"look elsewhere\"}}");
    return true;
}

static void *serve_one(void *user)
{
    int fd = (int)(intptr_t)user;
    char request[8192], path[256];
    size_t n = 0;
    for (ssize_t got; (got = recv(fd, request + n, sizeof request - 1 - n, 0)) > 0;) {
        n += (size_t)got;
        request[n] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL)
            continue;
        if (sscanf(request, "%*s %255s", path) != 1 || !handle(fd, path))
            break;
        n = 0;
    }
    (void)close(fd);
    server.n_open--;
    return NULL;
}

static void *accept_all(void *user)
{
    (void)user;
    for (int fd; (fd = accept(server.fd, NULL, NULL)) >= 0;) {
        pthread_t thread;
        server.n_open++;
        assert_int_equal(pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd), 0);
        (void)pthread_detach(thread);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)server.port)};
    socklen_t length = sizeof address;
    int one = 1;
    server.is_ending = server.cuts_events = false;
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(server.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server.fd, 32), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &length), 0);
    server.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, accept_all, NULL), 0);
}

static void stop_server(void)
{
    server.is_ending = true;
    (void)shutdown(server.fd, SHUT_RDWR);
    (void)close(server.fd);
    (void)pthread_join(server.thread, NULL);
}

/* ---- the studio's side ---- */

typedef struct {
    tb_app app;
    tb_link *link;
    pthread_t thread;
    int n_answers, n_events, n_online, n_offline;
    int numbers[N_QUESTIONS];
    tb_status status;
    char message[100], fix[100], text[100], file[100], why[200];
    double retry_s;
} side;

static void on_number(void *user, tb_reply *reply)
{
    side *s = user;
    assert_true(pthread_equal(pthread_self(), s->thread));
    assert_int_equal(reply->status, TIMBRE_OK);
    assert_int_equal(json_integer_value(json_object_get(reply->json, "n")), reply->tag);
    s->numbers[s->n_answers++] = (int)reply->tag;
}

static void on_answer(void *user, tb_reply *reply)
{
    side *s = user;
    s->status = reply->status;
    (void)snprintf(s->message, sizeof s->message, "%.99s", reply->err.message);
    (void)snprintf(s->fix, sizeof s->fix, "%.99s", reply->err.fix);
    (void)snprintf(s->text, sizeof s->text, "%.99s", tb_str_text(&reply->bytes));
    (void)snprintf(s->file, sizeof s->file, "%.99s", reply->file != NULL ? reply->file : "");
    s->n_answers++;
}

static void on_event(void *user, tb_reply *reply)
{
    side *s = user;
    assert_string_equal(reply->id, "status");
    assert_string_equal(json_string_value(json_object_get(reply->json, "job_id")), "one");
    s->n_events++;
}

static void on_online(void *user, tb_reply *reply)
{
    side *s = user;
    assert_string_equal(json_string_value(json_object_get(reply->json, "status")), "ok");
    s->n_online++;
}

static void on_offline(void *user, tb_reply *reply)
{
    side *s = user;
    (void)snprintf(s->why, sizeof s->why, "%.199s", reply->err.message);
    s->retry_s = reply->retry_s;
    s->n_offline++;
}

static void open_side(side *s)
{
    char url[64];
    *s = (side){.thread = pthread_self()};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    s->app.settings.text[tb_setting_find("worker.url")] = strdup(url);
    const tb_link_options options = {
        .app = &s->app, .event = on_event, .online = on_online, .offline = on_offline, .user = s};
    assert_int_equal(tb_link_new(&options, &s->link, NULL), TIMBRE_OK);
}

static void close_side(side *s)
{
    tb_link_free(s->link);
    free(s->app.settings.text[tb_setting_find("worker.url")]);
}

/* Dispatch until *count is `wanted`. */
static void wait_for(side *s, const int *count, int wanted)
{
    double until_s = tb_clock_seconds() + PATIENCE_S;
    while (*count < wanted) {
        assert_true(tb_clock_seconds() < until_s);
        sleep_ms(2);
        tb_link_dispatch(s->link);
    }
}

static int setup_all(void **state)
{
    (void)state;
    assert_int_equal(tb_wake_init(NULL), TIMBRE_OK);
    start_server();
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    stop_server();
    for (int i = 0; i < 2000 && server.n_open > 0; i++)
        sleep_ms(5);
    tb_wake_deinit();
    return 0;
}

static void answers_come_in_order_where_they_are_wanted(void **state)
{
    (void)state;
    side s;
    open_side(&s);
    for (int i = 0; i < N_QUESTIONS; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/number/%d", i);
        tb_link_ask(s.link, &(tb_ask){.method = "GET", .path = path, .tag = i, .done = on_number});
    }
    wait_for(&s, &s.n_answers, N_QUESTIONS);
    for (int i = 0; i < N_QUESTIONS; i++)
        assert_int_equal(s.numbers[i], i);
    close_side(&s);
}

static void ask_and_wait(side *s, tb_want want, const char *path, const char *file)
{
    int n = s->n_answers;
    tb_link_ask(s->link, &(tb_ask){.lane = TB_LANE_FETCHES,
                                   .want = want,
                                   .method = "GET",
                                   .path = path,
                                   .file = file,
                                   .done = on_answer});
    wait_for(s, &s->n_answers, n + 1);
}

static void files_are_whole_or_not_there(void **state)
{
    (void)state;
    side s;
    struct stat facts;
    char file[] = "/tmp/timbre-link-XXXXXX", part[64];
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)unlink(file);
    (void)snprintf(part, sizeof part, "%s.part", file);
    open_side(&s);
    ask_and_wait(&s, TB_WANT_BYTES, "/text", NULL);
    assert_string_equal(s.text, "some bytes");
    ask_and_wait(&s, TB_WANT_FILE, "/text", file);
    assert_int_equal(s.status, TIMBRE_OK);
    assert_string_equal(s.file, file);
    assert_int_equal(stat(file, &facts), 0);
    assert_int_equal(facts.st_size, 10);
    (void)unlink(file);
    ask_and_wait(&s, TB_WANT_FILE, "/cut", file);
    assert_int_not_equal(s.status, TIMBRE_OK);
    assert_int_not_equal(stat(file, &facts), 0);
    assert_int_not_equal(stat(part, &facts), 0);
    ask_and_wait(&s, TB_WANT_FILE, "/nothing", file);
    assert_int_equal(s.status, TIMBRE_NOT_FOUND);
    assert_string_equal(s.message, "there is none");
    assert_string_equal(s.fix, "look elsewhere");
    assert_int_not_equal(stat(file, &facts), 0);
    ask_and_wait(&s, TB_WANT_FILE, "/text", "/nonexistent/file");
    assert_int_equal(s.status, TIMBRE_NOT_FOUND);
    close_side(&s);
}

static void a_worker_that_leaves_is_told_and_found_again(void **state)
{
    (void)state;
    side s;
    open_side(&s);
    wait_for(&s, &s.n_online, 1);
    wait_for(&s, &s.n_events, 1);
    assert_int_equal(s.n_offline, 0);
    stop_server(); /* the streams end with it */
    wait_for(&s, &s.n_offline, 2);
    assert_true(strlen(s.why) > 0 && s.retry_s >= 1);
    start_server();
    tb_link_retry(s.link);
    wait_for(&s, &s.n_online, 2);
    wait_for(&s, &s.n_events, 2);
    server.cuts_events = true;
    wait_for(&s, &s.n_offline, 3);
    server.cuts_events = false;
    wait_for(&s, &s.n_online, 3); /* by itself */
    close_side(&s);
}

static void what_hangs_does_not_hold_up_the_end(void **state)
{
    (void)state;
    side s;
    open_side(&s);
    tb_link_ask(s.link, &(tb_ask){.method = "GET", .path = "/hang", .done = on_answer});
    for (int i = 0; i < 3; i++) /* behind it */
        tb_link_ask(s.link, &(tb_ask){.method = "GET", .path = "/number/1", .done = on_number});
    tb_link_ask(s.link, &(tb_ask){.method = "GET", .path = "/text", .done = on_answer});
    sleep_ms(200);
    tb_link_forget(s.link, TB_LANE_CALLS, on_number);
    double began_s = tb_clock_seconds();
    close_side(&s);
    assert_true(tb_clock_seconds() - began_s < 5);
    assert_int_equal(s.n_answers, 0);
    tb_link_free(NULL);
}

/* ---- tasks ---- */

typedef struct {
    atomic_bool was_cancelled;
    bool is_done;
    bool waits;
} piece;

static void work(void *state, const timbre_cancel *cancel)
{
    piece *p = state;
    while (p->waits && !timbre_cancel_is_requested(cancel))
        sleep_ms(1);
    p->was_cancelled = timbre_cancel_is_requested(cancel) != 0;
}

static void done(void *user, void *state)
{
    (*(int *)user)++;
    ((piece *)state)->is_done = true;
}

static void tasks_end_here_and_can_be_stopped(void **state)
{
    (void)state;
    tb_tasks tasks = {0};
    piece quick = {0}, long_one = {.waits = true};
    int n_done = 0;
    assert_non_null(tb_tasks_start(&tasks, work, done, &quick));
    assert_non_null(tb_tasks_start(&tasks, work, done, &long_one));
    for (int i = 0; i < 5000 && n_done == 0; i++) {
        tb_tasks_dispatch(&tasks, &n_done);
        sleep_ms(1);
    }
    assert_true(quick.is_done && !quick.was_cancelled && !long_one.is_done);
    tb_tasks_end(&tasks, &n_done);
    assert_int_equal(n_done, 2);
    assert_true(long_one.was_cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_order_where_they_are_wanted),
        cmocka_unit_test(files_are_whole_or_not_there),
        cmocka_unit_test(a_worker_that_leaves_is_told_and_found_again),
        cmocka_unit_test(what_hangs_does_not_hold_up_the_end),
        cmocka_unit_test(tasks_end_here_and_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, setup_all, end_all);
}
