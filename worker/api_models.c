/* Models over HTTP: which there are, fetching one, loading one before it is needed. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "hub/installed.h"
#include "worker/pulls.h"
#include "worker/runner.h"
#include "worker/service.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for models");
}

/* ---- GET /models ---- */

typedef struct model_row {
    const char *id, *title, *state, *provenance, *licence;
    int64_t len_bytes;
} model_row;

static const char *const states[] = {[TB_INSTALLED_ABSENT] = "absent",
                                     [TB_INSTALLED_PARTIAL] = "partial",
                                     [TB_INSTALLED_WHOLE] = "whole"};
static const char *const provenances[] = {[TB_PROVENANCE_KNOWN] = "known",
                                          [TB_PROVENANCE_PULLED] = "pulled",
                                          [TB_PROVENANCE_ADDED] = "added",
                                          [TB_PROVENANCE_SHIPPED] = "shipped",
                                          [TB_PROVENANCE_CACHE] = "cache"};

/* The pull of a model as it was told last; null: none. */
static json_t *pull_to_json(tb_worker *worker, const char *id)
{
    char *text = tb_feed_pull(worker->feed, id);
    json_t *pull = text == NULL ? NULL : json_loads(text, 0, NULL);
    free(text);
    return pull != NULL ? pull : json_null();
}

static tb_status append_row(tb_worker *worker, json_t *models, const model_row *row,
                            const char *default_id, tb_error *err)
{
    json_t *j = json_pack("{s:s, s:s?, s:s, s:s, s:s?, s:I, s:b, s:o}", "id", row->id, "title",
                          row->title, "state", row->state, "provenance", row->provenance, "licence",
                          row->licence, "bytes", (json_int_t)row->len_bytes, "is_default",
                          strcmp(row->id, default_id) == 0, "pull", pull_to_json(worker, row->id));
    return json_array_append_new(models, j) == 0 ? TIMBRE_OK : no_memory(err);
}

static tb_status append_installed(tb_worker *worker, json_t *models, const tb_installed *item,
                                  const char *default_id, tb_error *err)
{
    model_row row = {.id = item->name,
                     .title = item->known == NULL ? NULL : item->known->title,
                     .state = states[item->state],
                     .provenance = provenances[item->provenance],
                     .licence = item->licence,
                     .len_bytes = item->len_bytes};
    return append_row(worker, models, &row, default_id, err);
}

/* The model that the settings place by a path stands first where the list does not know it. */
static tb_status append_all(tb_worker *worker, const tb_installed_list *list,
                            const tb_model_place *by_default, json_t *models, tb_error *err)
{
    static const model_row sketch = {.id = "sketch",
                                     .title = "The built-in sketch",
                                     .state = "whole",
                                     .provenance = "built-in",
                                     .licence = "apache-2.0"};
    tb_status st = TIMBRE_OK;
    if (by_default->path != NULL && tb_installed_find(list, by_default->id) == NULL) {
        model_row own = {
            .id = by_default->id, .state = "whole", .provenance = "added", .licence = "unknown"};
        st = append_row(worker, models, &own, by_default->id, err);
    }
    for (size_t i = 0; st == TIMBRE_OK && i < list->n; i++)
        st = append_installed(worker, models, &list->items[i], by_default->id, err);
    return st == TIMBRE_OK ? append_row(worker, models, &sketch, by_default->id, err) : st;
}

void tb_api_list_models(tb_worker *worker, const tb_http_request *request,
                        tb_http_response *response)
{
    (void)request;
    tb_error err = {0}, ignored = {0};
    tb_installed_list list = {0};
    tb_model_place by_default = {0};
    static char nobody[] = "";
    json_t *models = json_array();
    tb_status st = tb_installed_list_read(&worker->hub, &list, NULL, &err);
    /* a default that is missing is told where one is wanted: the list shows what there is */
    if (st == TIMBRE_OK && tb_model_place_find(worker, NULL, &by_default, &ignored) != TIMBRE_OK)
        by_default = (tb_model_place){0};
    const tb_model_place none = {.id = nobody};
    if (st == TIMBRE_OK)
        st = append_all(worker, &list, by_default.id == NULL ? &none : &by_default, models, &err);
    if (st == TIMBRE_OK)
        tb_http_reply_json(response, 200, json_pack("{s:O}", "models", models));
    else
        tb_http_reply_error(response, &err);
    json_decref(models);
    tb_model_place_deinit(&by_default);
    tb_installed_list_deinit(&list);
}

/* ---- bodies with one optional text ---- */

/* *value is owned; NULL: absent or null. The response says what is wrong. */
static bool read_text(const tb_http_request *request, tb_http_response *response,
                      const char *member, char **value)
{
    size_t len_bytes = 0;
    const char *body = tb_http_body(request, &len_bytes);
    *value = NULL;
    if (body == NULL)
        return true;
    json_error_t where;
    json_t *j = json_loadb(body, len_bytes, JSON_REJECT_DUPLICATES, &where);
    const char *wrong = NULL;
    const char *key;
    json_t *each;
    json_object_foreach(j, key, each) if (strcmp(key, member) != 0) wrong = key;
    const json_t *text = json_object_get(j, member);
    tb_error err = {0};
    if (j == NULL)
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "body is no JSON from byte %d on", where.position);
    else if (!json_is_object(j))
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "body is no JSON object");
    else if (wrong != NULL)
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "unknown field '%.100s'", wrong);
    else if (text != NULL && !json_is_string(text) && !json_is_null(text))
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "'%s' is no string", member);
    else if (json_is_string(text) && (*value = tb_strdup(json_string_value(text))) == NULL)
        (void)no_memory(&err);
    if (err.code != TIMBRE_OK) {
        tb_http_reply_error(response, &err);
        if (wrong != NULL)
            tb_http_name_param(response, wrong);
    }
    json_decref(j);
    return err.code == TIMBRE_OK;
}

/* ---- POST /models/NAME/pull, POST /models/ORG/NAME/pull ---- */

/* The model's name of the path; owned, NULL: no memory, and the response says so. */
static char *read_name(const tb_http_request *request, tb_http_response *response)
{
    const char *first = tb_http_arg(request, 0), *second = tb_http_arg(request, 1);
    tb_error err = {0};
    char *name = second == NULL ? tb_strdup(first) : tb_strf("%s/%s", first, second);
    if (name == NULL) {
        (void)no_memory(&err);
        tb_http_reply_error(response, &err);
    }
    return name;
}

void tb_api_pull_model(tb_worker *worker, const tb_http_request *request,
                       tb_http_response *response)
{
    char *licence = NULL;
    if (!read_text(request, response, "accept_license", &licence))
        return;
    char *name = read_name(request, response);
    tb_error err = {0};
    char *events = NULL;
    if (name == NULL) {
        free(licence);
        return;
    }
    tb_status st = tb_pulls_start(worker->pulls, name, licence, &err);
    if (st == TIMBRE_OK && (events = tb_strf("/models/%s/pull", name)) == NULL)
        st = no_memory(&err);
    if (st == TIMBRE_OK) {
        tb_http_set_header(response, "Location", events);
        tb_http_reply_json(response, 202, json_pack("{s:s, s:s}", "model", name, "events", events));
    } else {
        tb_http_reply_error(response, &err);
        if (st == TIMBRE_PERMISSION)
            tb_http_name_param(response, "accept_license");
    }
    free(events);
    free(licence);
    free(name);
}

/* ---- GET of the same ---- */

enum {
    PING_S = 15,
    PACE_MS = 250, /* four events a second are enough for eyes */
};

typedef struct watch {
    tb_feed *feed;
    char *name, *last; /* owned; last: what was sent */
} watch;

static bool is_final(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    const char *state = json_string_value(json_object_get(j, "state"));
    bool is = state == NULL || strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
    json_decref(j);
    return is;
}

/* The text of the pull once it differs from the last one; NULL after PING_S, or where it is
 * forgotten. Owned. */
static char *wait_for_news(watch *w, bool *is_forgotten)
{
    int64_t seen = tb_feed_count(w->feed);
    double end_s = tb_clock_seconds() + PING_S;
    while (tb_clock_seconds() < end_s && !tb_feed_is_stopped(w->feed)) {
        char *text = tb_feed_pull(w->feed, w->name);
        *is_forgotten = text == NULL;
        if (text == NULL || w->last == NULL || strcmp(text, w->last) != 0)
            return text;
        free(text);
        seen = tb_feed_wait(w->feed, seen, PACE_MS);
    }
    return NULL;
}

static bool next_event(void *state, tb_str *out)
{
    watch *w = state;
    bool is_forgotten = false;
    char *text = wait_for_news(w, &is_forgotten);
    if (text == NULL) {
        if (!is_forgotten)
            tb_str_append(out, ": ping\n\n");
        return !is_forgotten && !tb_feed_is_stopped(w->feed);
    }
    tb_str_appendf(out, "event: pull\ndata: %s\n\n", text);
    free(w->last);
    w->last = text;
    return !is_final(text);
}

static void free_watch(void *state)
{
    watch *w = state;
    free(w->name);
    free(w->last);
    free(w);
}

/* Takes `name`. */
static void reply_watch(tb_worker *worker, tb_http_response *response, char *name)
{
    tb_error err = {0};
    watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        free(name);
        (void)no_memory(&err);
        tb_http_reply_error(response, &err);
        return;
    }
    *w = (watch){.feed = worker->feed, .name = name};
    tb_http_reply_events(
        response, &(tb_http_stream){.next = next_event, .free_state = free_watch, .state = w});
}

void tb_api_pull_events(tb_worker *worker, const tb_http_request *request,
                        tb_http_response *response)
{
    char *name = read_name(request, response);
    tb_error err = {0};
    if (name == NULL)
        return;
    char *text = tb_feed_pull(worker->feed, name);
    if (text != NULL) {
        reply_watch(worker, response, name);
    } else {
        (void)tb_fail(&err, TIMBRE_NOT_FOUND, "'%.200s' is not being fetched", name);
        tb_fix(&err, "POST /models/%.200s/pull begins it", name);
        tb_http_reply_error(response, &err);
        free(name);
    }
    free(text);
}

/* ---- POST /models/warm ---- */

void tb_api_warm_model(tb_worker *worker, const tb_http_request *request,
                       tb_http_response *response)
{
    char *id = NULL;
    if (!read_text(request, response, "model_id", &id))
        return;
    tb_error err = {0};
    tb_model_place place = {0};
    tb_status st = tb_model_place_find(worker, id, &place, &err);
    if (st == TIMBRE_MODEL_MISSING)
        err.code = TIMBRE_NOT_FOUND; /* what was asked for is not there; the service is well */
    if (st == TIMBRE_OK)
        st = tb_runner_warm(worker->runner, &place, &err);
    if (st == TIMBRE_OK)
        tb_http_reply_json(response, 202, json_pack("{s:s}", "model_id", place.id));
    else
        tb_http_reply_error(response, &err);
    tb_model_place_deinit(&place);
    free(id);
}
