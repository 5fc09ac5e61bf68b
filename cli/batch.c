#include "cli/batch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/batch_list.h"
#include "cli/meter.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"

enum { JOBS_DEFAULT_MAX = 4 }; /* each holds a file's work in memory */

typedef struct batch batch;

typedef struct {
    batch *owner;
    tb_batch_item *item;   /* that it works on */
    timbre_engine *engine; /* owned; NULL when the work needs none */
    pthread_t thread;
} job;

struct batch {
    tb_app *app;
    const tb_codec_work *work;
    tb_batch_list list;
    job *jobs; /* owned */
    int n_jobs, n_started;
    bool replace;
    tb_meter meter;
    double started_s;
    /* Guards what follows, each job's item, and the items but for what the running work fills. */
    pthread_mutex_t lock;
    pthread_cond_t ended; /* an item ended */
    size_t next;          /* item to be taken */
    size_t n_ended;
    bool has_no_space; /* the disk is full: what waits is dropped */
};

/* --- the threads of the jobs ----------------------------------------------------------------- */

static bool is_there(const batch *b, const tb_batch_item *item)
{
    if (b->replace)
        return false;
    if (b->work->makes_own_names)
        return b->work->is_there(item->input, item->folder, b->work->user);
    return access(item->output, F_OK) == 0;
}

static tb_batch_state there(const batch *b, tb_batch_item *item)
{
    item->is_other = b->work->is_same != NULL && !b->work->is_same(item->output, b->work->user);
    if (item->is_other)
        tb_codec_result_warn(&item->result,
                             "there already, made with other parameters; --force makes it again");
    return TB_BATCH_THERE;
}

static void on_progress(const timbre_progress *progress, void *user)
{
    job *j = user;
    (void)pthread_mutex_lock(&j->owner->lock);
    j->item->done = progress->fraction;
    (void)pthread_mutex_unlock(&j->owner->lock);
}

static tb_status make(job *j)
{
    const tb_codec_work *work = j->owner->work;
    tb_batch_item *item = j->item;
    tb_codec_task task = {.engine = j->engine,
                          .input = item->input,
                          .output = item->output,
                          .is_batch = true,
                          .progress = on_progress,
                          .progress_user = j};
    tb_status st = work->check_kind(item->input, &item->err);
    if (st == TIMBRE_OK)
        st = tb_dir_make(item->folder, &item->err);
    return st == TIMBRE_OK ? work->run(&task, work->user, &item->result, &item->err) : st;
}

static tb_batch_state work_on(job *j)
{
    const batch *b = j->owner;
    tb_batch_item *item = j->item;
    if (is_there(b, item))
        return there(b, item);
    tb_status st = make(j);
    if (st == TIMBRE_EXISTS && !b->replace) /* another process was faster */
        return there(b, item);
    return st == TIMBRE_OK          ? TB_BATCH_MADE
           : st == TIMBRE_CANCELLED ? TB_BATCH_DROPPED
                                    : TB_BATCH_FAILED;
}

static tb_batch_item *take_item(batch *b)
{
    while (b->next < b->list.n && b->list.items[b->next].state == TB_BATCH_FAILED) {
        b->next++; /* from the start */
        b->n_ended++;
    }
    if (b->next == b->list.n || b->has_no_space || timbre_cancel_is_requested(tb_signals_cancel()))
        return NULL;
    tb_batch_item *item = &b->list.items[b->next++];
    item->state = TB_BATCH_RUNNING;
    return item;
}

static void *job_main(void *argument)
{
    job *j = argument;
    batch *b = j->owner;
    (void)pthread_mutex_lock(&b->lock);
    while ((j->item = take_item(b)) != NULL) {
        (void)pthread_mutex_unlock(&b->lock);
        tb_batch_state state = work_on(j);
        (void)pthread_mutex_lock(&b->lock);
        j->item->state = state;
        b->has_no_space |= state == TB_BATCH_FAILED && j->item->err.code == TIMBRE_NO_SPACE;
        b->n_ended++;
        (void)pthread_cond_signal(&b->ended);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* --- telling the results --------------------------------------------------------------------- */

static void print_line(const batch *b, tb_batch_item *item)
{
    static const char *const states[] = {
        [TB_BATCH_MADE] = "made", [TB_BATCH_THERE] = "there", [TB_BATCH_FAILED] = "failed"};
    tb_error err = {0};
    json_t *facts = item->result.facts;
    bool is_whole = json_object_set_new(facts, "state", json_string(states[item->state])) == 0 &&
                    (item->state != TB_BATCH_FAILED ||
                     json_object_set_new(facts, "error", tb_error_to_json(&item->err)) == 0);
    if (tb_json_print_line(is_whole ? json_incref(facts) : NULL, &err) == TIMBRE_OK)
        return;
    tb_error_name(&err, item->input);
    (void)tb_app_report(b->app, &err);
}

/* In one line, and with --quiet too: standard output does not say which file is missing. */
static void report_failure(const batch *b, const tb_batch_item *item)
{
    tb_error err = item->err;
    tb_error_name(&err, item->input);
    err.fix[0] = '\0';
    (void)tb_app_report(b->app, &err);
}

static void note(const batch *b, size_t i, const tb_batch_item *item)
{
    tb_str line = {0};
    if (item->state == TB_BATCH_THERE)
        tb_str_append(&line, "there already");
    else
        b->work->describe(item->result.facts, &line);
    void (*say)(tb_app *, const char *, ...) = b->meter.mode == TB_METER_LINES ? tb_app_note
                                                                               : tb_app_detail;
    say(b->app, "%zu of %zu: %s: %s", i + 1, b->list.n, item->input, tb_str_text(&line));
    tb_str_deinit(&line);
}

static void tell(batch *b, size_t i)
{
    tb_batch_item *item = &b->list.items[i];
    tb_meter_hide(&b->meter);
    if (item->state == TB_BATCH_FAILED)
        report_failure(b, item);
    else if (!item->is_other)
        note(b, i, item);
    tb_codec_show_warnings(b->app, &item->result, item->input);
    if (b->app->wants_json)
        print_line(b, item);
    else
        tb_codec_print_paths(&item->result);
    tb_codec_result_deinit(&item->result);
}

/* Of all files, with what the running ones have done; the lock is held. */
static double fraction_of(const batch *b)
{
    double n_done = (double)b->n_ended;
    for (int i = 0; i < b->n_jobs; i++)
        n_done += b->jobs[i].item != NULL ? b->jobs[i].item->done : 0;
    return n_done / (double)b->list.n;
}

static void draw(batch *b, size_t n_ended, double fraction)
{
    char stage[48];
    if (b->meter.mode != TB_METER_BAR && b->meter.mode != TB_METER_JSON)
        return; /* a line for each file says enough */
    bool is_bar = b->meter.mode == TB_METER_BAR;
    (void)snprintf(stage, sizeof stage, is_bar ? "%zu of %zu" : "batch", n_ended, b->list.n);
    tb_meter_update(&b->meter, &(timbre_progress){.struct_size = sizeof(timbre_progress),
                                                  .stage = stage,
                                                  .n_stages = 1,
                                                  .stage_fraction = fraction,
                                                  .fraction = fraction,
                                                  .elapsed_s = tb_clock_seconds() - b->started_s});
}

/* Whether item i ended; waits for a moment. False also when it will not be worked on. */
static bool wait_for(batch *b, size_t i, bool *is_dropped)
{
    enum { TICK_NS = 100 * 1000 * 1000 };
    struct timespec until;
    tb_batch_item *item = &b->list.items[i];
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TICK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&b->lock);
    if (item->state <= TB_BATCH_RUNNING)
        (void)pthread_cond_timedwait(&b->ended, &b->lock, &until);
    size_t n_ended = b->n_ended;
    double fraction = fraction_of(b);
    bool is_stopping = b->has_no_space || timbre_cancel_is_requested(tb_signals_cancel());
    bool has_ended = item->state > TB_BATCH_RUNNING;
    *is_dropped = item->state == TB_BATCH_WAITING && is_stopping;
    (void)pthread_mutex_unlock(&b->lock);
    draw(b, n_ended, fraction);
    return has_ended;
}

static void tell_all(batch *b)
{
    for (size_t i = 0; i < b->list.n;) {
        bool is_dropped;
        bool has_ended = wait_for(b, i, &is_dropped);
        if (is_dropped)
            b->list.items[i].state = TB_BATCH_DROPPED;
        else if (has_ended && b->list.items[i].state != TB_BATCH_DROPPED)
            tell(b, i);
        i += has_ended || is_dropped;
    }
    tb_meter_clear(&b->meter);
}

/* --- the whole ------------------------------------------------------------------------------- */

static int count_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > TB_THREADS_MAX ? TB_THREADS_MAX : (int)n;
}

/* Files at a time, and the threads that each has. */
static void choose_jobs(batch *b, int *n_threads)
{
    int n_all = (int)tb_settings_number(&b->app->settings, "engine.threads");
    if (n_all == 0)
        n_all = count_processors();
    int n_default = n_all < JOBS_DEFAULT_MAX ? n_all : JOBS_DEFAULT_MAX;
    b->n_jobs = (int)tb_args_number(&b->app->args, "jobs", n_default);
    *n_threads = n_all / b->n_jobs > 1 ? n_all / b->n_jobs : 1;
    if ((size_t)b->n_jobs > b->list.n)
        b->n_jobs = b->list.n > 0 ? (int)b->list.n : 1;
}

static tb_status open_engines(batch *b, tb_error *err)
{
    int n_threads;
    choose_jobs(b, &n_threads);
    b->jobs = calloc((size_t)b->n_jobs, sizeof *b->jobs);
    if (b->jobs == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d jobs", b->n_jobs);
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < b->n_jobs; i++) {
        b->jobs[i].owner = b;
        if (b->work->needs_engine)
            st = tb_codec_open_engine(b->app, n_threads, &b->jobs[i].engine, err);
    }
    return st;
}

/* Jobs inherit the mask: signals are the main thread's. One thread is enough to go on. */
static tb_status start_jobs(batch *b, tb_error *err)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (b->n_started < b->n_jobs && failed == 0) {
        failed = pthread_create(&b->jobs[b->n_started].thread, NULL, job_main,
                                &b->jobs[b->n_started]);
        b->n_started += failed == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (b->n_started > 0)
        return TIMBRE_OK;
    return tb_fail_errno(err, failed, "cannot start a thread");
}

static tb_status choose_folder(const batch *b, const char **out, tb_error *err)
{
    const char *input = b->app->args.operands[0];
    *out = tb_args_value(&b->app->args, "output");
    if (!tb_path_is_folder(input)) {
        tb_status st = tb_fail(err, access(input, F_OK) == 0 ? TIMBRE_BAD_INPUT : TIMBRE_NOT_FOUND,
                               "'%s' is no folder", input);
        tb_fix(err, "leave out --batch for a single file");
        return st;
    }
    if (*out == NULL || (*out)[0] == '\0' || strcmp(*out, "-") == 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "a batch needs an output folder");
        tb_fix(err, "name one with -o DIR; it is made when missing");
        return st;
    }
    return tb_dir_make(*out, err);
}

static tb_status prepare(batch *b, tb_error *err)
{
    const char *folder;
    tb_status st = choose_folder(b, &folder, err);
    if (st == TIMBRE_OK)
        st = tb_batch_list_init(&b->list, b->app, b->work, folder, err);
    if (st == TIMBRE_OK)
        st = open_engines(b, err);
    return st;
}

static size_t count(const batch *b, tb_batch_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < b->list.n; i++)
        n += b->list.items[i].state == state;
    return n;
}

static size_t count_other(const batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->list.n; i++)
        n += b->list.items[i].is_other;
    return n;
}

/* What came of it, in a line. */
static void summarize(const batch *b)
{
    size_t n_failed = count(b, TB_BATCH_FAILED), n_dropped = count(b, TB_BATCH_DROPPED);
    tb_str line = {0};
    tb_str_appendf(&line, "%zu of %zu made", count(b, TB_BATCH_MADE), b->list.n);
    if (count(b, TB_BATCH_THERE) > 0)
        tb_str_appendf(&line, ", %zu there already", count(b, TB_BATCH_THERE));
    if (count_other(b) > 0)
        tb_str_appendf(&line, " (%zu with other parameters)", count_other(b));
    if (n_failed > 0)
        tb_str_appendf(&line, ", %zu failed", n_failed);
    if (n_dropped > 0)
        tb_str_appendf(&line, ", %zu not done", n_dropped);
    if (b->list.n_other > 0)
        tb_str_appendf(&line, "; %zu of other kinds left out", b->list.n_other);
    tb_app_note(b->app, "%s, in %.2f s", tb_str_text(&line), tb_clock_seconds() - b->started_s);
    tb_str_deinit(&line);
}

/* OK also where files failed: each was reported. */
static tb_status judge(const batch *b, tb_error *err)
{
    if (tb_signals_caught() != 0)
        return tb_fail(err, TIMBRE_CANCELLED, "interrupted");
    if (b->has_no_space)
        return tb_fail(err, TIMBRE_NO_SPACE, "the disk is full");
    return TIMBRE_OK;
}

static tb_status run_all(batch *b, tb_error *err)
{
    tb_signals_catch();
    tb_meter_init(&b->meter, b->app);
    tb_status st = start_jobs(b, err);
    if (st == TIMBRE_OK)
        tell_all(b);
    for (int i = 0; i < b->n_started; i++)
        (void)pthread_join(b->jobs[i].thread, NULL);
    if (st != TIMBRE_OK)
        return st;
    summarize(b);
    return judge(b, err);
}

static void deinit(batch *b)
{
    for (int i = 0; b->jobs != NULL && i < b->n_jobs; i++)
        timbre_engine_free(b->jobs[i].engine);
    free(b->jobs);
    tb_batch_list_deinit(&b->list);
    (void)pthread_cond_destroy(&b->ended);
    (void)pthread_mutex_destroy(&b->lock);
}

int tb_batch_run(tb_app *app, const tb_codec_work *work)
{
    batch b = {.app = app,
               .work = work,
               .replace = tb_args_has(&app->args, "force"),
               .started_s = tb_clock_seconds()};
    tb_error err = {0};
    (void)pthread_mutex_init(&b.lock, NULL);
    (void)pthread_cond_init(&b.ended, NULL);
    int code = 0;
    if (prepare(&b, &err) != TIMBRE_OK) {
        code = tb_app_fail(app, &err);
    } else if (run_all(&b, &err) != TIMBRE_OK) {
        code = tb_codec_exit_code(&err);
        tb_fix(&err, "the same command%s goes on where this one ended",
               b.replace ? " without --force" : "");
        (void)tb_app_report(app, &err);
    } else if (count(&b, TB_BATCH_FAILED) > 0) {
        code = timbre_status_exit_code(TIMBRE_FAILED);
    }
    deinit(&b);
    return code;
}
