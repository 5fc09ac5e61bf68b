/*
 * The door: libmicrohttpd behind a facade. Handlers see a request that has been checked (raw path,
 * headers, Host, Origin, key, size) and fill in a response; they never meet the library. One thread
 * for each connection; nothing is suspended (a bug of libmicrohttpd before 1.0.3).
 */
#ifndef TB_WORKER_HTTP_H
#define TB_WORKER_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/str.h"
#include "worker/journal.h"

struct tb_worker;
typedef struct tb_http tb_http;
typedef struct tb_http_request tb_http_request;
typedef struct tb_http_response tb_http_response;

/* ---- routes ---- */

typedef enum tb_body_kind {
    TB_BODY_NONE,  /* one that comes is refused with 400 */
    TB_BODY_JSON,  /* Content-Type application/json, else 415; may be absent where is_optional */
    TB_BODY_BYTES, /* any type; into a file without a name */
} tb_body_kind;

typedef struct tb_body_rule {
    tb_body_kind kind;
    bool is_optional;
    size_t max_bytes; /* 413 beyond */
} tb_body_rule;

typedef void (*tb_http_handler)(struct tb_worker *worker, const tb_http_request *request,
                                tb_http_response *response);

enum { TB_ROUTE_ARGS_MAX = 2, TB_ROUTE_QUERY_MAX = 8 };

/* One row of the table of routes. GET answers HEAD too. */
typedef struct tb_route {
    const char *method;
    const char *path; /* "/jobs/{id}/cancel": a part in braces is any one segment; "{name...}" at
                         the end takes the rest with its slashes (models: "org/name") */
    tb_http_handler run;
    const char *query[TB_ROUTE_QUERY_MAX]; /* names that may follow '?', NULL-terminated; others:
                                              400 by name */
    tb_body_rule body;
    bool is_open;   /* without the API key: only what tells nothing */
    bool is_stream; /* counts against the limit of event streams */
} tb_route;

/* ---- the request ---- */

const char *tb_http_method(const tb_http_request *request); /* "GET" also for HEAD */
const char *tb_http_path(const tb_http_request *request);   /* as it came, before '?' */
/* Part i in braces, as it came: [A-Za-z0-9._~-] (and '/' for the rest). */
const char *tb_http_arg(const tb_http_request *request, int i);
/* NULL: absent. Names without regard to case. One that comes twice is refused before. */
const char *tb_http_header(const tb_http_request *request, const char *name);
/* Decoded, valid UTF-8 without control characters; NULL: absent. */
const char *tb_http_query(const tb_http_request *request, const char *name);
/* JSON bodies: text of len_bytes with a NUL behind; NULL: none came. */
const char *tb_http_body(const tb_http_request *request, size_t *len_bytes);
/* BODY_BYTES: a file of len_bytes, at its beginning; -1: none came. Closed with the request. */
int tb_http_body_file(const tb_http_request *request, int64_t *len_bytes);
/* 16 hex digits, also in the answer's X-Request-Id and in the journal. */
const char *tb_http_id(const tb_http_request *request);

/* ---- the response: exactly one of the reply functions ---- */

void tb_http_set_header(tb_http_response *response, const char *name, const char *value);
/* Takes the reference; NULL (no memory) becomes 503. */
void tb_http_reply_json(tb_http_response *response, int status, json_t *value);
/* JSON with a strong ETag; 304 where If-None-Match has it. */
void tb_http_reply_json_tagged(tb_http_response *response, const tb_http_request *request,
                               const char *etag, json_t *value);
/* {"error":{"code","message","fix","type","param"}}; the status is the code's. */
void tb_http_reply_error(tb_http_response *response, const tb_error *err);
/* The same with another status or a code that is HTTP's alone ("method_not_allowed"). */
void tb_http_reply_fail(tb_http_response *response, int status, const char *code, const char *fmt,
                        ...) TB_PRINTF(4, 5);
/* The member "param" of the error: which field or header is meant. After a reply_error/fail. */
void tb_http_name_param(tb_http_response *response, const char *param);
/* Takes `bytes` (free). */
void tb_http_reply_bytes(tb_http_response *response, int status, const char *media_type,
                         void *bytes, size_t len_bytes);
void tb_http_reply_text(tb_http_response *response, int status, const char *media_type,
                        const char *text);
void tb_http_reply_empty(tb_http_response *response, int status);
/* A file open for reading, which is taken: Range (one range; 416), If-Range, If-None-Match, HEAD.
 * `etag` without quotes. */
void tb_http_reply_file(tb_http_response *response, const tb_http_request *request, int fd,
                        int64_t len_bytes, const char *media_type, const char *etag);

/* An event stream: `next` appends what comes next, waiting up to 15 s for it (then a ping), and
 * says whether more may come. It also returns when the worker stops. `free_state` once at the end,
 * whoever ends it. Buffering, headers and the client's going away are the facade's. */
typedef struct tb_http_stream {
    bool (*next)(void *state, tb_str *out);
    void (*free_state)(void *state);
    void *state; /* taken */
} tb_http_stream;
void tb_http_reply_events(tb_http_response *response, const tb_http_stream *stream);

/* ---- the server ---- */

enum { TB_LISTEN_MAX = 8, TB_NAMES_MAX = 16 };

typedef struct tb_http_options {
    int fds[TB_LISTEN_MAX]; /* listening sockets (listen.h), taken; the Unix one needs no key */
    bool is_unix[TB_LISTEN_MAX];
    size_t n_fds;
    const char *key;                   /* NULL: none. Compared in constant time */
    const char *hosts[TB_NAMES_MAX];   /* further names that Host may have, NULL-terminated;
                                          localhost, 127.0.0.1, [::1] and the listening addresses
                                          always */
    const char *origins[TB_NAMES_MAX]; /* Origins that may ask, "https://studio.example" */
    int max_connections;               /* 0: 256 */
    int max_streams;                   /* 0: 64 */
    int idle_s;                        /* 0: 30 */
    const tb_route *routes;
    size_t n_routes;
    struct tb_worker *worker;
    tb_journal *journal;
    /* After each answer: for the metrics. May be NULL. `route` is the row's path or "-". */
    void (*answered)(struct tb_worker *worker, const char *method, const char *route, int status,
                     double seconds);
} tb_http_options;

/* Threads run from here on. Texts and the table are borrowed until tb_http_stop. */
TB_MUST_USE tb_status tb_http_start(const tb_http_options *options, tb_http **out, tb_error *err);
/* Open streams and connections. */
void tb_http_count(const tb_http *http, int *n_connections, int *n_streams);
/* No new connections; those there are go on. */
void tb_http_quiesce(tb_http *http);
/* Waits for the handlers; streams must have been told to end. Accepts NULL. */
void tb_http_stop(tb_http *http);

#endif
