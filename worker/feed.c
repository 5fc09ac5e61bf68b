#include "worker/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/condition.h"
#include "engine/base/str.h"
#include "worker/service.h"

enum { PULLS_MAX = 16 };

typedef struct {
    char *model, *json; /* owned */
} pull_note;

struct tb_feed {
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    int64_t count;
    bool is_stopped;
    tb_live live;
    char preview_id[TB_ID_BYTES];
    void *preview; /* PNG; owned */
    size_t preview_len;
    int preview_step;
    pull_note pulls[PULLS_MAX];
};

tb_status tb_feed_new(tb_feed **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the feed");
    pthread_mutex_init(&(*out)->mutex, NULL);
    tb_condition_init(&(*out)->changed);
    return TIMBRE_OK;
}

void tb_feed_free(tb_feed *feed)
{
    if (feed == NULL)
        return;
    for (int i = 0; i < PULLS_MAX; i++) {
        free(feed->pulls[i].model);
        free(feed->pulls[i].json);
    }
    free(feed->preview);
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->mutex);
    free(feed);
}

static void ring_locked(tb_feed *feed)
{
    feed->count++;
    pthread_cond_broadcast(&feed->changed);
}

void tb_feed_ring(tb_feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    ring_locked(feed);
    pthread_mutex_unlock(&feed->mutex);
}

void tb_feed_set_live(tb_feed *feed, const tb_live *live)
{
    pthread_mutex_lock(&feed->mutex);
    int64_t stamp = feed->live.stamp + 1;
    feed->live = *live;
    feed->live.stamp = stamp;
    feed->live.updated_ms = tb_now_ms();
    ring_locked(feed);
    pthread_mutex_unlock(&feed->mutex);
}

tb_live tb_feed_live(tb_feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    tb_live live = feed->live;
    pthread_mutex_unlock(&feed->mutex);
    return live;
}

void tb_feed_set_preview(tb_feed *feed, const char *id, void *png, size_t len_bytes, int i_step)
{
    pthread_mutex_lock(&feed->mutex);
    free(feed->preview);
    feed->preview = png;
    feed->preview_len = len_bytes;
    feed->preview_step = i_step;
    memcpy(feed->preview_id, id, strnlen(id, TB_ID_BYTES - 1) + 1);
    pthread_mutex_unlock(&feed->mutex);
}

tb_status tb_feed_preview(tb_feed *feed, const char *id, void **png, size_t *len_bytes, int *i_step,
                          tb_error *err)
{
    tb_status st = TIMBRE_OK;
    *png = NULL;
    pthread_mutex_lock(&feed->mutex);
    if (feed->preview != NULL && strcmp(feed->preview_id, id) == 0) {
        *png = malloc(feed->preview_len);
        *len_bytes = feed->preview_len;
        *i_step = feed->preview_step;
        if (*png != NULL)
            memcpy(*png, feed->preview, feed->preview_len);
        else
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preview");
    }
    pthread_mutex_unlock(&feed->mutex);
    return st;
}

/* The note of `model`, else a free one, else NULL. */
static pull_note *find_pull(tb_feed *feed, const char *model, bool may_add)
{
    pull_note *unused = NULL;
    for (int i = 0; i < PULLS_MAX; i++) {
        if (feed->pulls[i].model == NULL)
            unused = unused == NULL ? &feed->pulls[i] : unused;
        else if (strcmp(feed->pulls[i].model, model) == 0)
            return &feed->pulls[i];
    }
    return may_add ? unused : NULL;
}

void tb_feed_set_pull(tb_feed *feed, const char *model, const char *json)
{
    pthread_mutex_lock(&feed->mutex);
    pull_note *note = find_pull(feed, model, json != NULL);
    if (note != NULL) {
        free(note->json);
        free(note->model);
        note->json = json == NULL ? NULL : tb_strdup(json);
        note->model = note->json == NULL ? NULL : tb_strdup(model);
        ring_locked(feed);
    }
    pthread_mutex_unlock(&feed->mutex);
}

char *tb_feed_pull(tb_feed *feed, const char *model)
{
    pthread_mutex_lock(&feed->mutex);
    pull_note *note = find_pull(feed, model, false);
    char *json = note == NULL || note->json == NULL ? NULL : tb_strdup(note->json);
    pthread_mutex_unlock(&feed->mutex);
    return json;
}

int64_t tb_feed_count(tb_feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    int64_t count = feed->count;
    pthread_mutex_unlock(&feed->mutex);
    return count;
}

int64_t tb_feed_wait(tb_feed *feed, int64_t seen, int timeout_ms)
{
    struct timespec until = tb_condition_deadline(timeout_ms);
    pthread_mutex_lock(&feed->mutex);
    bool is_in_time = true;
    while (feed->count == seen && !feed->is_stopped && is_in_time)
        is_in_time = tb_condition_wait(&feed->changed, &feed->mutex, &until);
    int64_t count = feed->count;
    pthread_mutex_unlock(&feed->mutex);
    return count;
}

void tb_feed_stop(tb_feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    feed->is_stopped = true;
    ring_locked(feed);
    pthread_mutex_unlock(&feed->mutex);
}

bool tb_feed_is_stopped(tb_feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    bool is_stopped = feed->is_stopped;
    pthread_mutex_unlock(&feed->mutex);
    return is_stopped;
}
