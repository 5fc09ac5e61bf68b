/* Carrying out a plan: a few threads bring files, the caller's thread watches; then what makes the
 * model visible, in order. */
#include "hub/pull.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/cache.h"
#include "hub/mark.h"
#include "hub/pull_plan.h"
#include "hub/transfer.h"

enum { N_RATES = 50 }; /* looks back, ten a second */

typedef struct {
    const tb_hub *hub;
    tb_pull_plan *plan;
    timbre_cancel stop;          /* of all threads: cancelled, or another one failed */
    _Atomic int64_t *done_bytes; /* of each file; owned */
    size_t *order;               /* the largest first; owned */

    pthread_mutex_t lock; /* guards all below */
    size_t next;          /* in `order` */
    size_t n_done;
    int n_running;
    bool *is_fetched; /* of each file: by us; owned */
    bool *is_active;  /* owned */
    char note[256];
    tb_status st; /* the first failure */
    tb_error err;
} pull;

typedef struct {
    int64_t bytes[N_RATES];
    double at_s[N_RATES];
    size_t n;
} rates;

static void take_note(const char *text, void *user)
{
    pull *p = user;
    pthread_mutex_lock(&p->lock);
    (void)snprintf(p->note, sizeof p->note, "%s", text);
    pthread_mutex_unlock(&p->lock);
}

/* The next file that is not here; false: none is left, or the threads are to end. */
static bool take_file(pull *p, size_t *i_file)
{
    bool is_taken = false;
    pthread_mutex_lock(&p->lock);
    while (!is_taken && p->st == TIMBRE_OK && p->next < p->plan->n_files) {
        *i_file = p->order[p->next++];
        is_taken = !p->plan->files[*i_file].is_here;
    }
    if (is_taken)
        p->is_active[*i_file] = true;
    pthread_mutex_unlock(&p->lock);
    return is_taken;
}

static void note_end(pull *p, size_t i_file, tb_status st, bool was_here, const tb_error *err)
{
    pthread_mutex_lock(&p->lock);
    p->is_active[i_file] = false;
    if (st == TIMBRE_OK) {
        p->n_done++;
        p->is_fetched[i_file] = !was_here;
    } else if (p->st == TIMBRE_OK) {
        p->st = st;
        p->err = *err;
        timbre_cancel_request(&p->stop);
    }
    pthread_mutex_unlock(&p->lock);
}

static void *work(void *user)
{
    pull *p = user;
    tb_http http = {0};
    tb_error err = {0};
    size_t i = 0;
    tb_status started = tb_http_init(&http, p->hub, &p->stop, &err);
    while (take_file(p, &i)) {
        const tb_pull_file *f = &p->plan->files[i];
        tb_transfer transfer = {&http,        f->repo,           f->commit, f->path, f->etag,
                                f->len_bytes, &p->done_bytes[i], take_note, p};
        bool was_here = false;
        tb_status st = started == TIMBRE_OK ? tb_transfer_run(&transfer, &was_here, &err) : started;
        note_end(p, i, st, was_here, &err);
    }
    tb_http_deinit(&http);
    pthread_mutex_lock(&p->lock);
    p->n_running--;
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- watching ---- */

static double measure_rate(rates *r, int64_t bytes)
{
    size_t at = r->n % N_RATES, oldest = r->n < N_RATES ? 0 : (r->n + 1) % N_RATES;
    r->bytes[at] = bytes;
    r->at_s[at] = tb_clock_seconds();
    r->n++;
    double past_s = r->at_s[at] - r->at_s[oldest];
    double rate = past_s > 0.5 ? (double)(bytes - r->bytes[oldest]) / past_s : 0;
    return rate > 0 ? rate : 0;
}

/* One look; returns whether threads still run. */
static bool watch(pull *p, const tb_pull_options *options, rates *r)
{
    tb_pull_progress now = {
        .len_bytes = p->plan->len_bytes, .n_files = p->plan->n_files, .left_s = -1};
    char note[sizeof p->note];
    int64_t largest = -1;
    pthread_mutex_lock(&p->lock);
    bool is_running = p->n_running > 0;
    now.n_done = p->n_done;
    memcpy(note, p->note, sizeof note);
    p->note[0] = '\0';
    for (size_t i = 0; i < p->plan->n_files; i++) {
        now.done_bytes += atomic_load(&p->done_bytes[i]);
        if (p->is_active[i] && p->plan->files[i].len_bytes > largest) {
            largest = p->plan->files[i].len_bytes;
            now.file = p->plan->files[i].path;
        }
    }
    pthread_mutex_unlock(&p->lock);
    now.rate_bytes_s = measure_rate(r, now.done_bytes);
    if (now.rate_bytes_s > 0)
        now.left_s = (double)(now.len_bytes - now.done_bytes) / now.rate_bytes_s;
    now.note = note[0] != '\0' ? note : NULL;
    if (options->progress != NULL)
        options->progress(&now, options->user);
    return is_running;
}

static tb_status run_threads(pull *p, const tb_pull_options *options, tb_error *err)
{
    pthread_t threads[TB_HUB_THREADS_MAX];
    int n = options->n_at_once > 0 ? options->n_at_once : 3, n_started = 0;
    for (; n_started < n && n_started < TB_HUB_THREADS_MAX; n_started++) {
        pthread_mutex_lock(&p->lock);
        p->n_running++;
        pthread_mutex_unlock(&p->lock);
        if (pthread_create(&threads[n_started], NULL, work, p) != 0) {
            pthread_mutex_lock(&p->lock);
            p->n_running--;
            pthread_mutex_unlock(&p->lock);
            break;
        }
    }
    if (n_started == 0)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no thread can be started");
    rates r = {0};
    while (watch(p, options, &r)) {
        if (options->cancel != NULL && timbre_cancel_is_requested(options->cancel))
            timbre_cancel_request(&p->stop);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    for (int i = 0; i < n_started; i++)
        pthread_join(threads[i], NULL);
    if (p->st != TIMBRE_OK && err != NULL)
        *err = p->err;
    return p->st;
}

/* ---- before and after ---- */

static tb_status check_space(const tb_hub *hub, tb_pull_plan *plan, tb_error *err)
{
    int64_t needed = plan->len_bytes - plan->here_bytes;
    plan->free_bytes = tb_pull_free_bytes(hub);
    if (needed <= 0 || plan->free_bytes < 0 ||
        plan->free_bytes >= needed + TB_HUB_SPACE_SPARE_BYTES)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_NO_SPACE, "'%s' needs %.2f GB, %.2f GB are free in '%.200s'",
                           plan->name, (double)(needed + TB_HUB_SPACE_SPARE_BYTES) / 1e9,
                           (double)plan->free_bytes / 1e9, hub->cache);
    tb_fix(err, "free some space, or set HF_HUB_CACHE to a folder on another disk");
    return st;
}

/* Ours: fetched now, or by a pull that was stopped before it wrote its manifest, or said so by an
 * earlier manifest. */
static bool is_ours(const pull *p, const tb_manifest *before, size_t i)
{
    const tb_pull_file *f = &p->plan->files[i];
    if (p->is_fetched[i] || tb_mark_is_of_blob(p->hub, f->repo, f->etag))
        return true;
    for (size_t k = 0; k < before->n_files; k++) {
        const tb_manifest_file *b = &before->files[k];
        if (b->is_ours && b->repo != NULL && b->etag != NULL && strcmp(b->repo, f->repo) == 0 &&
            strcmp(b->etag, f->etag) == 0)
            return true;
    }
    return false;
}

static tb_status find_sha256(const pull *p, const tb_pull_file *f, char hex[TB_SHA256_HEX_BYTES],
                             tb_error *err)
{
    if (strlen(f->etag) == 64) {
        memcpy(hex, f->etag, TB_SHA256_HEX_BYTES);
        return TIMBRE_OK;
    }
    char *path = NULL;
    tb_status st = tb_cache_blob_path(p->hub, f->repo, f->etag, &path, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_file(path, hex, err);
    free(path);
    return st;
}

static tb_status note_files(const pull *p, tb_manifest *manifest, tb_error *err)
{
    tb_manifest before = {0};
    if (tb_manifest_read(p->hub, p->plan->name, &before, NULL) != TIMBRE_OK)
        before = (tb_manifest){0};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; i < p->plan->n_files && st == TIMBRE_OK; i++) {
        const tb_pull_file *f = &p->plan->files[i];
        tb_manifest_file file = {.repo = f->repo,
                                 .commit = f->commit,
                                 .path = f->path,
                                 .etag = f->etag,
                                 .len_bytes = f->len_bytes,
                                 .is_ours = is_ours(p, &before, i)};
        st = find_sha256(p, f, file.sha256, err);
        if (st == TIMBRE_OK)
            st = tb_manifest_add(manifest, &file, err);
    }
    tb_manifest_deinit(&before);
    return st;
}

static tb_status make_visible(const pull *p, tb_error *err)
{
    const tb_pull_plan *plan = p->plan;
    char now[21];
    tb_clock_format_utc(time(NULL), now);
    tb_manifest manifest = {.name = tb_strdup(plan->name),
                            .licence = tb_strdup(plan->licence),
                            .revision = tb_strdup(plan->revision),
                            .made_at = tb_strdup(now)};
    tb_status st = manifest.name != NULL && manifest.licence != NULL && manifest.revision != NULL &&
                           manifest.made_at != NULL
                       ? note_files(p, &manifest, err)
                       : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a manifest");
    for (size_t i = 0; i < plan->n_files && st == TIMBRE_OK; i++) {
        const tb_pull_file *f = &plan->files[i];
        st = tb_cache_link(p->hub, f->repo, f->commit, f->path, f->etag, err);
    }
    for (size_t i = 0; i < plan->n_files && st == TIMBRE_OK; i++) {
        const tb_pull_file *f = &plan->files[i];
        if (i == 0 || strcmp(f->repo, plan->files[i - 1].repo) != 0)
            st = tb_cache_write_ref(p->hub, f->repo, plan->revision, f->commit, err);
    }
    if (st == TIMBRE_OK && p->hub->records != NULL)
        st = tb_manifest_write(p->hub, &manifest, err);
    for (size_t i = 0; i < plan->n_files && st == TIMBRE_OK; i++)
        tb_mark_remove(p->hub, plan->files[i].repo, plan->files[i].etag);
    tb_manifest_deinit(&manifest);
    return st;
}

static void sort_by_size(const tb_pull_plan *plan, size_t *order)
{
    for (size_t i = 0; i < plan->n_files; i++) {
        size_t k = i;
        for (; k > 0 && plan->files[order[k - 1]].len_bytes < plan->files[i].len_bytes; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

tb_status tb_pull_run(const tb_hub *hub, tb_pull_plan *plan, const tb_pull_options *options,
                      tb_error *err)
{
    size_t n = plan->n_files;
    pull p = {.hub = hub,
              .plan = plan,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .done_bytes = calloc(n + 1, sizeof *p.done_bytes),
              .order = calloc(n + 1, sizeof *p.order),
              .is_fetched = calloc(n + 1, sizeof(bool)),
              .is_active = calloc(n + 1, sizeof(bool))};
    tb_status st = check_space(hub, plan, err);
    if (p.done_bytes == NULL || p.order == NULL || p.is_fetched == NULL || p.is_active == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu files", n);
    for (size_t i = 0; i < n && st == TIMBRE_OK; i++) {
        atomic_store(&p.done_bytes[i], plan->files[i].here_bytes);
        p.n_done += plan->files[i].is_here;
    }
    if (st == TIMBRE_OK && !plan->is_whole) {
        sort_by_size(plan, p.order);
        st = tb_manifest_begin(hub, plan->name, err);
    }
    if (st == TIMBRE_OK && !plan->is_whole)
        st = run_threads(&p, options, err);
    if (st == TIMBRE_OK && !plan->is_offline) /* offline: it is visible, as it was */
        st = make_visible(&p, err);
    free((void *)p.done_bytes);
    free(p.order);
    free(p.is_fetched);
    free(p.is_active);
    return st;
}
