/* Answers: JSON, errors, bytes, files with ranges, event streams. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "worker/http_private.h"

void tb_http_response_deinit(tb_http_response *response)
{
    if (response->mhd != NULL)
        MHD_destroy_response(response->mhd);
    json_decref(response->error);
    for (size_t i = 0; i < response->n_headers; i++) {
        free(response->names[i]);
        free(response->values[i]);
    }
    *response = (tb_http_response){0};
}

void tb_http_set_header(tb_http_response *response, const char *name, const char *value)
{
    size_t i = 0;
    char *copy = tb_strdup(value);
    while (i < response->n_headers && strcmp(response->names[i], name) != 0)
        i++;
    bool is_new = i == response->n_headers;
    if (copy != NULL && is_new && i < TB_HTTP_HEADERS_MAX) {
        response->names[i] = tb_strdup(name);
        response->values[i] = NULL;
        response->n_headers += response->names[i] != NULL;
    }
    if (copy == NULL || i >= response->n_headers) { /* no memory: the answer goes without it */
        free(copy);
        return;
    }
    free(response->values[i]);
    response->values[i] = copy;
}

/* The last reply counts: one may find on its way that it must refuse. */
static void set(tb_http_response *response, int status, struct MHD_Response *mhd)
{
    if (response->mhd != NULL)
        MHD_destroy_response(response->mhd);
    json_decref(response->error);
    response->error = NULL;
    response->mhd = mhd;
    response->status = status;
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

/* A message that was cut in the middle of a character ends before it. */
static void trim(char *text)
{
    text[tb_utf8_check(text, strlen(text))] = '\0';
}

static void set_error(tb_http_response *response, int status, const char *code, const char *message,
                      const char *fix)
{
    tb_error said = {0};
    (void)snprintf(said.message, sizeof said.message, "%s", message);
    (void)snprintf(said.fix, sizeof said.fix, "%s", fix == NULL ? "" : fix);
    trim(said.message);
    trim(said.fix);
    set(response, status, NULL);
    response->error = json_pack("{s:s, s:s, s:o, s:s, s:n}", "code", code, "message", said.message,
                                "fix", text_or_null(said.fix), "type",
                                status < 500 ? "invalid_request_error" : "server_error", "param");
}

static void set_bytes(tb_http_response *response, int status, const char *media_type, void *bytes,
                      size_t len_bytes)
{
    set(response, status, MHD_create_response_from_buffer(len_bytes, bytes, MHD_RESPMEM_MUST_FREE));
    if (response->mhd == NULL)
        free(bytes);
    else if (media_type != NULL)
        tb_http_set_header(response, "Content-Type", media_type);
}

void tb_http_reply_bytes(tb_http_response *response, int status, const char *media_type,
                         void *bytes, size_t len_bytes)
{
    set_bytes(response, status, media_type, bytes, len_bytes);
}

void tb_http_reply_text(tb_http_response *response, int status, const char *media_type,
                        const char *text)
{
    char *copy = tb_strdup(text);
    if (copy != NULL)
        set_bytes(response, status, media_type, copy, strlen(text));
}

void tb_http_reply_empty(tb_http_response *response, int status)
{
    set(response, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

void tb_http_reply_json(tb_http_response *response, int status, json_t *value)
{
    char *text = value == NULL ? NULL
                               : json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII |
                                                       JSON_REAL_PRECISION(15));
    json_decref(value);
    if (text == NULL)
        set_error(response, 503, "no_memory", "no memory for an answer", NULL);
    else
        set_bytes(response, status, "application/json", text, strlen(text));
}

void tb_http_reply_json_tagged(tb_http_response *response, const tb_http_request *request,
                               const char *etag, json_t *value)
{
    char *quoted = tb_strf("\"%s\"", etag);
    const char *list = tb_http_header(request, "If-None-Match");
    if (list != NULL && tb_etag_is_in(list, etag)) {
        json_decref(value);
        tb_http_reply_empty(response, 304);
    } else {
        tb_http_reply_json(response, 200, value);
    }
    if (quoted != NULL && response->status < 400) {
        tb_http_set_header(response, "ETag", quoted);
        tb_http_set_header(response, "Cache-Control", "no-cache");
    }
    free(quoted);
}

/* ---- errors ---- */

void tb_http_reply_error(tb_http_response *response, const tb_error *err)
{
    set_error(response, timbre_status_http(err->code), timbre_status_name(err->code), err->message,
              err->fix);
}

void tb_http_reply_fail(tb_http_response *response, int status, const char *code, const char *fmt,
                        ...)
{
    va_list args;
    char *message = NULL;
    va_start(args, fmt);
    int n = vasprintf(&message, fmt, args);
    va_end(args);
    set_error(response, status, code, n < 0 ? "no memory for a message" : message, NULL);
    if (n >= 0)
        free(message);
}

void tb_http_name_param(tb_http_response *response, const char *param)
{
    if (response->error != NULL)
        (void)json_object_set_new(response->error, "param", text_or_null(param));
}

/* ---- files ---- */

static void reply_part(tb_http_response *response, int status, int fd, int64_t first, int64_t count)
{
    struct MHD_Response *mhd = MHD_create_response_from_fd_at_offset64((uint64_t)count, fd,
                                                                       (uint64_t)first);
    if (mhd == NULL)
        close(fd);
    set(response, status, mhd);
}

/* Which part is asked for, where If-Range agrees. */
static tb_range_kind asked_range(const tb_http_request *request, const char *etag,
                                 int64_t len_bytes, int64_t *first, int64_t *count)
{
    const char *range = tb_http_header(request, "Range");
    const char *condition = tb_http_header(request, "If-Range");
    bool is_same = condition == NULL ||
                   (condition[0] == '"' && tb_etag_is_in(condition, etag)); /* strong ones only */
    return range == NULL || !is_same ? TB_RANGE_NONE
                                     : tb_range_parse(range, len_bytes, first, count);
}

void tb_http_reply_file(tb_http_response *response, const tb_http_request *request, int fd,
                        int64_t len_bytes, const char *media_type, const char *etag)
{
    char text[96];
    int64_t first = 0, count = len_bytes;
    const char *list = tb_http_header(request, "If-None-Match");
    tb_range_kind kind = asked_range(request, etag, len_bytes, &first, &count);
    if (list != NULL && tb_etag_is_in(list, etag)) {
        close(fd);
        tb_http_reply_empty(response, 304);
    } else if (kind == TB_RANGE_UNSATISFIABLE) {
        close(fd);
        set_error(response, 416, "range_not_satisfiable", "the range begins behind the end", NULL);
        (void)snprintf(text, sizeof text, "bytes */%lld", (long long)len_bytes);
        tb_http_set_header(response, "Content-Range", text);
        return;
    } else {
        reply_part(response, kind == TB_RANGE_ONE ? 206 : 200, fd, first, count);
        tb_http_set_header(response, "Content-Type", media_type);
    }
    if (kind == TB_RANGE_ONE && response->status == 206) {
        (void)snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first,
                       (long long)(first + count - 1), (long long)len_bytes);
        tb_http_set_header(response, "Content-Range", text);
    }
    (void)snprintf(text, sizeof text, "\"%.80s\"", etag);
    tb_http_set_header(response, "ETag", text);
    tb_http_set_header(response, "Accept-Ranges", "bytes");
    tb_http_set_header(response, "Cache-Control", "private, no-cache");
}

/* ---- event streams ---- */

typedef struct {
    tb_http *http;
    tb_http_stream stream;
    tb_str text;
    size_t at; /* of it that is sent */
    bool is_over;
} reader;

static ssize_t read_events(void *user, uint64_t position, char *out, size_t cap)
{
    reader *r = user;
    (void)position;
    while (r->at == r->text.len) {
        if (r->is_over)
            return MHD_CONTENT_READER_END_OF_STREAM;
        r->text.len = r->at = 0;
        r->is_over = !r->stream.next(r->stream.state, &r->text);
        if (r->text.failed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = r->text.len - r->at < cap ? r->text.len - r->at : cap;
    memcpy(out, r->text.bytes + r->at, n);
    r->at += n;
    return (ssize_t)n;
}

static void free_reader(void *user)
{
    reader *r = user;
    if (r->stream.free_state != NULL)
        r->stream.free_state(r->stream.state);
    if (r->http != NULL)
        atomic_fetch_sub(&r->http->n_streams, 1);
    tb_str_deinit(&r->text);
    free(r);
}

void tb_http_reply_events(tb_http_response *response, const tb_http_stream *stream)
{
    enum { BLOCK_BYTES = 4096 };
    reader *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->stream = *stream;
    struct MHD_Response *mhd = r == NULL
                                   ? NULL
                                   : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
                                                                       BLOCK_BYTES, read_events, r,
                                                                       free_reader);
    if (mhd == NULL) {
        if (stream->free_state != NULL)
            stream->free_state(stream->state);
        free(r);
        set_error(response, 503, "no_memory", "no memory for a stream", NULL);
        return;
    }
    set(response, 200, mhd);
    response->is_stream = true;
    r->http = response->http;
    if (r->http != NULL)
        atomic_fetch_add(&r->http->n_streams, 1);
    tb_http_set_header(response, "Content-Type", "text/event-stream");
    tb_http_set_header(response, "Cache-Control", "no-store");
    tb_http_set_header(response, "X-Accel-Buffering", "no"); /* nginx sends at once */
}

/* ---- sending ---- */

/* The error body, now that nothing is added to it any more. */
static void write_error(tb_http_response *response)
{
    json_t *body = json_pack("{s:O}", "error", response->error);
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(body);
    if (text != NULL)
        set_bytes(response, response->status, "application/json", text, strlen(text));
}

static bool has_header(const tb_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->n_headers; i++)
        if (strcmp(response->names[i], name) == 0)
            return true;
    return false;
}

enum MHD_Result tb_http_send(tb_http_request *request)
{
    static const char nothing[] = "{\"error\":{\"code\":\"internal\",\"message\":\"no answer was "
                                  "made\",\"fix\":null,\"type\":\"server_error\",\"param\":null}}";
    tb_http_response *response = &request->response;
    if (response->error != NULL)
        write_error(response);
    if (response->mhd == NULL)
        tb_http_reply_text(response, response->status >= 400 ? response->status : 500,
                           "application/json", nothing);
    if (response->mhd == NULL)
        return MHD_NO; /* not even memory for that: the connection is closed */
    tb_http_set_header(response, "X-Request-Id", request->id);
    tb_http_set_header(response, "X-Content-Type-Options", "nosniff");
    if (!has_header(response, "Cache-Control"))
        tb_http_set_header(response, "Cache-Control", "no-store");
    tb_http_add_cors(request, response);
    for (size_t i = 0; i < response->n_headers; i++)
        (void)MHD_add_response_header(response->mhd, response->names[i], response->values[i]);
    return MHD_queue_response(request->connection, (unsigned)response->status, response->mhd);
}
