#include "tests/worker/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "worker/listen.h"

atomic_int n_states_made, n_states_freed, n_answered;
atomic_bool is_ending;

/* ---- the routes ---- */

static void say_ok(struct tb_worker *worker, const tb_http_request *request,
                   tb_http_response *response)
{
    (void)worker;
    (void)request;
    tb_http_reply_text(response, 200, "text/plain", "ok");
}

static void say_argument(struct tb_worker *worker, const tb_http_request *request,
                         tb_http_response *response)
{
    (void)worker;
    const char *q = tb_http_query(request, "q");
    tb_http_reply_json(response, 200,
                       json_pack("{s:s?, s:s?}", "arg", tb_http_arg(request, 0), "q", q));
}

static void say_body(struct tb_worker *worker, const tb_http_request *request,
                     tb_http_response *response)
{
    size_t len_bytes = 0;
    const char *body = tb_http_body(request, &len_bytes);
    (void)worker;
    tb_http_reply_text(response, 200, "text/plain", body == NULL ? "none" : body);
}

static void say_file(struct tb_worker *worker, const tb_http_request *request,
                     tb_http_response *response)
{
    int64_t len_bytes = 0;
    char bytes[64] = "none";
    int fd = tb_http_body_file(request, &len_bytes);
    (void)worker;
    ssize_t n = fd < 0 ? 4 : read(fd, bytes, sizeof bytes - 1);
    bytes[n < 0 ? 0 : n] = '\0';
    tb_http_reply_text(response, 200, "text/plain", bytes);
}

static void send_file(struct tb_worker *worker, const tb_http_request *request,
                      tb_http_response *response)
{
    FILE *file = tmpfile();
    (void)worker;
    if (file == NULL || fputs("0123456789", file) < 0 || fflush(file) != 0)
        return;
    int fd = dup(fileno(file));
    (void)fclose(file);
    tb_http_reply_file(response, request, fd, 10, "audio/wav", "tag");
}

static void say_tagged(struct tb_worker *worker, const tb_http_request *request,
                       tb_http_response *response)
{
    (void)worker;
    tb_http_reply_json_tagged(response, request, "v1", json_pack("{s:i}", "n", 1));
}

static void say_nothing(struct tb_worker *worker, const tb_http_request *request,
                        tb_http_response *response)
{
    (void)worker;
    (void)request;
    (void)response;
}

static bool next_event(void *state, tb_str *out)
{
    int *n = state;
    usleep(20 * 1000);
    if (atomic_load(&is_ending) || *n == 100000)
        return false;
    if ((*n)++ == 0)
        tb_str_append(out, "event: first\ndata: {}\n\n");
    else
        tb_str_append(out, ": ping\n\n");
    return true;
}

static void free_state(void *state)
{
    free(state);
    atomic_fetch_add(&n_states_freed, 1);
}

static void send_events(struct tb_worker *worker, const tb_http_request *request,
                        tb_http_response *response)
{
    (void)worker;
    (void)request;
    atomic_fetch_add(&n_states_made, 1);
    tb_http_reply_events(response,
                         &(tb_http_stream){next_event, free_state, calloc(1, sizeof(int))});
}

static const tb_route routes[] = {
    {.method = "GET", .path = "/open", .run = say_ok, .is_open = true},
    {.method = "GET", .path = "/closed", .run = say_ok},
    {.method = "GET", .path = "/jobs/{id}", .run = say_argument, .query = {"q", "limit"}},
    {.method = "DELETE", .path = "/jobs/{id}", .run = say_ok},
    {.method = "GET", .path = "/models/{name...}", .run = say_argument},
    {.method = "POST", .path = "/json", .run = say_body, .body = {TB_BODY_JSON, false, 64}},
    {.method = "POST", .path = "/maybe", .run = say_body, .body = {TB_BODY_JSON, true, 64}},
    {.method = "PUT", .path = "/bytes", .run = say_file, .body = {TB_BODY_BYTES, false, 1000}},
    {.method = "GET", .path = "/file", .run = send_file, .is_open = true},
    {.method = "GET", .path = "/tagged", .run = say_tagged, .is_open = true},
    {.method = "GET", .path = "/nothing", .run = say_nothing, .is_open = true},
    {.method = "GET", .path = "/events", .run = send_events, .is_open = true, .is_stream = true},
};

/* ---- the server ---- */

static void count_answer(struct tb_worker *worker, const char *method, const char *route,
                         int status, double seconds)
{
    (void)worker;
    if (method != NULL && route != NULL && status >= 200 && seconds >= 0)
        atomic_fetch_add(&n_answered, 1);
}

void serve(served *s, int max_connections, int max_streams, int idle_s)
{
    tb_error err = {0};
    tb_listen_address address;
    char cwd[40];
    tb_http_options o = {.n_fds = 2,
                         .is_unix = {false, true},
                         .key = "secret",
                         .hosts = {"studio.example"},
                         .origins = {"https://studio.example"},
                         .max_connections = max_connections,
                         .max_streams = max_streams,
                         .idle_s = idle_s,
                         .routes = routes,
                         .n_routes = sizeof routes / sizeof routes[0],
                         .answered = count_answer};
    atomic_store(&is_ending, false);
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(s->socket_path, sizeof s->socket_path, "%s/run/door.sock", cwd);
    if (tb_listen_parse("127.0.0.1:0", &address, &err) != TIMBRE_OK ||
        tb_listen_tcp(&address, &o.fds[0], &err) != TIMBRE_OK ||
        tb_listen_unix(s->socket_path, &o.fds[1], &err) != TIMBRE_OK ||
        tb_http_start(&o, &s->http, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    s->port = address.port;
}

void serve_no_more(served *s)
{
    atomic_store(&is_ending, true);
    tb_http_quiesce(s->http);
    tb_http_stop(s->http);
    s->http = NULL;
}

/* ---- the client ---- */

static int connect_to(int family, const void *address, socklen_t size)
{
    int fd = socket(family, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 5};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, address, size), 0);
    return fd;
}

int connect_tcp(const served *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(AF_INET, &to, sizeof to);
}

int connect_unix(const served *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, s->socket_path, strlen(s->socket_path) + 1);
    return connect_to(AF_UNIX, &to, sizeof to);
}

void send_text(int fd, const char *text)
{
    for (size_t done = 0, len = strlen(text); done < len;) {
        ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused before its end: the answer tells */
        done += (size_t)n;
    }
}

static bool read_some(int fd, char *answer)
{
    size_t len = strlen(answer);
    ssize_t n = recv(fd, answer + len, ANSWER_MAX_BYTES - 1 - len, 0);
    answer[len + (n > 0 ? (size_t)n : 0)] = '\0';
    return n > 0;
}

void read_to_end(int fd, char *answer)
{
    answer[0] = '\0';
    while (read_some(fd, answer))
        ;
}

void read_until(int fd, const char *mark, char *answer)
{
    answer[0] = '\0';
    while (strstr(answer, mark) == NULL)
        if (!read_some(fd, answer))
            fail_msg("'%s' did not come, but: %s", mark, answer);
}

int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

int ask(const served *s, const char *text, char *answer)
{
    int fd = connect_tcp(s);
    send_text(fd, text);
    (void)shutdown(fd, SHUT_WR);
    read_to_end(fd, answer);
    close(fd);
    return status_of(answer);
}
