#include "worker/runner.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "worker/child.h"
#include "worker/crash_point.h"
#include "worker/metrics.h"
#include "worker/runner_job.h"
#include "worker/runner_private.h"
#include "worker/take_commit.h"

enum { IDLE_TICK_MS = 500, TROUBLE_PAUSE_MS = 2000 };

/* ---- what other threads ask ---- */

void tb_runner_cancel(tb_runner *r, const char *id)
{
    pthread_mutex_lock(&r->mutex);
    if (strcmp(r->id, id) == 0)
        r->is_cancelled = true;
    pthread_mutex_unlock(&r->mutex);
}

bool tb_runner_is_cancelled(tb_runner *r)
{
    pthread_mutex_lock(&r->mutex);
    bool is_cancelled = r->is_cancelled;
    pthread_mutex_unlock(&r->mutex);
    return is_cancelled;
}

static tb_status copy_place(const tb_model_place *in, tb_model_place *out, tb_error *err)
{
    out->id = tb_strdup(in->id);
    out->path = in->path == NULL ? NULL : tb_strdup(in->path);
    out->tokenizer = in->tokenizer == NULL ? NULL : tb_strdup(in->tokenizer);
    bool is_whole = out->id != NULL && (in->path == NULL || out->path != NULL) &&
                    (in->tokenizer == NULL || out->tokenizer != NULL);
    return is_whole ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a model's place");
}

tb_status tb_runner_warm(tb_runner *r, const tb_model_place *place, tb_error *err)
{
    tb_model_place copy = {0};
    tb_status st = copy_place(place, &copy, err);
    if (st == TIMBRE_OK) {
        pthread_mutex_lock(&r->mutex);
        tb_model_place before = r->warm;
        r->warm = copy;
        copy = before;
        pthread_mutex_unlock(&r->mutex);
        tb_feed_ring(r->worker->feed);
    }
    tb_model_place_deinit(&copy);
    return st;
}

char *tb_runner_loaded(tb_runner *r)
{
    pthread_mutex_lock(&r->mutex);
    char *loaded = r->loaded == NULL ? NULL : tb_strdup(r->loaded);
    pthread_mutex_unlock(&r->mutex);
    return loaded;
}

void tb_runner_set_loaded(tb_runner *r, const char *model_id)
{
    char *copy = model_id == NULL ? NULL : tb_strdup(model_id);
    pthread_mutex_lock(&r->mutex);
    free(r->loaded);
    r->loaded = copy;
    pthread_mutex_unlock(&r->mutex);
}

bool tb_runner_is_idle(tb_runner *r)
{
    pthread_mutex_lock(&r->mutex);
    bool is_idle = r->id[0] == '\0' && r->warm.id == NULL;
    pthread_mutex_unlock(&r->mutex);
    return is_idle;
}

void tb_runner_trouble(tb_runner *r, char out[TB_TROUBLE_MAX])
{
    pthread_mutex_lock(&r->mutex);
    memcpy(out, r->trouble, TB_TROUBLE_MAX);
    pthread_mutex_unlock(&r->mutex);
}

static void set_trouble(tb_runner *r, const char *text)
{
    pthread_mutex_lock(&r->mutex);
    bool is_new = strcmp(r->trouble, text) != 0;
    (void)snprintf(r->trouble, sizeof r->trouble, "%.159s", text);
    pthread_mutex_unlock(&r->mutex);
    if (is_new && text[0] != '\0')
        tb_journal_write(&r->worker->journal, TIMBRE_LOG_WARNING, "jobs wait",
                         (tb_journal_field[]){{"reason", text, 0}, {0}});
}

void tb_runner_drain(tb_runner *r, double grace_s)
{
    pthread_mutex_lock(&r->mutex);
    r->is_draining = true;
    r->deadline_s = tb_clock_seconds() + grace_s;
    pthread_mutex_unlock(&r->mutex);
    tb_feed_ring(r->worker->feed);
}

bool tb_runner_is_draining(tb_runner *r, double *left_s)
{
    pthread_mutex_lock(&r->mutex);
    bool is_draining = r->is_draining;
    *left_s = r->deadline_s - tb_clock_seconds();
    pthread_mutex_unlock(&r->mutex);
    return is_draining;
}

void tb_runner_set_job(tb_runner *r, const char *id)
{
    pthread_mutex_lock(&r->mutex);
    (void)snprintf(r->id, sizeof r->id, "%s", id);
    r->is_cancelled = false;
    pthread_mutex_unlock(&r->mutex);
}

/* ---- the loop ---- */

/* Free space where takes go; what cannot be asked is enough. */
static bool has_space(tb_runner *r)
{
    struct statvfs fs;
    int64_t reserve = r->worker->options->reserve_bytes;
    if (reserve <= 0 || statvfs(r->worker->output_dir, &fs) != 0)
        return true;
    int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (free_bytes >= reserve)
        return true;
    char text[TB_TROUBLE_MAX];
    (void)snprintf(text, sizeof text,
                   "%lld MB are free where takes go, %lld MB are kept free; jobs wait for space",
                   (long long)(free_bytes / 1000000), (long long)(reserve / 1000000));
    set_trouble(r, text);
    return false;
}

static void end_idle_child(tb_runner *r)
{
    bool is_old = r->child.pid > 0 &&
                  tb_clock_seconds() - r->child.idle_since_s >= r->worker->options->keep_loaded_s;
    if (is_old)
        tb_runner_end_child(r, false, "idle");
}

static bool take_warm(tb_runner *r, tb_model_place *out)
{
    pthread_mutex_lock(&r->mutex);
    *out = r->warm;
    r->warm = (tb_model_place){0};
    pthread_mutex_unlock(&r->mutex);
    return out->id != NULL;
}

/* One job, or nothing to do: then false, and *pause_ms says how long there is none. */
static bool run_next(tb_runner *r, int *pause_ms)
{
    tb_stored_job job = {0};
    tb_model_place warm;
    tb_error err = {0};
    *pause_ms = IDLE_TICK_MS;
    if (take_warm(r, &warm)) {
        tb_runner_run_warm(r, &warm);
        tb_model_place_deinit(&warm);
        return true;
    }
    if (!has_space(r)) {
        *pause_ms = TROUBLE_PAUSE_MS;
        return false;
    }
    tb_status st = TIMBRE_OK;
    if (r->has_stray_rows && (st = tb_take_recover(r->worker, false, &err)) == TIMBRE_OK)
        r->has_stray_rows = false;
    if (st == TIMBRE_OK)
        st = tb_store_claim(r->worker->store, &job, &err);
    TB_CRASH_POINT("claim-after");
    if (st == TIMBRE_OK) {
        set_trouble(r, "");
        tb_feed_ring(r->worker->feed);
        st = tb_runner_run_job(r, &job, &err);
        r->has_stray_rows = st != TIMBRE_OK;
        if (st == TIMBRE_OK) {
            tb_stored_job_deinit(&job);
            return true;
        }
    } else if (st == TIMBRE_NOT_FOUND) {
        set_trouble(r, "");
        return false;
    }
    set_trouble(r, err.message); /* the disk or the store: jobs wait until it is better */
    tb_stored_job_deinit(&job);
    *pause_ms = TROUBLE_PAUSE_MS;
    return false;
}

static void *run(void *user)
{
    tb_runner *r = user;
    double left_s;
    while (!tb_runner_is_draining(r, &left_s)) {
        int pause_ms = 0;
        int64_t seen = tb_feed_count(r->worker->feed);
        if (run_next(r, &pause_ms))
            continue;
        double until_s = tb_clock_seconds() + pause_ms / 1e3;
        if (pause_ms == TROUBLE_PAUSE_MS) /* rings do not mend it */
            while (tb_clock_seconds() < until_s && !tb_runner_is_draining(r, &left_s))
                (void)tb_feed_wait(r->worker->feed, tb_feed_count(r->worker->feed), 100);
        else
            (void)tb_feed_wait(r->worker->feed, seen, pause_ms);
        end_idle_child(r);
    }
    tb_runner_end_child(r, false, NULL);
    return NULL;
}

tb_status tb_runner_start(tb_worker *worker, tb_runner **out, tb_error *err)
{
    tb_runner *r = calloc(1, sizeof *r);
    *out = NULL;
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the runner");
    r->worker = worker;
    r->child.channel.fd = -1;
    pthread_mutex_init(&r->mutex, NULL);
    if (pthread_create(&r->thread, NULL, run, r) != 0) {
        pthread_mutex_destroy(&r->mutex);
        free(r);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no thread for the runner");
    }
    *out = r;
    return TIMBRE_OK;
}

void tb_runner_free(tb_runner *r)
{
    if (r == NULL)
        return;
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->mutex);
    tb_model_place_deinit(&r->warm);
    free(r->loaded);
    free(r);
}
