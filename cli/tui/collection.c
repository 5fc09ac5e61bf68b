#include "cli/tui/collection.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

static void free_take(tb_take *take)
{
    free(take->prompt);
    free(take->title);
    free(take->model_id);
    free(take->path);
    free(take->format);
    free(take->error);
    free(take->fix);
    free(take->folded);
    free(take->peaks);
    json_decref(take->extras);
    free(take);
}

void tb_collection_deinit(tb_collection *collection)
{
    for (size_t i = 0; i < collection->n; i++)
        free_take(collection->takes[i]);
    free(collection->takes);
    free(collection->rows);
    free(collection->search);
    *collection = (tb_collection){0};
}

/* The newest are asked for most. */
tb_take *tb_collection_find(const tb_collection *collection, const char *id)
{
    for (size_t i = collection->n; i > 0; i--)
        if (strcmp(collection->takes[i - 1]->id, id) == 0)
            return collection->takes[i - 1];
    return NULL;
}

tb_take *tb_collection_find_number(const tb_collection *collection, int number)
{
    for (size_t i = collection->n; i > 0; i--)
        if (collection->takes[i - 1]->number == number)
            return collection->takes[i - 1];
    return NULL;
}

/* Takes of the same time in the order of their numbers; behind them what has none yet. */
static bool comes_before(const tb_take *take, int64_t created_ms, int number)
{
    if (take->created_ms != created_ms)
        return take->created_ms < created_ms;
    return number == 0 || (take->number != 0 && take->number < number);
}

/* Place of a take made at `created_ms`; number 0: none yet. */
static size_t place_of(const tb_collection *collection, int64_t created_ms, int number)
{
    size_t low = 0, high = collection->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (comes_before(collection->takes[middle], created_ms, number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static tb_take *add(tb_collection *collection, const char *id, int64_t created_ms, int number)
{
    if (collection->n == collection->capacity) {
        size_t capacity = collection->capacity == 0 ? 64 : collection->capacity * 2;
        tb_take **takes = realloc(collection->takes, capacity * sizeof(tb_take *));
        if (takes == NULL)
            return NULL;
        collection->takes = takes;
        collection->capacity = capacity;
    }
    tb_take *take = calloc(1, sizeof *take);
    if (take == NULL)
        return NULL;
    (void)snprintf(take->id, sizeof take->id, "%s", id);
    take->created_ms = created_ms;
    take->eta_s = -1;
    size_t at = place_of(collection, created_ms, number);
    memmove(collection->takes + at + 1, collection->takes + at,
            (collection->n - at) * sizeof(tb_take *));
    collection->takes[at] = take;
    collection->n++;
    collection->is_stale = true;
    return take;
}

void tb_collection_remove(tb_collection *collection, tb_take *take)
{
    for (size_t i = 0; i < collection->n; i++)
        if (collection->takes[i] == take) {
            memmove(collection->takes + i, collection->takes + i + 1,
                    (collection->n - i - 1) * sizeof(tb_take *));
            collection->n--;
            break;
        }
    free_take(take);
    collection->is_stale = true;
}

void tb_collection_keep_unsent(tb_collection *collection)
{
    size_t kept = 0;
    for (size_t i = 0; i < collection->n; i++) {
        if (collection->takes[i]->state == TB_TAKE_UNSENT)
            collection->takes[kept++] = collection->takes[i];
        else
            free_take(collection->takes[i]);
    }
    collection->n = kept;
    collection->is_stale = true;
}

/* "2026-11-22T12:44:05.250Z" since 1970. */
static int64_t parse_ms(const char *text)
{
    struct tm parts = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL)
        return 0;
    int ms = *rest == '.' ? (int)strtol(rest + 1, NULL, 10) : 0;
    return (int64_t)timegm(&parts) * 1000 + ms;
}

/* True when the text became another one. */
static bool set_text(char **to, const char *text)
{
    if (*to != NULL && text != NULL && strcmp(*to, text) == 0)
        return false;
    if (*to == NULL && text == NULL)
        return false;
    free(*to);
    *to = text != NULL ? tb_strdup(text) : NULL;
    return true;
}

static const char *text_or_null(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static double number_or(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static tb_take_state state_of(const char *name)
{
    static const struct {
        const char *name;
        tb_take_state state;
    } states[] = {{"queued", TB_TAKE_QUEUED},
                  {"running", TB_TAKE_RUNNING},
                  {"succeeded", TB_TAKE_DONE},
                  {"failed", TB_TAKE_FAILED},
                  {"cancelled", TB_TAKE_CANCELLED}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    return TB_TAKE_FAILED;
}

/* Behind the id of an unsent one: the worker's answer gives it its own. */
static void set_prompt(tb_take *take, const char *prompt)
{
    if (set_text(&take->prompt, prompt != NULL ? prompt : "")) {
        free(take->folded);
        take->folded = NULL;
    }
}

static void set_progress(tb_take *take, const json_t *status)
{
    const char *stage = tb_member_text(status, "stage");
    double now_s = tb_clock_seconds();
    if (take->state == TB_TAKE_RUNNING && take->began_s <= 0)
        take->began_s = now_s;
    if (strcmp(stage, take->stage) != 0) {
        (void)snprintf(take->stage, sizeof take->stage, "%s", stage);
        take->stage_s = now_s;
    }
    take->progress = number_or(status, "progress", 0);
    if (take->state == TB_TAKE_RUNNING) { /* of one that was cancelled the last are kept */
        take->step = (int)number_or(status, "step", 0);
        take->steps = (int)number_or(status, "steps", 0);
    }
    take->rate = number_or(status, "rate", 0);
    take->eta_s = number_or(status, "eta_seconds", -1);
    take->queue_position = (int)number_or(status, "queue_position", 0);
}

tb_take *tb_collection_take_status(tb_collection *collection, const json_t *status, bool *is_new)
{
    const char *id = tb_member_text(status, "job_id");
    if (id[0] == '\0' || strlen(id) >= TB_TAKE_ID_MAX)
        return NULL;
    tb_take *take = tb_collection_find(collection, id);
    if (is_new != NULL)
        *is_new = take == NULL;
    if (take == NULL)
        take = add(collection, id, parse_ms(tb_member_text(status, "created_at")), 0);
    if (take == NULL)
        return NULL;
    tb_take_state state = state_of(tb_member_text(status, "state"));
    collection->is_stale |= state != take->state;
    take->state = state;
    set_prompt(take, text_or_null(status, "prompt"));
    (void)set_text(&take->model_id, text_or_null(status, "model_id"));
    take->is_sketch = take->model_id != NULL && strcmp(take->model_id, "sketch") == 0;
    take->seed = (int64_t)number_or(status, "seed", 0);
    set_progress(take, status);
    const json_t *error = json_object_get(status, "error");
    (void)set_text(&take->error, text_or_null(error, "message"));
    (void)set_text(&take->fix, text_or_null(error, "fix"));
    return take;
}

tb_take *tb_collection_take_artifact(tb_collection *collection, const json_t *artifact,
                                     bool *is_new)
{
    const char *id = tb_member_text(artifact, "job_id");
    const json_t *metadata = json_object_get(artifact, "metadata");
    if (id[0] == '\0' || strlen(id) >= TB_TAKE_ID_MAX || !json_is_object(metadata))
        return NULL;
    int number = (int)number_or(artifact, "number", 0);
    tb_take *take = tb_collection_find(collection, id);
    if (is_new != NULL)
        *is_new = take == NULL;
    if (take == NULL)
        take = add(collection, id, parse_ms(tb_member_text(artifact, "created_at")), number);
    if (take == NULL)
        return NULL;
    take->state = TB_TAKE_DONE;
    take->number = number;
    set_prompt(take, text_or_null(metadata, "prompt"));
    if (set_text(&take->title, text_or_null(artifact, "title"))) {
        free(take->folded);
        take->folded = NULL;
    }
    (void)set_text(&take->model_id, text_or_null(metadata, "model_id"));
    (void)set_text(&take->path, text_or_null(artifact, "artifact_path"));
    (void)set_text(&take->format, text_or_null(artifact, "format"));
    take->seed = (int64_t)number_or(metadata, "seed", 0);
    take->length_s = number_or(metadata, "duration_seconds", 0);
    take->bytes = (int64_t)number_or(artifact, "bytes", 0);
    take->is_starred = json_is_true(json_object_get(artifact, "starred"));
    take->is_trashed = strcmp(tb_member_text(artifact, "state"), "trashed") == 0;
    json_decref(take->extras);
    take->extras = json_incref(json_object_get(metadata, "extras"));
    take->is_sketch = strcmp(tb_member_text(take->extras, "backend"), "sketch") == 0;
    collection->is_stale = true;
    return take;
}

tb_take *tb_collection_add_unsent(tb_collection *collection, const char *key, const char *prompt,
                                  int64_t now_ms)
{
    tb_take *take = add(collection, key, now_ms, 0);
    if (take == NULL)
        return NULL;
    take->state = TB_TAKE_UNSENT;
    take->is_of_this_run = true;
    set_prompt(take, prompt);
    return take;
}

void tb_take_set_peaks(tb_take *take, const json_t *answer)
{
    const json_t *low = json_object_get(answer, "min"), *high = json_object_get(answer, "max");
    size_t n = json_array_size(high);
    if (n == 0 || json_array_size(low) != n)
        return;
    if (take->peaks == NULL)
        take->peaks = calloc(TB_TAKE_PEAKS, 1);
    for (size_t i = 0; take->peaks != NULL && i < TB_TAKE_PEAKS; i++) {
        size_t at = i * n / TB_TAKE_PEAKS;
        double peak = fmax(json_number_value(json_array_get(high, at)),
                           -json_number_value(json_array_get(low, at)));
        take->peaks[i] = (uint8_t)(fmin(fmax(peak, 0), 1) * 255);
    }
}

bool tb_take_is_active(const tb_take *take)
{
    return take->state == TB_TAKE_QUEUED || take->state == TB_TAKE_RUNNING;
}

int tb_collection_count_active(const tb_collection *collection, int *n_unsent)
{
    int n = 0, unsent = 0;
    for (size_t i = 0; i < collection->n; i++) {
        n += tb_take_is_active(collection->takes[i]);
        unsent += collection->takes[i]->state == TB_TAKE_UNSENT;
    }
    if (n_unsent != NULL)
        *n_unsent = unsent;
    return n;
}

int tb_collection_count_done(const tb_collection *collection)
{
    int n = 0;
    for (size_t i = 0; i < collection->n; i++)
        n += collection->takes[i]->state == TB_TAKE_DONE && !collection->takes[i]->is_trashed;
    return n;
}

tb_take *tb_collection_running(const tb_collection *collection)
{
    for (size_t i = collection->n; i > 0; i--)
        if (collection->takes[i - 1]->state == TB_TAKE_RUNNING)
            return collection->takes[i - 1];
    return NULL;
}
