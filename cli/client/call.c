/* One request, driven by a loop of our own so that a cancel is seen within 100 ms. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "cli/client/client.h"
#include "cli/signals.h"
#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "timbre/version.h"

enum { ANSWER_MAX_BYTES = 8 << 20, CALL_STALL_S = 60, CONNECT_MAX_MS = 10000 };

typedef struct {
    tb_client *client;
    const char *method, *path, *body;
    double stall_s;
    tb_client_data data; /* of an answer that is no error; NULL: kept in `kept` */
    void *user;
    tb_str kept; /* the answer, or the error that came instead */
    size_t n_received;
    tb_status st; /* of the callbacks; not OK: ends the request */
    tb_error *err;
} request;

static long http_status(const request *r)
{
    long status = 0;
    (void)curl_easy_getinfo(r->client->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    (void)size;
    request *r = user;
    r->n_received += n;
    if (r->data != NULL && http_status(r) / 100 == 2) {
        r->st = r->data(bytes, n, r->user, r->err);
        return r->st == TIMBRE_OK ? n : CURL_WRITEFUNC_ERROR;
    }
    if (n > ANSWER_MAX_BYTES - r->kept.len) {
        r->st = tb_fail(r->err, TIMBRE_BAD_FILE, "the worker's answer exceeds %d bytes",
                        ANSWER_MAX_BYTES);
        return CURL_WRITEFUNC_ERROR;
    }
    tb_str_append_bytes(&r->kept, bytes, n);
    return n;
}

static CURLcode drive(request *r)
{
    double mark_s = tb_clock_seconds();
    size_t mark = 0;
    int n_running = 1, n_left = 0;
    while (n_running > 0) {
        if (curl_multi_perform(r->client->multi, &n_running) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        if (n_running > 0 && r->client->cancel != NULL &&
            timbre_cancel_is_requested(r->client->cancel)) {
            r->st = tb_fail(r->err, TIMBRE_CANCELLED, "interrupted");
            return CURLE_ABORTED_BY_CALLBACK;
        }
        if (tb_signals_wants_stop())
            mark_s += tb_signals_stop();
        double now_s = tb_clock_seconds();
        if (r->n_received != mark) {
            mark = r->n_received;
            mark_s = now_s;
        }
        if (n_running > 0 && now_s - mark_s >= r->stall_s)
            return CURLE_OPERATION_TIMEDOUT;
        if (n_running > 0)
            (void)curl_multi_poll(r->client->multi, NULL, 0, 100, NULL);
    }
    CURLMsg *message = curl_multi_info_read(r->client->multi, &n_left);
    return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

static bool add_line(struct curl_slist **lines, const char *line)
{
    struct curl_slist *more = line != NULL ? curl_slist_append(*lines, line) : NULL;
    if (more != NULL)
        *lines = more;
    return more != NULL;
}

static bool make_lines(const request *r, const char *const *headers, struct curl_slist **lines)
{
    char *agent = tb_strf("User-Agent: timbre/%s", timbre_version());
    bool is_good = add_line(lines, agent) && add_line(lines, "Expect:");
    free(agent);
    if (r->body != NULL)
        is_good = is_good && add_line(lines, "Content-Type: application/json");
    if (r->client->key != NULL) {
        char *bearer = tb_strf("Authorization: Bearer %s", r->client->key);
        is_good = is_good && add_line(lines, bearer);
        free(bearer);
    }
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
        is_good = is_good && add_line(lines, headers[i]);
    return is_good;
}

static void set_up(request *r, const char *url, struct curl_slist *lines)
{
    CURL *easy = r->client->easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MAX_MS);
    if (r->client->socket != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, r->client->socket);
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* of the environment: not for our socket */
    }
    if (r->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(r->body));
    } else if (strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
}

static tb_status fail_transport(const request *r, CURLcode code)
{
    bool is_local = r->client->socket != NULL;
    tb_status st = tb_fail(r->err, TIMBRE_WORKER_UNREACHABLE, "the worker %s%s does not answer: %s",
                           is_local ? "of this data folder" : "at ",
                           is_local ? "" : r->client->base, curl_easy_strerror(code));
    if (is_local)
        tb_fix(r->err, "timbre serve");
    else
        tb_fix(r->err, "see that it runs, and that --worker names it rightly");
    return st;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* The worker's error, or the bare HTTP status where somebody else answered. */
static tb_status take_error(const request *r, long http)
{
    json_t *answer = json_loadb(tb_str_text(&r->kept), r->kept.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *error = json_object_get(answer, "error");
    tb_status code = TIMBRE_FAILED;
    bool is_known = tb_status_from_name(text_of(error, "code"), &code) && code != TIMBRE_OK;
    if (!json_is_object(error)) {
        code = tb_fail(r->err, TIMBRE_FAILED, "%s %.100s: the worker answers HTTP %ld", r->method,
                       r->path, http);
    } else {
        code = tb_fail(r->err, is_known ? code : TIMBRE_FAILED, "%s", text_of(error, "message"));
        tb_fix(r->err, "%s", text_of(error, "fix"));
    }
    json_decref(answer);
    return code;
}

static tb_status run(request *r, const char *const *headers)
{
    struct curl_slist *lines = NULL;
    char *url = tb_strf("%s%s", r->client->base, r->path);
    if (url == NULL || !make_lines(r, headers, &lines)) {
        curl_slist_free_all(lines);
        free(url);
        return tb_fail(r->err, TIMBRE_NO_MEMORY, "no memory for a request");
    }
    set_up(r, url, lines);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (curl_multi_add_handle(r->client->multi, r->client->easy) == CURLM_OK)
        code = drive(r);
    long http = http_status(r);
    (void)curl_multi_remove_handle(r->client->multi, r->client->easy);
    curl_slist_free_all(lines);
    free(url);
    if (r->st != TIMBRE_OK)
        return r->st;
    if (r->kept.failed)
        return tb_fail(r->err, TIMBRE_NO_MEMORY, "no memory for the worker's answer");
    if (code != CURLE_OK)
        return fail_transport(r, code);
    return http / 100 == 2 ? TIMBRE_OK : take_error(r, http);
}

static tb_status parse_answer(const request *r, json_t **answer)
{
    if (r->kept.len == 0)
        return TIMBRE_OK;
    json_error_t where;
    *answer = json_loadb(tb_str_text(&r->kept), r->kept.len, JSON_REJECT_DUPLICATES, &where);
    if (*answer != NULL)
        return TIMBRE_OK;
    return tb_fail(r->err, TIMBRE_BAD_FILE, "%s %.100s: the worker's answer is no JSON: %.100s",
                   r->method, r->path, where.text);
}

tb_status tb_client_call(tb_client *client, const char *method, const char *path, const char *body,
                         const char *const *headers, json_t **answer, tb_error *err)
{
    request r = {.client = client,
                 .method = method,
                 .path = path,
                 .body = body,
                 .stall_s = CALL_STALL_S,
                 .err = err};
    if (answer != NULL)
        *answer = NULL;
    tb_status st = run(&r, headers);
    if (st == TIMBRE_OK && answer != NULL)
        st = parse_answer(&r, answer);
    tb_str_deinit(&r.kept);
    return st;
}

tb_status tb_client_stream(tb_client *client, const char *path, const char *const *headers,
                           double stall_s, tb_client_data data, void *user, tb_error *err)
{
    request r = {.client = client,
                 .method = "GET",
                 .path = path,
                 .stall_s = stall_s,
                 .data = data,
                 .user = user,
                 .err = err};
    tb_status st = run(&r, headers);
    tb_str_deinit(&r.kept);
    return st;
}

static tb_status write_all(const char *bytes, size_t n, void *user, tb_error *err)
{
    const int *fd = user;
    while (n > 0) {
        ssize_t done = write(*fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return tb_fail_errno(err, errno, "cannot write what the worker sends");
        bytes += done;
        n -= (size_t)done;
    }
    return TIMBRE_OK;
}

tb_status tb_client_download(tb_client *client, const char *path, int fd, tb_error *err)
{
    return tb_client_stream(client, path, NULL, CALL_STALL_S, write_all, &fd, err);
}
