/* One request over HTTP, driven by a loop of our own so that a cancel is seen within 100 ms. */
#include "hub/http.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "timbre/version.h"

/* One hop under way. */
typedef struct {
    const tb_http_request *request;
    tb_http_answer *answer;
    tb_error *err;
    tb_status st;       /* of the callbacks; not OK: ends the hop */
    size_t n_headers;   /* bytes of header lines */
    int64_t n_received; /* everything, for the stall */
    int64_t n_dropped;  /* of a body that nobody reads */
    bool has_begun;
} hop;

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void init_global(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

tb_status tb_http_init(tb_http *http, const tb_hub *hub, const timbre_cancel *cancel, tb_error *err)
{
    *http = (tb_http){.hub = hub, .cancel = cancel};
    pthread_once(&global_once, init_global);
    if (global_code == CURLE_OK) {
        http->easy = curl_easy_init();
        http->multi = curl_multi_init();
    }
    if (http->easy != NULL && http->multi != NULL)
        return TIMBRE_OK;
    tb_http_deinit(http);
    return tb_fail(err, TIMBRE_NO_MEMORY, "libcurl cannot be started");
}

void tb_http_deinit(tb_http *http)
{
    curl_easy_cleanup(http->easy);
    if (http->multi != NULL)
        curl_multi_cleanup(http->multi);
    *http = (tb_http){0};
}

static void clear_headers(tb_http_answer *answer)
{
    for (int i = 0; i < TB_HEADER_COUNT; i++) {
        free(answer->headers[i]);
        answer->headers[i] = NULL;
    }
    answer->status = 0;
}

void tb_http_answer_deinit(tb_http_answer *answer)
{
    clear_headers(answer);
    free(answer->url);
    *answer = (tb_http_answer){0};
}

/* ---- one hop ---- */

static bool is_redirect(const tb_http_answer *answer)
{
    long s = answer->status;
    return (s == 301 || s == 302 || s == 303 || s == 307 || s == 308) &&
           answer->headers[TB_HEADER_LOCATION] != NULL;
}

static size_t take_header(char *line, size_t size, size_t n, void *user)
{
    (void)size;
    hop *h = user;
    h->n_headers += n;
    h->n_received += (int64_t)n;
    if (h->n_headers > TB_HTTP_HEADERS_MAX_BYTES) {
        h->st = tb_fail(h->err, TIMBRE_BAD_FILE, "headers exceed %d bytes",
                        TB_HTTP_HEADERS_MAX_BYTES);
        return 0;
    }
    if (h->has_begun)
        return n; /* trailers */
    if (n > 5 && strncmp(line, "HTTP/", 5) == 0) {
        clear_headers(h->answer);
        return n;
    }
    const char *value = NULL;
    size_t n_value = 0;
    tb_header field = tb_header_read(line, n, &value, &n_value);
    if (field == TB_HEADER_COUNT || h->answer->headers[field] != NULL)
        return n;
    h->answer->headers[field] = strndup(value, n_value);
    return h->answer->headers[field] != NULL ? n : 0;
}

static void begin_body(hop *h, CURL *easy)
{
    h->has_begun = true;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &h->answer->status);
    if (h->answer->status / 100 == 2 && h->request->begin != NULL)
        h->st = h->request->begin(h->answer, h->request->user, h->err);
}

typedef struct {
    hop *h;
    CURL *easy;
} body_sink;

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    (void)size;
    body_sink *sink = user;
    hop *h = sink->h;
    h->n_received += (int64_t)n;
    if (!h->has_begun)
        begin_body(h, sink->easy);
    if (h->st != TIMBRE_OK)
        return CURL_WRITEFUNC_ERROR;
    if (h->answer->status / 100 == 2 && h->request->data != NULL)
        h->st = h->request->data(bytes, n, h->request->user, h->err);
    else
        h->n_dropped += (int64_t)n;
    bool is_enough = h->n_dropped > TB_HTTP_HEADERS_MAX_BYTES;
    return h->st == TIMBRE_OK && !is_enough ? n : CURL_WRITEFUNC_ERROR;
}

static tb_hub_patience patience_of(const tb_hub *hub)
{
    tb_hub_patience p = hub->patience;
    p.retry_s = p.retry_s > 0 ? p.retry_s : 1;
    p.stall_s = p.stall_s > 0 ? p.stall_s : 30;
    p.connect_s = p.connect_s > 0 ? p.connect_s : 20;
    p.wait_s = p.wait_s > 0 ? p.wait_s : 120;
    p.n_tries = p.n_tries > 0 ? p.n_tries : 5;
    return p;
}

/* Run until it ends, is cut or cancelled. */
static CURLcode drive(tb_http *http, hop *h)
{
    double stall_s = patience_of(http->hub).stall_s, mark_s = tb_clock_seconds();
    int64_t mark = 0;
    int n_running = 1;
    while (n_running > 0) {
        if (curl_multi_perform(http->multi, &n_running) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        if (http->cancel != NULL && timbre_cancel_is_requested(http->cancel)) {
            h->st = tb_fail(h->err, TIMBRE_CANCELLED, "interrupted");
            return CURLE_ABORTED_BY_CALLBACK;
        }
        double now_s = tb_clock_seconds();
        if (now_s - mark_s >= stall_s) {
            if ((double)(h->n_received - mark) < 1024 * stall_s && n_running > 0)
                return CURLE_OPERATION_TIMEDOUT;
            mark = h->n_received;
            mark_s = now_s;
        }
        if (n_running > 0)
            curl_multi_poll(http->multi, NULL, 0, 100, NULL);
    }
    int n_left = 0;
    CURLMsg *message = curl_multi_info_read(http->multi, &n_left);
    return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

static const char *own_authorities(void)
{
    static const char *const names[] = {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return value;
    }
    return NULL;
}

static void set_up(tb_http *http, const char *url, body_sink *sink, struct curl_slist *lines)
{
    CURL *easy = http->easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOBODY, sink->h->request->is_head ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)ceil(patience_of(http->hub).connect_s * 1000));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, sink->h);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, sink);
    if (own_authorities() != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, own_authorities());
}

/* Append "NAME: VALUE"; false for memory. */
static bool add_line(struct curl_slist **lines, const char *name, const char *value)
{
    char *line = value != NULL ? tb_strf("%s: %s", name, value) : NULL;
    struct curl_slist *more = line != NULL ? curl_slist_append(*lines, line) : NULL;
    free(line);
    if (more != NULL)
        *lines = more;
    return more != NULL || value == NULL;
}

static bool make_lines(const tb_http *http, const tb_http_request *request, const char *url,
                       struct curl_slist **lines)
{
    char *agent = tb_strf("timbre/%s", timbre_version());
    bool is_ours = tb_url_is_same_origin(url, http->hub->endpoint);
    char *bearer = is_ours && http->hub->token != NULL ? tb_strf("Bearer %s", http->hub->token)
                                                       : NULL;
    bool is_good = agent != NULL && add_line(lines, "User-Agent", agent) &&
                   add_line(lines, "Accept-Encoding", "identity") &&
                   add_line(lines, "Authorization", bearer) &&
                   add_line(lines, "Range", request->range) &&
                   add_line(lines, "If-Range", request->if_range);
    free(agent);
    free(bearer);
    return is_good;
}

/* It would fail again, however often: no certificate gets better by waiting. */
static bool is_about_trust(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

static tb_status explain_cut(const char *url, CURLcode code, tb_http_answer *answer, tb_error *err)
{
    answer->is_cut = !is_about_trust(code);
    answer->is_nameless = code == CURLE_COULDNT_RESOLVE_HOST;
    char *host = tb_url_host(url);
    const char *name = host != NULL ? host : url;
    tb_status st = answer->status == 0
                       ? tb_fail(err, TIMBRE_HUB_UNREACHABLE, "no answer from '%s': %s", name,
                                 curl_easy_strerror(code))
                       : tb_fail(err, TIMBRE_HUB_UNREACHABLE, "connection to '%s' was cut: %s",
                                 name, curl_easy_strerror(code));
    if (is_about_trust(code))
        tb_fix(err, "check the date of this machine; for a proxy or mirror with a certificate of "
                    "its own, set CURL_CA_BUNDLE to its authority's file");
    else
        tb_fix(err, "check the network (https_proxy for a proxy, HF_ENDPOINT for a mirror), or set "
                    "HF_HUB_OFFLINE=1 to use what is here");
    free(host);
    return st;
}

static tb_status run_hop(tb_http *http, const tb_http_request *request, tb_http_answer *answer,
                         tb_error *err)
{
    hop h = {.request = request, .answer = answer, .err = err};
    body_sink sink = {&h, http->easy};
    struct curl_slist *lines = NULL;
    clear_headers(answer);
    if (!make_lines(http, request, answer->url, &lines)) {
        curl_slist_free_all(lines);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    }
    set_up(http, answer->url, &sink, lines);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl_multi_add_handle(http->multi, http->easy) == CURLM_OK) {
        code = drive(http, &h);
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        curl_multi_remove_handle(http->multi, http->easy);
    }
    if (h.st == TIMBRE_OK && code == CURLE_OK && !h.has_begun)
        begin_body(&h, http->easy);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(lines);
    if (h.st != TIMBRE_OK)
        return h.st;
    if (code == CURLE_OUT_OF_MEMORY)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    bool is_enough = h.n_dropped > TB_HTTP_HEADERS_MAX_BYTES;
    return code == CURLE_OK || is_enough ? TIMBRE_OK : explain_cut(answer->url, code, answer, err);
}

tb_status tb_http_run(tb_http *http, const tb_http_request *request, tb_http_answer *answer,
                      tb_error *err)
{
    *answer = (tb_http_answer){.url = tb_strdup(request->url)};
    if (answer->url == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    for (int n_hops = 0;; n_hops++) {
        tb_status st = run_hop(http, request, answer, err);
        if (st != TIMBRE_OK || !is_redirect(answer))
            return st;
        char *next = NULL;
        st = tb_url_redirect(answer->url, answer->headers[TB_HEADER_LOCATION], &next, err);
        if (st != TIMBRE_OK)
            return st;
        if (request->is_here_only && !tb_url_is_same_origin(next, request->url)) {
            free(next);
            return TIMBRE_OK;
        }
        free(answer->url);
        answer->url = next;
        if (n_hops == TB_HTTP_HOPS_MAX)
            return tb_fail(err, TIMBRE_BAD_FILE, "more than %d redirects from '%s'",
                           TB_HTTP_HOPS_MAX, request->url);
    }
}

/* ---- trying again ---- */

tb_retry tb_retry_init(const tb_http *http)
{
    return (tb_retry){.patience = patience_of(http->hub), .cancel = http->cancel};
}

bool tb_retry_is_allowed(const tb_retry *retry)
{
    return retry->n_failed < retry->patience.n_tries;
}

double tb_retry_pause_s(const tb_retry *retry)
{
    uint64_t chance = 0;
    if (tb_entropy(&chance, sizeof chance, NULL) != TIMBRE_OK)
        chance = 0;
    int n_doubled = retry->n_failed > 1 ? retry->n_failed - 1 : 0;
    double pause_s = fmin(ldexp(retry->patience.retry_s, n_doubled < 30 ? n_doubled : 30), 30);
    return pause_s * (1 - 0.25 * (double)(chance >> 11) * 0x1p-53);
}

tb_status tb_cancel_sleep(const timbre_cancel *cancel, double seconds, tb_error *err)
{
    double end_s = tb_clock_seconds() + seconds;
    for (;;) {
        if (cancel != NULL && timbre_cancel_is_requested(cancel))
            return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
        double left_s = fmin(end_s - tb_clock_seconds(), 0.1);
        if (left_s <= 0)
            return TIMBRE_OK;
        struct timespec t = {0, (long)(left_s * 1e9)};
        nanosleep(&t, NULL);
    }
}
