/* What the files of the door share. */
#ifndef TB_WORKER_HTTP_PRIVATE_H
#define TB_WORKER_HTTP_PRIVATE_H

#include <sys/types.h> /* before microhttpd.h, which needs it on macOS */

#include <microhttpd.h>
#include <stdatomic.h>

#include "worker/http.h"
#include "worker/http_text.h"

enum { TB_HTTP_HEADERS_MAX = 24, TB_HTTP_ID_BYTES = 17 };

/* One listening socket. */
typedef struct tb_http_listener {
    tb_http *http;
    struct MHD_Daemon *daemon;
    bool is_unix;
    int port;      /* 0: Unix */
    char host[64]; /* as Host has it: "127.0.0.1", "[::1]"; "" for every address */
} tb_http_listener;

struct tb_http {
    tb_http_options options;
    tb_http_listener listeners[TB_LISTEN_MAX];
    size_t n_listeners;
    atomic_int n_connections, n_streams;
    char key_sha256[65]; /* "": no key */
};

struct tb_http_response {
    tb_http *http;
    struct MHD_Response *mhd; /* NULL: none yet */
    int status;
    json_t *error; /* an error body that is written at the end */
    bool is_stream;
    char *names[TB_HTTP_HEADERS_MAX], *values[TB_HTTP_HEADERS_MAX]; /* owned */
    size_t n_headers;
};

struct tb_http_request {
    tb_http *http;
    const tb_http_listener *listener;
    struct MHD_Connection *connection;
    char *uri;  /* raw; owned */
    char *path; /* before '?'; owned */
    tb_query query;
    const tb_route *route;         /* NULL: none */
    char *args[TB_ROUTE_ARGS_MAX]; /* owned */
    const char *method;
    bool is_head, is_checked, is_refused;
    tb_str body;
    int body_fd; /* -1: none */
    int64_t body_len;
    char id[TB_HTTP_ID_BYTES];
    double started_s;
    tb_http_response response;
};

/* Everything before the body: URI, headers, Host, Origin, key, route. false: the response says why
 * not. */
bool tb_http_check(tb_http_request *request);
/* CORS headers for an Origin that is allowed by name. */
void tb_http_add_cors(const tb_http_request *request, tb_http_response *response);
/* Send the response: MHD's answer. */
enum MHD_Result tb_http_send(tb_http_request *request);
void tb_http_response_deinit(tb_http_response *response);

#endif
