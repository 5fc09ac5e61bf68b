/*
 * One request over HTTP: redirects followed by us, the token only where it belongs, nothing larger
 * or slower than allowed.
 *
 * Proxies: libcurl reads http_proxy, https_proxy, all_proxy and no_proxy. Certificates are always
 * checked; CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE or SSL_CERT_FILE names other authorities.
 */
#ifndef TB_HUB_HTTP_H
#define TB_HUB_HTTP_H

#include "engine/base/str.h"
#include "hub/http_text.h"
#include "hub/hub.h"
#include "timbre/cancel.h"

/* Connections of one thread; kept from request to request. */
typedef struct tb_http {
    const tb_hub *hub;           /* borrowed */
    const timbre_cancel *cancel; /* borrowed; may be NULL */
    void *easy, *multi;          /* libcurl's handles */
} tb_http;

/* The answer of the last hop. */
typedef struct tb_http_answer {
    long status;                    /* 0: none came */
    char *headers[TB_HEADER_COUNT]; /* owned; NULL: not there */
    char *url;                      /* of the last hop; owned */
    bool is_cut;                    /* no answer, or not all of it: worth another try */
    bool is_nameless;               /* cut, since the host's name is not known */
} tb_http_answer;

typedef struct tb_http_request {
    const char *url;
    bool is_head;
    bool is_here_only;    /* a redirect to another origin is the answer and not followed */
    const char *range;    /* value of Range; NULL: all */
    const char *if_range; /* value of If-Range; NULL */
    /* Before the first byte of a 2xx answer's body, also of an empty one; then its bytes. Whatever
     * they return ends the request and is returned. */
    tb_status (*begin)(const tb_http_answer *answer, void *user, tb_error *err);
    tb_status (*data)(const void *bytes, size_t n, void *user, tb_error *err);
    void *user;
} tb_http_request;

TB_MUST_USE tb_status tb_http_init(tb_http *http, const tb_hub *hub, const timbre_cancel *cancel,
                                   tb_error *err);
void tb_http_deinit(tb_http *http); /* accepts a zeroed one */

/* OK: there is an answer, whatever its status. HUB_UNREACHABLE, BAD_FILE (redirects, headers
 * without end), CANCELLED, or what a callback returned. *answer is filled in any case (free with
 * tb_http_answer_deinit). */
TB_MUST_USE tb_status tb_http_run(tb_http *http, const tb_http_request *request,
                                  tb_http_answer *answer, tb_error *err);
void tb_http_answer_deinit(tb_http_answer *answer);

/* ---- trying again ---- */

typedef struct tb_retry {
    tb_hub_patience patience; /* without zeroes */
    const timbre_cancel *cancel;
    int n_failed; /* in a row */
} tb_retry;

tb_retry tb_retry_init(const tb_http *http);
/* Whether another try is allowed. */
bool tb_retry_is_allowed(const tb_retry *retry);
/* How long to pause before it: twice as long each time, up to 30 s, by chance up to a quarter less.
 */
double tb_retry_pause_s(const tb_retry *retry);
/* CANCELLED as soon as it is asked for. */
TB_MUST_USE tb_status tb_cancel_sleep(const timbre_cancel *cancel, double seconds, tb_error *err);

#endif
