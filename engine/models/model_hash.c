/*
 * The hash of a model's files. Reading gigabytes takes seconds, and nothing needs the result before
 * a take is done: it is made on a thread of its own while the networks are loaded and run.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/str.h"
#include "engine/models/model_inside.h"

enum { POLL_NS = 20 * 1000 * 1000 }; /* how soon a waiting caller sees that it is to stop */

struct tb_model_hasher {
    pthread_t thread;
    pthread_mutex_t lock; /* guards is_done */
    pthread_cond_t done;
    bool is_done;
    timbre_cancel stop; /* set by the owner */
    tb_model *model;    /* of which only names, paths and hashes of the files are touched */
    tb_status status;   /* with err: the thread's until it is joined */
    tb_error err;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tb_model_file *)a)->name, ((const tb_model_file *)b)->name);
}

static tb_status hash_files(tb_model *model, const tb_progress *progress, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < model->n_files; i++)
        st = tb_sha256_large_file(model->files[i].path, progress, model->files[i].sha256, err);
    return st;
}

static tb_status join_hashes(tb_model *model, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    tb_str lines = {0};
    for (size_t i = 0; i < model->n_files; i++)
        tb_str_appendf(&lines, "%s %s\n", model->files[i].name, model->files[i].sha256);
    if (lines.failed)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the hash of a model");
    if (st == TIMBRE_OK)
        st = tb_sha256_bytes(lines.bytes, lines.len, model->sha256, err);
    tb_str_deinit(&lines);
    return st;
}

/* ---- the thread ---- */

static void *hasher_main(void *user)
{
    tb_model_hasher *h = user;
    h->status = hash_files(h->model, &(tb_progress){.cancel = &h->stop}, &h->err);
    pthread_mutex_lock(&h->lock);
    h->is_done = true;
    pthread_cond_broadcast(&h->done);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void free_hasher(tb_model_hasher *h)
{
    pthread_cond_destroy(&h->done);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void tb_model_begin_sha256(tb_model *model)
{
    if (model->sha256[0] != '\0' || model->hasher != NULL)
        return;
    tb_model_hasher *h = calloc(1, sizeof *h);
    if (h == NULL) /* it is made when it is asked for */
        return;
    h->model = model;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->done, NULL);
    qsort(model->files, model->n_files, sizeof *model->files, by_name); /* before others read */
    sigset_t all, before; /* a program's signals are not the thread's */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&h->thread, NULL, hasher_main, h);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        model->hasher = h;
    else
        free_hasher(h);
}

/* Its status; nothing of it is left. */
static tb_status join_hasher(tb_model *model, tb_error *err)
{
    tb_model_hasher *h = model->hasher;
    pthread_join(h->thread, NULL);
    tb_status st = h->status;
    if (st != TIMBRE_OK && err != NULL)
        *err = h->err;
    free_hasher(h);
    model->hasher = NULL;
    return st;
}

void tb_model_stop_sha256(tb_model *model)
{
    if (model == NULL || model->hasher == NULL)
        return;
    timbre_cancel_request(&model->hasher->stop);
    (void)join_hasher(model, NULL);
}

static struct timespec soon(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += POLL_NS;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static tb_status wait_for_hasher(tb_model *model, const tb_progress *progress, tb_error *err)
{
    tb_model_hasher *h = model->hasher;
    pthread_mutex_lock(&h->lock);
    while (!h->is_done && !tb_progress_is_cancelled(progress)) {
        struct timespec at = soon();
        (void)pthread_cond_timedwait(&h->done, &h->lock, &at);
    }
    pthread_mutex_unlock(&h->lock);
    if (tb_progress_is_cancelled(progress))
        timbre_cancel_request(&h->stop);
    return join_hasher(model, err);
}

/* ---- the hash ---- */

static tb_status find_hash(tb_model *model, const tb_progress *progress, tb_error *err)
{
    tb_status st;
    if (model->sha256[0] != '\0')
        return TIMBRE_OK;
    if (model->hasher != NULL) {
        st = wait_for_hasher(model, progress, err);
    } else {
        qsort(model->files, model->n_files, sizeof *model->files, by_name);
        st = hash_files(model, progress, err);
    }
    return st == TIMBRE_OK ? join_hashes(model, err) : st;
}

static const tb_model_file *find_changed(const tb_model *model)
{
    for (size_t i = 0; i < model->n_files; i++) {
        const tb_model_file *file = &model->files[i];
        tb_stamp now;
        if (!tb_stamp_get(file->path, &now) || !tb_stamp_is_same(&file->stamp, &now))
            return file;
    }
    return NULL;
}

bool tb_model_is_unchanged(const tb_model *model)
{
    return find_changed(model) == NULL;
}

tb_status tb_model_check_unchanged(const tb_model *model, tb_error *err)
{
    const tb_model_file *changed = find_changed(model);
    if (changed == NULL)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s': the model's files changed while in use: %s",
                           model->path, changed->name);
    tb_fix(err, "try again, once nothing writes into the model any more");
    return st;
}

tb_status tb_model_sha256(tb_model *model, const tb_progress *progress,
                          char out[TB_SHA256_HEX_BYTES], tb_error *err)
{
    tb_status st = find_hash(model, progress, err);
    if (st != TIMBRE_CANCELLED && find_changed(model) != NULL) { /* also one that is gone */
        model->sha256[0] = '\0';
        st = tb_model_check_unchanged(model, err);
    }
    if (st == TIMBRE_OK)
        memcpy(out, model->sha256, TB_SHA256_HEX_BYTES);
    return st;
}
