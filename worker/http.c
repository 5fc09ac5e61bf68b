/* The server: libmicrohttpd's callbacks, one daemon for each socket, a thread for each connection.
 */
#include "worker/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "worker/http_private.h"

enum {
    CONNECTIONS = 256,
    STREAMS = 64,
    IDLE_S = 30,
    BODY_MAX_S = 300, /* a body that drips so long is cut */
    SPARE = 64,       /* connections beyond the limit that are still told why */
    PER_ADDRESS = 64, /* of one address that is not this machine */
    MEMORY_BYTES = 40 << 10,
    STACK_BYTES = 1 << 20,
};

/* ---- what handlers ask ---- */

const char *tb_http_method(const tb_http_request *request)
{
    return request->method;
}

const char *tb_http_path(const tb_http_request *request)
{
    return request->path;
}

const char *tb_http_arg(const tb_http_request *request, int i)
{
    return request->args[i];
}

const char *tb_http_header(const tb_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *tb_http_query(const tb_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->query.n; i++)
        if (strcmp(request->query.names[i], name) == 0)
            return request->query.values[i];
    return NULL;
}

const char *tb_http_body(const tb_http_request *request, size_t *len_bytes)
{
    *len_bytes = request->body.len;
    return request->body.bytes;
}

int tb_http_body_file(const tb_http_request *request, int64_t *len_bytes)
{
    *len_bytes = request->body_len;
    return request->body_fd;
}

const char *tb_http_id(const tb_http_request *request)
{
    return request->id;
}

/* ---- the life of a request ---- */

/* libmicrohttpd would decode %2e%2e and end the text at %00: it sees a copy, this keeps the bytes.
 */
static void *begin_request(void *user, const char *uri, struct MHD_Connection *connection)
{
    const tb_http_listener *listener = user;
    unsigned char random[8];
    tb_error err = {0};
    tb_http_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->http = listener->http;
    r->response.http = listener->http;
    r->listener = listener;
    r->connection = connection;
    r->body_fd = -1;
    r->started_s = tb_clock_seconds();
    r->uri = strdup(uri);
    if (tb_entropy(random, sizeof random, &err) == TIMBRE_OK)
        for (int i = 0; i < 8; i++)
            (void)snprintf(r->id + (size_t)i * 2, 3, "%02x", random[i]);
    return r;
}

static size_t keep_escapes(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    return strlen(text);
}

static void note_answer(const tb_http_request *r)
{
    double seconds = tb_clock_seconds() - r->started_s;
    int status = r->response.status;
    bool is_routine = status < 400 && strcmp(r->method, "GET") == 0;
    const tb_http_options *o = &r->http->options;
    if (o->answered != NULL)
        o->answered(o->worker, r->method, r->route != NULL ? r->route->path : "-", status, seconds);
    if (o->journal != NULL)
        tb_journal_write(o->journal, is_routine ? TIMBRE_LOG_DEBUG : TIMBRE_LOG_INFO, "answered",
                         (tb_journal_field[]){{"method", r->method, 0},
                                              {"path", r->path == NULL ? "-" : r->path, 0},
                                              {"status", NULL, status},
                                              {"seconds", NULL, seconds},
                                              {"request", r->id, 0},
                                              {0}});
}

static void end_request(void *user, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode code)
{
    tb_http_request *r = *state;
    (void)user;
    (void)connection;
    (void)code;
    if (r == NULL)
        return;
    if (r->response.status != 0)
        note_answer(r);
    tb_http_response_deinit(&r->response);
    tb_query_deinit(&r->query);
    for (int i = 0; i < TB_ROUTE_ARGS_MAX; i++)
        free(r->args[i]);
    if (r->body_fd >= 0)
        close(r->body_fd);
    tb_str_deinit(&r->body);
    free(r->path);
    free(r->uri);
    free(r);
    *state = NULL;
}

/* A file without a name, whose bytes go with its descriptor. */
static int open_spool(void)
{
    const char *folder = getenv("TMPDIR");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/timbre-body-XXXXXX",
                   folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    int fd = mkstemp(path);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static bool spool(tb_http_request *r, const char *data, size_t size)
{
    if (r->body_fd < 0)
        r->body_fd = open_spool();
    for (size_t done = 0; r->body_fd >= 0 && done < size;) {
        ssize_t n = write(r->body_fd, data + done, size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
        r->body_len += n;
        if (done == size)
            return true;
    }
    return false;
}

/* Some of the body. Refusing it now means answering when it is over: MHD reads it anyway. */
static void take_body(tb_http_request *r, const char *data, size_t size)
{
    const tb_body_rule *rule = &r->route->body;
    bool is_bytes = rule->kind == TB_BODY_BYTES;
    size_t so_far = is_bytes ? (size_t)r->body_len : r->body.len;
    if (r->is_refused)
        return;
    if (size > rule->max_bytes - so_far) {
        tb_http_reply_fail(&r->response, 413, "too_large", "the body exceeds %zu bytes",
                           rule->max_bytes);
        r->is_refused = true;
    } else if (is_bytes ? !spool(r, data, size)
                        : (tb_str_append_bytes(&r->body, data, size), r->body.failed)) {
        tb_http_reply_fail(&r->response, is_bytes ? 507 : 503, is_bytes ? "no_space" : "no_memory",
                           "no room for the body");
        r->is_refused = true;
    }
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    tb_http_request *r = *state;
    (void)user;
    (void)connection;
    (void)url;
    (void)version;
    if (r == NULL || r->uri == NULL)
        return MHD_NO;
    if (!r->is_checked) {
        r->is_checked = true;
        r->is_head = strcmp(method, "HEAD") == 0;
        r->method = r->is_head ? "GET" : method;
        if (!tb_http_check(r))
            return tb_http_send(r);
        return MHD_YES; /* the body comes */
    }
    if (*size > 0) {
        if (tb_clock_seconds() - r->started_s > BODY_MAX_S)
            return MHD_NO;
        take_body(r, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!r->is_refused) {
        if (r->body_fd >= 0)
            (void)lseek(r->body_fd, 0, SEEK_SET);
        r->route->run(r->http->options.worker, r, &r->response);
    }
    return tb_http_send(r);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    tb_http_listener *listener = user;
    (void)connection;
    (void)state;
    atomic_fetch_add(&listener->http->n_connections,
                     code == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
}

/* ---- the server ---- */

static void log_library(void *user, const char *fmt, va_list args)
{
    const tb_http_listener *listener = user;
    char line[256];
    (void)vsnprintf(line, sizeof line, fmt, args);
    line[strcspn(line, "\n")] = '\0';
    if (listener->http->options.journal != NULL)
        tb_journal_write(listener->http->options.journal, TIMBRE_LOG_DEBUG, "libmicrohttpd",
                         (tb_journal_field[]){{"message", line, 0}, {0}});
}

/* Where the socket listens, as Host has it. */
static bool name_listener(tb_http_listener *l, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char text[INET6_ADDRSTRLEN] = "";
    bool is_local = l->is_unix;
    if (l->is_unix || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return is_local;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        l->port = ntohs(in->sin_port);
        is_local = (ntohl(in->sin_addr.s_addr) >> 24) == 127;
        if (in->sin_addr.s_addr != htonl(INADDR_ANY) &&
            inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) != NULL)
            (void)snprintf(l->host, sizeof l->host, "%s", text);
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&address;
        l->port = ntohs(in->sin6_port);
        is_local = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
        if (!IN6_IS_ADDR_UNSPECIFIED(&in->sin6_addr) &&
            inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text) != NULL)
            (void)snprintf(l->host, sizeof l->host, "[%s]", text);
    }
    return is_local;
}

static tb_status start_listener(tb_http *http, size_t i, tb_error *err)
{
    const tb_http_options *o = &http->options;
    tb_http_listener *l = &http->listeners[i];
    *l = (tb_http_listener){.http = http, .is_unix = o->is_unix[i]};
    bool is_local = name_listener(l, o->fds[i]);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_library, l},
        {MHD_OPTION_LISTEN_SOCKET, o->fds[i], NULL},
        {MHD_OPTION_CONNECTION_LIMIT, o->max_connections + SPARE, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, is_local ? 0 : PER_ADDRESS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_BYTES, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)begin_request, l},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)end_request, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, l},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_END, 0, NULL}};
    l->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                                     MHD_USE_POLL | MHD_USE_ERROR_LOG | MHD_USE_ITC,
                                 0, NULL, NULL, on_request, NULL, MHD_OPTION_ARRAY, options,
                                 MHD_OPTION_END);
    return l->daemon != NULL ? TIMBRE_OK
                             : tb_fail(err, TIMBRE_FAILED, "the HTTP server does not start");
}

tb_status tb_http_start(const tb_http_options *options, tb_http **out, tb_error *err)
{
    tb_http *http = calloc(1, sizeof *http);
    *out = NULL;
    if (http == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the HTTP server");
    http->options = *options;
    tb_http_options *o = &http->options;
    o->max_connections = o->max_connections > 0 ? o->max_connections : CONNECTIONS;
    o->max_streams = o->max_streams > 0 ? o->max_streams : STREAMS;
    o->idle_s = o->idle_s > 0 ? o->idle_s : IDLE_S;
    tb_status st = TIMBRE_OK;
    if (o->key != NULL)
        st = tb_sha256_bytes(o->key, strlen(o->key), http->key_sha256, err);
    for (size_t i = 0; st == TIMBRE_OK && i < o->n_fds; i++) {
        st = start_listener(http, i, err);
        http->n_listeners += st == TIMBRE_OK;
    }
    if (st != TIMBRE_OK) {
        for (size_t i = http->n_listeners; i < o->n_fds; i++)
            close(o->fds[i]);
        tb_http_stop(http);
        return st;
    }
    *out = http;
    return TIMBRE_OK;
}

void tb_http_count(const tb_http *http, int *n_connections, int *n_streams)
{
    *n_connections = atomic_load(&http->n_connections);
    *n_streams = atomic_load(&http->n_streams);
}

void tb_http_quiesce(tb_http *http)
{
    for (size_t i = 0; i < http->n_listeners; i++) {
        MHD_socket fd = MHD_quiesce_daemon(http->listeners[i].daemon);
        if (fd != MHD_INVALID_SOCKET)
            close(fd);
    }
}

void tb_http_stop(tb_http *http)
{
    if (http == NULL)
        return;
    for (size_t i = 0; i < http->n_listeners; i++)
        MHD_stop_daemon(http->listeners[i].daemon);
    free(http);
}
