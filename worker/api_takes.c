/* Takes: looking, finding, titles, stars, trash. On the wire they are artifacts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "worker/service.h"
#include "worker/take_file.h"
#include "worker/take_find.h"

enum { TITLE_MAX_BYTES = 800, TITLE_MAX = 200, WORDS_MAX = 300, LIMIT_MAX = 200, LIMIT = 50 };

/* ---- the wire ---- */

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

/* What the engine said of the take, and where its sound is. */
static json_t *metadata_to_json(const tb_stored_take *take)
{
    char url[80];
    json_t *metadata = json_loads(take->metadata, 0, NULL);
    if (!json_is_object(metadata)) { /* of another hand: at least what the row has */
        json_decref(metadata);
        metadata = json_pack("{s:s, s:I, s:s, s:f, s:{}}", "prompt", take->prompt, "seed",
                             (json_int_t)take->seed, "model_id", take->model_id, "duration_seconds",
                             take->duration_seconds, "extras");
    }
    (void)snprintf(url, sizeof url, "/artifacts/%s/audio", take->id);
    if (metadata != NULL)
        (void)json_object_set_new(metadata, "audio_url", json_string(url));
    return metadata;
}

json_t *tb_take_to_wire(const tb_stored_take *take)
{
    char created_at[25];
    tb_time_format(take->made_ms, created_at);
    bool is_trashed = take->trashed_ms > 0;
    return json_pack(
        "{s:s, s:I, s:s, s:o, s:b, s:s, s:I, s:s, s:s, s:s, s:o}", "job_id", take->id, "number",
        (json_int_t)take->number, "artifact_path", is_trashed ? take->trash_path : take->path,
        "title", text_or_null(take->title), "starred", take->is_starred, "created_at", created_at,
        "bytes", (json_int_t)take->len_bytes, "sha256", take->sha256, "format", take->format,
        "state", is_trashed ? "trashed" : "present", "metadata", metadata_to_json(take));
}

/* ---- finding one ---- */

static tb_status find_last(tb_worker *worker, tb_stored_take *out, tb_error *err)
{
    const tb_take_filter filter = {.starred = -1, .limit = 1};
    tb_stored_take *takes = NULL;
    size_t n = 0;
    tb_status st = tb_store_list_takes(worker->store, &filter, &takes, &n, err);
    if (st == TIMBRE_OK && n == 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no take yet");
    if (st == TIMBRE_OK) {
        *out = takes[0];
        takes[0] = (tb_stored_take){0};
    }
    tb_stored_takes_free(takes, n);
    return st;
}

tb_status tb_take_find_name(tb_worker *worker, const char *name, tb_stored_take *out, tb_error *err)
{
    size_t n_digits = strspn(name, "0123456789");
    *out = (tb_stored_take){0};
    if (tb_id_is_valid(name))
        return tb_store_get_take(worker->store, name, out, err);
    if (n_digits > 0 && n_digits <= 15 && name[n_digits] == '\0')
        return tb_store_get_take_by_number(worker->store, strtoll(name, NULL, 10), out, err);
    if (strcmp(name, "last") == 0)
        return find_last(worker, out, err);
    return tb_fail(err, TIMBRE_NOT_FOUND, "there is no take '%.60s'", name);
}

bool tb_take_find(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                  tb_stored_take *out)
{
    tb_error err = {0};
    tb_status st = tb_take_find_name(worker, tb_http_arg(request, 0), out, &err);
    if (st != TIMBRE_OK)
        tb_http_reply_error(response, &err);
    return st == TIMBRE_OK;
}

/* ---- handlers ---- */

/* Code points of valid UTF-8. */
static size_t length_of(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static json_t *takes_to_json(const tb_stored_take *takes, size_t n, bool has_more)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, tb_take_to_wire(&takes[i]));
    json_t *next = has_more && n > 0 ? json_sprintf("%lld", (long long)takes[n - 1].number)
                                     : json_null();
    return json_pack("{s:o, s:o}", "artifacts", list, "next", next);
}

/* "?number=": the one take, or none. */
static void list_one(tb_worker *worker, tb_http_response *response, int64_t number)
{
    tb_stored_take take = {0};
    tb_error err = {0};
    tb_status st = tb_store_get_take_by_number(worker->store, number, &take, &err);
    if (st != TIMBRE_OK && st != TIMBRE_NOT_FOUND)
        tb_http_reply_error(response, &err);
    else
        tb_http_reply_json(response, 200, takes_to_json(&take, st == TIMBRE_OK, false));
    tb_stored_take_deinit(&take);
}

TB_HANDLER(list_takes)
{
    const int64_t max = INT64_C(999999999999999);
    tb_take_filter filter = {.words = tb_http_query(request, "q")};
    tb_stored_take *takes = NULL;
    size_t n = 0;
    int64_t limit, number;
    int trashed;
    tb_error err = {0};
    if (filter.words != NULL && length_of(filter.words) > WORDS_MAX) {
        tb_http_reply_fail(response, 400, "bad_input", "q exceeds %d characters", WORDS_MAX);
        tb_http_name_param(response, "q");
        return;
    }
    if (!tb_query_boolean(request, response, "starred", &filter.starred) ||
        !tb_query_boolean(request, response, "trashed", &trashed) ||
        !tb_query_integer(request, response, "limit", 1, LIMIT_MAX, LIMIT, &limit) ||
        !tb_query_integer(request, response, "number", 1, max, 0, &number) ||
        !tb_query_integer(request, response, "after", 1, max, 0, &filter.before_number))
        return;
    if (number > 0) {
        list_one(worker, response, number);
        return;
    }
    filter.is_trashed = trashed == 1;
    filter.limit = (size_t)limit + 1; /* one more says whether there is more */
    if (tb_store_list_takes(worker->store, &filter, &takes, &n, &err) != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        return;
    }
    bool has_more = n > (size_t)limit;
    tb_http_reply_json(response, 200, takes_to_json(takes, has_more ? (size_t)limit : n, has_more));
    tb_stored_takes_free(takes, n);
}

/* A job that is not done has no artifact yet: said so, rather than that there is no such thing. */
static bool is_job_without_take(tb_worker *worker, const char *id, tb_http_response *response)
{
    tb_stored_job job = {0};
    tb_error err = {0};
    if (!tb_id_is_valid(id) || tb_store_get_job(worker->store, id, &job, &err) != TIMBRE_OK)
        return false;
    bool is_so = job.state != TB_JOB_SUCCEEDED;
    if (is_so)
        tb_http_reply_fail(response, 409, "not_ready", "the job is %s; it has no artifact",
                           tb_job_state_name(job.state));
    tb_stored_job_deinit(&job);
    return is_so;
}

TB_HANDLER(get_take)
{
    tb_stored_take take;
    char etag[32];
    if (is_job_without_take(worker, tb_http_arg(request, 0), response) ||
        !tb_take_find(worker, request, response, &take))
        return;
    (void)snprintf(etag, sizeof etag, "%lld", (long long)take.version);
    tb_http_reply_json_tagged(response, request, etag, tb_take_to_wire(&take));
    tb_stored_take_deinit(&take);
}

/* What a PATCH asks for; *title NULL and *starred -1: as it is. */
static tb_status read_edit(const json_t *body, const char **title, int *starred, const char **param,
                           tb_error *err)
{
    const char *name;
    json_t *value;
    *title = NULL;
    *starred = -1;
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        *param = name;
        if (strcmp(name, "starred") == 0 && json_is_boolean(value)) {
            *starred = json_is_true(value);
        } else if (strcmp(name, "title") == 0 && json_is_null(value)) {
            *title = "";
        } else if (strcmp(name, "title") == 0 && json_is_string(value)) {
            *title = json_string_value(value);
            tb_status st = tb_utf8_require_text("title", *title, json_string_length(value),
                                                TITLE_MAX_BYTES, err);
            if (st != TIMBRE_OK)
                return st;
            if (length_of(*title) > TITLE_MAX)
                return tb_fail(err, TIMBRE_BAD_INPUT, "title exceeds %d characters", TITLE_MAX);
        } else {
            return tb_fail(err, TIMBRE_BAD_INPUT,
                           strcmp(name, "title") == 0 || strcmp(name, "starred") == 0
                               ? "%.60s has the wrong type"
                               : "unknown field '%.60s'",
                           name);
        }
    }
    *param = NULL;
    return *title == NULL && *starred < 0
               ? tb_fail(err, TIMBRE_BAD_INPUT, "neither title nor starred is given")
               : TIMBRE_OK;
}

TB_HANDLER(edit_take)
{
    tb_stored_take take, edited = {0};
    size_t len_bytes;
    tb_error err = {0};
    const char *title, *param = NULL, *text = tb_http_body(request, &len_bytes);
    int starred;
    if (!tb_take_find(worker, request, response, &take))
        return;
    json_t *body = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    tb_status st = json_is_object(body)
                       ? read_edit(body, &title, &starred, &param, &err)
                       : tb_fail(&err, TIMBRE_BAD_INPUT, "the body is not a JSON object");
    if (st == TIMBRE_OK)
        st = tb_store_edit_take(worker->store, take.id, title, starred, &edited, &err);
    if (st == TIMBRE_OK) {
        tb_http_reply_json(response, 200, tb_take_to_wire(&edited));
        tb_feed_ring(worker->feed);
    } else {
        tb_http_reply_error(response, &err);
        if (param != NULL)
            tb_http_name_param(response, param);
    }
    json_decref(body);
    tb_stored_take_deinit(&edited);
    tb_stored_take_deinit(&take);
}

typedef tb_status move_fn(tb_worker *worker, const char *id, tb_stored_take *out, tb_error *err);

static void move_take(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                      move_fn *move)
{
    tb_stored_take take, moved = {0};
    tb_error err = {0};
    if (!tb_take_find(worker, request, response, &take))
        return;
    if (move(worker, take.id, &moved, &err) == TIMBRE_OK) {
        tb_http_reply_json(response, 200, tb_take_to_wire(&moved));
        tb_feed_ring(worker->feed);
    } else {
        tb_http_reply_error(response, &err);
    }
    tb_stored_take_deinit(&moved);
    tb_stored_take_deinit(&take);
}

TB_HANDLER(delete_take)
{
    move_take(worker, request, response, tb_take_file_trash);
}

TB_HANDLER(restore_take)
{
    move_take(worker, request, response, tb_take_file_restore);
}
