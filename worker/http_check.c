/* What must be right before a handler sees a request. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/hash.h"
#include "worker/http_private.h"

enum { HEADERS_MAX_BYTES = 16 << 10, HEADERS_MAX = 64 };

/* ---- headers ---- */

/* Headers that decide something: two of one kind could be read in two ways. */
static const char *const single[] = {"Host",
                                     "Content-Length",
                                     "Content-Type",
                                     "Authorization",
                                     "Origin",
                                     "Range",
                                     "If-Range",
                                     "If-None-Match",
                                     "Expect",
                                     "Transfer-Encoding",
                                     "Idempotency-Key",
                                     "Prefer",
                                     "Last-Event-ID"};
enum { N_SINGLE = sizeof single / sizeof single[0] };

typedef struct {
    int counts[N_SINGLE];
    size_t n, len_bytes;
} header_count;

static enum MHD_Result count_header(void *user, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    header_count *c = user;
    (void)kind;
    c->n++;
    c->len_bytes += strlen(name) + (value == NULL ? 0 : strlen(value)) + 4;
    for (int i = 0; i < N_SINGLE; i++)
        c->counts[i] += strcasecmp(single[i], name) == 0;
    return MHD_YES;
}

static bool refuse(tb_http_request *r, int status, const char *code, const char *message,
                   const char *param)
{
    tb_http_reply_fail(&r->response, status, code, "%s", message);
    if (param != NULL)
        tb_http_name_param(&r->response, param);
    tb_http_set_header(&r->response, "Connection", "close");
    return false;
}

static bool check_headers(tb_http_request *r)
{
    header_count c = {0};
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_header, &c);
    if (c.n > HEADERS_MAX || c.len_bytes > HEADERS_MAX_BYTES)
        return refuse(r, 431, "headers_too_large", "more than 64 headers, or than 16 KiB of them",
                      NULL);
    for (int i = 0; i < N_SINGLE; i++)
        if (c.counts[i] > 1)
            return refuse(r, 400, "bad_input", "a header comes twice", single[i]);
    if (tb_http_header(r, "Transfer-Encoding") != NULL)
        return refuse(r, 411, "length_required", "bodies come with a Content-Length, not in chunks",
                      "Transfer-Encoding");
    if (tb_http_header(r, "Host") == NULL)
        return refuse(r, 400, "bad_input", "the header Host is missing", "Host");
    return true;
}

/* ---- who may ask ---- */

static bool is_name(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

/* A page of another site reaches this port under a name of its own (DNS rebinding): only names that
 * are ours are answered. */
static bool check_host(tb_http_request *r)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *text = tb_http_header(r, "Host");
    size_t len = 0;
    int port = -1;
    if (r->listener->is_unix)
        return true;
    bool is_known = false;
    if (tb_host_parse(text, &len, &port)) {
        bool is_our_port = port < 0 || port == r->listener->port;
        for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
            is_known = is_known || (is_our_port && is_name(text, len, always[i]));
        is_known = is_known || (is_our_port && r->listener->host[0] != '\0' &&
                                is_name(text, len, r->listener->host));
        for (size_t i = 0; i < TB_NAMES_MAX && r->http->options.hosts[i] != NULL; i++)
            is_known = is_known || is_name(text, len, r->http->options.hosts[i]);
    }
    return is_known ||
           refuse(r, 403, "host_not_allowed",
                  "this worker does not go by the name in Host; --allow-host adds one", "Host");
}

static bool is_listed_origin(const tb_http *http, const char *origin)
{
    for (size_t i = 0; i < TB_NAMES_MAX && http->options.origins[i] != NULL; i++)
        if (strcmp(http->options.origins[i], origin) == 0)
            return true;
    return false;
}

void tb_http_add_cors(const tb_http_request *r, tb_http_response *response)
{
    const char *origin = tb_http_header(r, "Origin");
    if (origin == NULL || !is_listed_origin(r->http, origin))
        return;
    tb_http_set_header(response, "Access-Control-Allow-Origin", origin);
    tb_http_set_header(response, "Access-Control-Expose-Headers",
                       "Location, ETag, Retry-After, X-Request-Id, Content-Range");
    tb_http_set_header(response, "Vary", "Origin");
}

static bool check_origin(tb_http_request *r)
{
    const char *origin = tb_http_header(r, "Origin"), *host = tb_http_header(r, "Host");
    static const char http[] = "http://", https[] = "https://";
    if (origin == NULL || is_listed_origin(r->http, origin))
        return true;
    bool is_own = (strncmp(origin, http, sizeof http - 1) == 0 &&
                   strcasecmp(origin + sizeof http - 1, host) == 0) ||
                  (strncmp(origin, https, sizeof https - 1) == 0 &&
                   strcasecmp(origin + sizeof https - 1, host) == 0);
    return is_own || refuse(r, 403, "origin_not_allowed",
                            "pages of this origin may not ask; --allow-origin lets them", "Origin");
}

/* Hashes are compared, so that neither length nor content shows in the time. */
static bool check_key(tb_http_request *r)
{
    static const char scheme[] = "Bearer ";
    const char *given = tb_http_header(r, "Authorization");
    char hex[TB_SHA256_HEX_BYTES] = "";
    bool is_free = r->http->key_sha256[0] == '\0' || r->listener->is_unix ||
                   (r->route != NULL && r->route->is_open);
    if (is_free)
        return true;
    tb_error err = {0};
    if (given != NULL && strncasecmp(given, scheme, sizeof scheme - 1) == 0) {
        const char *key = given + sizeof scheme - 1;
        if (tb_sha256_bytes(key, strlen(key), hex, &err) == TIMBRE_OK &&
            CRYPTO_memcmp(hex, r->http->key_sha256, TB_SHA256_HEX_BYTES - 1) == 0)
            return true;
    }
    (void)refuse(r, 401, "unauthorized", "this worker wants its API key: Authorization: Bearer KEY",
                 "Authorization");
    tb_http_set_header(&r->response, "WWW-Authenticate", "Bearer");
    return false;
}

/* ---- what is asked ---- */

static bool check_uri(tb_http_request *r)
{
    size_t path_len = strcspn(r->uri, "?");
    tb_error err = {0};
    if (strlen(r->uri) > TB_URI_MAX_BYTES)
        return refuse(r, 414, "uri_too_long", "the URI exceeds 4096 bytes", NULL);
    if (!tb_uri_path_is_plain(r->uri, path_len))
        return refuse(
            r, 400, "bad_input",
            "the path has other characters than letters, digits and ._~-/, or an empty or "
            "dotted segment",
            NULL);
    r->path = strndup(r->uri, path_len);
    if (r->path == NULL)
        return refuse(r, 503, "no_memory", "no memory for a request", NULL);
    if (r->uri[path_len] == '\0' ||
        tb_query_parse(r->uri + path_len + 1, &r->query, &err) == TIMBRE_OK)
        return true;
    tb_http_reply_error(&r->response, &err);
    return false;
}

static void append_method(char *allow, size_t cap, const char *method)
{
    size_t n = strlen(allow);
    (void)snprintf(allow + n, cap - n, "%s%s%s", n > 0 ? ", " : "", method,
                   strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static bool copy_args(tb_http_request *r, const tb_path_part *parts)
{
    for (int i = 0; i < TB_ROUTE_ARGS_MAX && parts[i].len > 0; i++) {
        r->args[i] = strndup(r->path + parts[i].at, parts[i].len);
        if (r->args[i] == NULL)
            return refuse(r, 503, "no_memory", "no memory for a request", NULL);
    }
    return true;
}

/* The row of the table; without one 404, or 405 where the path has others, or a preflight. */
static bool find_route(tb_http_request *r)
{
    char allow[64] = "";
    const tb_http_options *o = &r->http->options;
    for (size_t i = 0; i < o->n_routes; i++) {
        tb_path_part parts[TB_ROUTE_ARGS_MAX] = {{0, 0}};
        if (!tb_path_matches(r->path, o->routes[i].path, parts, TB_ROUTE_ARGS_MAX))
            continue;
        if (strcmp(o->routes[i].method, r->method) == 0) {
            r->route = &o->routes[i];
            return copy_args(r, parts);
        }
        append_method(allow, sizeof allow, o->routes[i].method);
    }
    if (allow[0] == '\0')
        return refuse(r, 404, "not_found", "there is nothing at this path", NULL);
    append_method(allow, sizeof allow, "OPTIONS");
    if (strcmp(r->method, "OPTIONS") == 0) {
        tb_http_reply_empty(&r->response, 204);
        tb_http_set_header(&r->response, "Access-Control-Allow-Methods", allow);
        tb_http_set_header(&r->response, "Access-Control-Allow-Headers",
                           "Authorization, Content-Type, Idempotency-Key, Prefer, Last-Event-ID, "
                           "Range, If-None-Match");
        tb_http_set_header(&r->response, "Access-Control-Max-Age", "600");
    } else {
        (void)refuse(r, 405, "method_not_allowed", "this path does not know the method", NULL);
    }
    tb_http_set_header(&r->response, "Allow", allow);
    return false;
}

static bool check_query(tb_http_request *r)
{
    for (size_t i = 0; i < r->query.n; i++) {
        bool is_known = false;
        for (int k = 0; k < TB_ROUTE_QUERY_MAX && r->route->query[k] != NULL; k++)
            is_known = is_known || strcmp(r->route->query[k], r->query.names[i]) == 0;
        if (!is_known) {
            tb_http_reply_fail(&r->response, 400, "bad_input", "unknown parameter '%.60s'",
                               r->query.names[i]);
            tb_http_name_param(&r->response, r->query.names[i]);
            return false;
        }
    }
    return true;
}

/* ---- the body to come ---- */

static bool is_json_type(const char *type)
{
    static const char json[] = "application/json";
    size_t n = sizeof json - 1;
    return type != NULL && strncasecmp(type, json, n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static bool check_body(tb_http_request *r)
{
    const tb_body_rule *rule = &r->route->body;
    const char *text = tb_http_header(r, "Content-Length");
    size_t n = text == NULL ? 0 : strspn(text, "0123456789");
    if (text != NULL && (n == 0 || text[n] != '\0' || n > 18))
        return refuse(r, 400, "bad_input", "Content-Length is not a number", "Content-Length");
    int64_t len_bytes = text == NULL ? 0 : strtoll(text, NULL, 10);
    if (rule->kind == TB_BODY_NONE)
        return len_bytes == 0 || refuse(r, 400, "bad_input", "this request takes no body", NULL);
    if (len_bytes == 0)
        return rule->is_optional ||
               refuse(r, text == NULL ? 411 : 400, text == NULL ? "length_required" : "bad_input",
                      "this request needs a body", NULL);
    if (len_bytes > (int64_t)rule->max_bytes) {
        tb_http_reply_fail(&r->response, 413, "too_large", "a body of %lld bytes exceeds %lld",
                           (long long)len_bytes, (long long)rule->max_bytes);
        tb_http_set_header(&r->response, "Connection", "close");
        return false;
    }
    return rule->kind != TB_BODY_JSON || is_json_type(tb_http_header(r, "Content-Type")) ||
           refuse(r, 415, "unsupported_media_type", "the body must be application/json",
                  "Content-Type");
}

static bool check_load(tb_http_request *r)
{
    const tb_http_options *o = &r->http->options;
    bool is_full = atomic_load(&r->http->n_connections) > o->max_connections;
    if (!is_full && !(r->route->is_stream && atomic_load(&r->http->n_streams) >= o->max_streams))
        return true;
    (void)refuse(r, 503, "busy", is_full ? "too many connections" : "too many event streams", NULL);
    tb_http_set_header(&r->response, "Retry-After", "2");
    return false;
}

bool tb_http_check(tb_http_request *r)
{
    return check_headers(r) && check_host(r) && check_origin(r) && check_uri(r) && find_route(r) &&
           check_key(r) && check_query(r) && check_load(r) && check_body(r);
}
