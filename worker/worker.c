/*
 * The supervisor's life: begin in the order of dependence, keep house until a signal comes, end in
 * the reverse order. The runner and the HTTP threads do the work.
 */
#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/str.h"
#include "worker/api_sound.h"
#include "worker/metrics.h"
#include "worker/notify.h"
#include "worker/pulls.h"
#include "worker/runner.h"
#include "worker/service.h"
#include "worker/setup.h"
#include "worker/take_commit.h"
#include "worker/take_file.h"

enum {
    TICK_MS = 250,
    INBOX_EVERY_S = 2,
    RETENTION_EVERY_S = 60,
};

void tb_worker_options_init(tb_worker_options *options)
{
    *options = (tb_worker_options){.idle_exit_s = 60,
                                   .queue_limit = 256,
                                   .keep_loaded_s = 600,
                                   .shutdown_grace_s = 25,
                                   .watchdog_s = 300,
                                   .reserve_bytes = INT64_C(256) << 20,
                                   .trash_days = 30,
                                   .log_level = TIMBRE_LOG_INFO};
}

/* ---- signals ---- */

typedef struct {
    pthread_t thread;
    sigset_t set;
    atomic_int n; /* of those that ask to stop */
    tb_feed *feed;
    bool has_thread;
} signal_watch;

/* A thread that waits for signals needs no handler and no variable at file scope. */
static void *watch_signals(void *user)
{
    signal_watch *watch = user;
    int number;
    while (sigwait(&watch->set, &number) == 0 && number != SIGUSR1) {
        atomic_fetch_add(&watch->n, 1);
        tb_feed_ring(watch->feed);
    }
    return NULL;
}

/* Before any thread starts: all of them inherit the mask. */
static void block_signals(signal_watch *watch)
{
    struct sigaction hangup;
    sigemptyset(&watch->set);
    sigaddset(&watch->set, SIGTERM);
    sigaddset(&watch->set, SIGINT);
    sigaddset(&watch->set, SIGUSR1); /* ours: ends the thread */
    if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN) /* nohup */
        sigaddset(&watch->set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &watch->set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static tb_status start_watch(signal_watch *watch, tb_feed *feed, tb_error *err)
{
    watch->feed = feed;
    watch->has_thread = pthread_create(&watch->thread, NULL, watch_signals, watch) == 0;
    return watch->has_thread ? TIMBRE_OK
                             : tb_fail(err, TIMBRE_NO_MEMORY, "no thread for the signals");
}

static void stop_watch(signal_watch *watch)
{
    if (!watch->has_thread)
        return;
    (void)pthread_kill(watch->thread, SIGUSR1);
    pthread_join(watch->thread, NULL);
}

/* ---- the beginning ---- */

static void count_answer(tb_worker *worker, const char *method, const char *route, int status,
                         double seconds)
{
    atomic_store(&worker->asked_s, (int64_t)tb_clock_seconds());
    tb_metrics_count_answer(worker->metrics, method, route, status, seconds);
}

static tb_status open_store(tb_worker *worker, tb_error *err)
{
    int n_imported = 0;
    char *path = tb_strf("%s/timbre.db", worker->options->data_dir);
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_store_open(path, &worker->store, err);
    free(path);
    if (st == TIMBRE_OK) /* before the recovery: what is noted there belongs to no job */
        st = tb_inbox_import(worker, &n_imported, err);
    if (st == TIMBRE_OK)
        st = tb_take_file_heal(worker, err);
    return st == TIMBRE_OK ? tb_take_recover(worker, true, err) : st;
}

static tb_status start_http(tb_worker *worker, tb_doors *doors, tb_error *err)
{
    tb_http_options options = {.n_fds = doors->n,
                               .key = doors->key,
                               .worker = worker,
                               .journal = &worker->journal,
                               .answered = count_answer};
    memcpy(options.fds, doors->fds, sizeof options.fds);
    memcpy(options.is_unix, doors->is_unix, sizeof options.is_unix);
    for (size_t i = 0; i < TB_WORKER_NAMES_MAX; i++) {
        options.hosts[i] = worker->options->hosts[i];
        options.origins[i] = worker->options->origins[i];
    }
    options.routes = tb_routes(&options.n_routes);
    for (size_t i = 0; i < doors->n; i++)
        doors->fds[i] = -1; /* taken */
    return tb_http_start(&options, &worker->http, err);
}

static tb_status warm_up(tb_worker *worker, tb_error *err)
{
    tb_model_place place = {0};
    if (!worker->options->is_warm)
        return TIMBRE_OK;
    tb_status st = tb_model_place_find(worker, NULL, &place, err);
    if (st == TIMBRE_OK)
        st = tb_runner_warm(worker->runner, &place, err);
    tb_model_place_deinit(&place);
    return st;
}

static tb_status begin(tb_worker *worker, signal_watch *watch, tb_doors *doors, tb_error *err)
{
    tb_status st = tb_hub_init(&worker->hub, worker->options->data_dir, err);
    if (st == TIMBRE_OK)
        st = tb_feed_new(&worker->feed, err);
    if (st == TIMBRE_OK)
        st = tb_metrics_new(&worker->metrics, err);
    if (st == TIMBRE_OK)
        st = tb_sounds_new(&worker->sounds, err);
    if (st == TIMBRE_OK)
        st = tb_file_checks_new(&worker->checks, err);
    if (st == TIMBRE_OK)
        st = open_store(worker, err);
    if (st == TIMBRE_OK)
        st = start_watch(watch, worker->feed, err);
    if (st == TIMBRE_OK)
        st = tb_pulls_new(worker, &worker->pulls, err);
    if (st == TIMBRE_OK)
        st = tb_setup_doors(worker, doors, err);
    if (st == TIMBRE_OK)
        st = tb_runner_start(worker, &worker->runner, err);
    if (st == TIMBRE_OK)
        st = start_http(worker, doors, err);
    return st == TIMBRE_OK ? warm_up(worker, err) : st;
}

static void announce(const tb_worker *worker, const tb_doors *doors)
{
    const tb_worker_options *o = worker->options;
    for (size_t i = 0; i < doors->n; i++) {
        const char *place = doors->is_unix[i] ? doors->socket_path : doors->url[i];
        tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "listening",
                         (tb_journal_field[]){{"place", place, 0}, {0}});
        if (o->announce != NULL && place != NULL && place[0] != '\0')
            o->announce(place, o->announce_user);
    }
    if (o->is_insecure)
        tb_journal_write(&worker->journal, TIMBRE_LOG_WARNING,
                         "open without a key: everybody who reaches it may use it", NULL);
    if (tb_confine_lacks()[0] != '\0')
        tb_journal_write(&worker->journal, TIMBRE_LOG_WARNING, "the generator is not confined",
                         (tb_journal_field[]){{"reason", tb_confine_lacks(), 0}, {0}});
    (void)tb_notify("READY=1\nSTATUS=waiting for jobs");
}

/* ---- keeping house ---- */

typedef struct {
    double inbox_s, retention_s, notified_s; /* when each was last done */
    double busy_s;                           /* when there was last something to stay for */
} keeper;

static bool is_due(double *last_s, double every_s, double now_s)
{
    if (now_s - *last_s < every_s)
        return false;
    *last_s = now_s;
    return true;
}

static bool is_wanted(tb_worker *worker)
{
    int64_t counts[TB_JOB_STATE_COUNT] = {0};
    int n_connections, n_streams;
    tb_error err = {0};
    tb_http_count(worker->http, &n_connections, &n_streams);
    return n_streams > 0 || tb_pulls_count(worker->pulls) > 0 ||
           !tb_runner_is_idle(worker->runner) ||
           tb_store_count_jobs(worker->store, counts, &err) != TIMBRE_OK ||
           counts[TB_JOB_QUEUED] + counts[TB_JOB_RUNNING] > 0;
}

/* Whether a worker that a client started has nobody left to serve. */
static bool is_forgotten(tb_worker *worker, keeper *k, double now_s)
{
    if (!worker->options->is_started_by_client)
        return false;
    if (is_wanted(worker))
        k->busy_s = now_s;
    double asked_s = (double)atomic_load(&worker->asked_s);
    double last_s = asked_s > k->busy_s ? asked_s : k->busy_s;
    return now_s - last_s >= worker->options->idle_exit_s;
}

static void keep(tb_worker *worker, keeper *k, double now_s)
{
    tb_error err = {0};
    int n_imported = 0;
    double watchdog_s = tb_notify_watchdog_s();
    if (is_due(&k->inbox_s, INBOX_EVERY_S, now_s)) {
        if (tb_inbox_import(worker, &n_imported, &err) != TIMBRE_OK)
            tb_journal_error(&worker->journal, "the inbox is not read", NULL, &err);
        if (n_imported > 0)
            tb_feed_ring(worker->feed);
    }
    if (is_due(&k->retention_s, RETENTION_EVERY_S, now_s) &&
        tb_retention_run(worker, &err) != TIMBRE_OK)
        tb_journal_error(&worker->journal, "old takes are not cleared away", NULL, &err);
    if (watchdog_s > 0 && is_due(&k->notified_s, watchdog_s / 2, now_s) &&
        tb_store_check(worker->store, &err) == TIMBRE_OK) /* alive means: it can write */
        (void)tb_notify("WATCHDOG=1");
}

/* A signal rings the feed as well, so that none is noticed late. */
static void wait_a_tick(tb_worker *worker)
{
    (void)tb_feed_wait(worker->feed, tb_feed_count(worker->feed), TICK_MS);
}

static void serve(tb_worker *worker, signal_watch *watch)
{
    keeper k = {.busy_s = tb_clock_seconds()};
    while (atomic_load(&watch->n) == 0) {
        double now_s = tb_clock_seconds();
        keep(worker, &k, now_s);
        if (is_forgotten(worker, &k, now_s)) {
            tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "nobody is left; ending", NULL);
            break;
        }
        wait_a_tick(worker);
    }
}

/* ---- the end ---- */

/* The running job may finish; a second signal ends the wait. */
static void drain(tb_worker *worker, signal_watch *watch)
{
    int n_before = atomic_load(&watch->n);
    double until_s = tb_clock_seconds() + worker->options->shutdown_grace_s;
    atomic_store(&worker->is_stopping, true);
    (void)tb_notify("STOPPING=1\nSTATUS=finishing the running job");
    tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "stopping", NULL);
    tb_runner_drain(worker->runner, worker->options->shutdown_grace_s);
    while (!tb_runner_is_idle(worker->runner) && tb_clock_seconds() < until_s &&
           atomic_load(&watch->n) == n_before)
        wait_a_tick(worker);
    tb_runner_drain(worker->runner, 0);
}

static void end(tb_worker *worker, signal_watch *watch, tb_doors *doors)
{
    if (worker->runner != NULL)
        drain(worker, watch);
    tb_runner_free(worker->runner);
    if (worker->feed != NULL)
        tb_feed_stop(worker->feed);
    tb_http_stop(worker->http);
    tb_pulls_free(worker->pulls);
    stop_watch(watch);
    tb_doors_deinit(doors);
    tb_store_close(worker->store);
    tb_sounds_free(worker->sounds);
    tb_file_checks_free(worker->checks);
    tb_metrics_free(worker->metrics);
    tb_feed_free(worker->feed);
    tb_hub_deinit(&worker->hub);
    free(worker->inbox);
    free(worker->trash);
    free(worker->inputs);
    free(worker->output_dir);
}

tb_status tb_worker_main(const tb_worker_options *options, tb_error *err)
{
    signal_watch watch = {.n = 0};
    tb_doors doors = {.n = 0};
    tb_worker worker = {.options = options,
                        .journal = {.fd = STDERR_FILENO,
                                    .is_json = options->logs_json,
                                    .min_level = options->log_level},
                        .started_s = tb_clock_seconds()};
    int lock = -1;
    json_object_seed(0); /* before threads */
    block_signals(&watch);
    tb_status st = tb_setup_folders(&worker, err);
    if (st == TIMBRE_OK)
        st = tb_setup_lock(&worker, &lock, err);
    if (st == TIMBRE_OK)
        st = begin(&worker, &watch, &doors, err);
    if (st == TIMBRE_OK) {
        announce(&worker, &doors);
        serve(&worker, &watch);
    }
    end(&worker, &watch, &doors);
    if (st == TIMBRE_OK)
        tb_journal_write(&worker.journal, TIMBRE_LOG_INFO, "stopped", NULL);
    if (lock >= 0)
        close(lock);
    return st;
}
