#include "cli/radio_maker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client/client.h"
#include "cli/client/run.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "timbre/audio.h"

enum { RETRY_MS = 2000, TICK_MS = 50, CLIP_MAX_SECONDS = 300, CHANNELS = TB_RADIO_CHANNELS };

struct tb_radio_maker {
    tb_radio_maker_options options;
    tb_app app; /* the caller's, but silent: its line on the screen is not ours */
    timbre_cancel cancel;
    atomic_bool is_stopping;
    pthread_t thread;
    bool has_made;         /* the thread's own: some clip was */
    pthread_mutex_t mutex; /* guards the plan and all below */
    tb_radio_making making;
    int n_skips;
};

/* ---- a clip ---- */

/* The sound of a take in a file without a name. */
static tb_status download(tb_client *client, const char *id, FILE **out, tb_error *err)
{
    *out = tmpfile();
    if (*out == NULL)
        return tb_fail_errno(err, errno, "cannot make a file for a clip");
    char *path = tb_strf("/artifacts/%s/audio", id);
    tb_status st = path != NULL ? tb_client_download(client, path, fileno(*out), err)
                                : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    free(path);
    return st;
}

static tb_status check_sound(const timbre_audio_info *info, tb_error *err)
{
    if (info->rate_hz != TB_SAMPLE_RATE_HZ || info->n_channels < 1 || info->n_channels > CHANNELS)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "the clip has %d channels at %d Hz, not %d at %d",
                       info->n_channels, info->rate_hz, CHANNELS, TB_SAMPLE_RATE_HZ);
    if (info->n_frames < 1 || info->n_frames > (int64_t)CLIP_MAX_SECONDS * TB_SAMPLE_RATE_HZ)
        return tb_fail(err, TIMBRE_BAD_FILE, "the clip has %lld frames", (long long)info->n_frames);
    return TIMBRE_OK;
}

static tb_status read_samples(timbre_audio *audio, const timbre_audio_info *info,
                              tb_radio_clip *clip, tb_error *err)
{
    clip->samples = calloc((size_t)info->n_frames * CHANNELS, sizeof *clip->samples);
    if (clip->samples == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a clip");
    tb_status st = timbre_audio_read(audio, clip->samples, info->n_frames, &clip->n_frames, err);
    if (st == TIMBRE_OK && clip->n_frames < 1)
        return tb_fail(err, TIMBRE_BAD_FILE, "the clip is empty");
    for (int64_t i = clip->n_frames; info->n_channels == 1 && i-- > 0;)
        clip->samples[2 * i] = clip->samples[2 * i + 1] = clip->samples[i];
    return st;
}

static tb_status load(FILE *file, tb_radio_clip *clip, tb_error *err)
{
    char path[40]; /* the file has no name but this */
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    (void)snprintf(path, sizeof path, "/dev/fd/%d", fileno(file));
    (void)lseek(fileno(file), 0, SEEK_SET); /* where /dev/fd shares the place */
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(audio, &info);
    st = check_sound(&info, err);
    if (st == TIMBRE_OK)
        st = read_samples(audio, &info, clip, err);
    timbre_audio_close(audio);
    return st;
}

static tb_status run_job(tb_radio_maker *m, const char *body, tb_radio_clip *clip, tb_error *err)
{
    tb_client client = {0};
    FILE *file = NULL;
    /* one may have ended while nothing was wanted: it is looked for each time */
    tb_status st = tb_client_open(&m->app, TB_CLIENT_START, &client, err);
    if (st == TIMBRE_OK)
        st = tb_job_run(&m->app, &client, body, NULL, NULL, &clip->id, err);
    if (st == TIMBRE_OK)
        st = download(&client, clip->id, &file, err);
    if (st == TIMBRE_OK)
        st = load(file, clip, err);
    if (file != NULL)
        (void)fclose(file);
    tb_client_close(&client);
    return st;
}

static tb_status make_clip(tb_radio_maker *m, const tb_radio_step *step, tb_radio_clip **out,
                           tb_error *err)
{
    json_t *body = tb_radio_step_body(step, m->options.base, m->options.is_sketch);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(body);
    tb_radio_clip *clip = text != NULL ? calloc(1, sizeof *clip) : NULL;
    tb_status st = TIMBRE_OK;
    *out = clip;
    if (clip == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a clip");
    } else {
        clip->step = *step;
        clip->is_loop = m->options.is_sketch;
        st = run_job(m, text, clip, err);
    }
    free(text);
    return st;
}

/* Into the worker's trash; that it fails is no reason to stop the music. */
static void discard(tb_radio_maker *m, const tb_radio_clip *clip)
{
    tb_client client = {0};
    tb_error why = {0};
    if (!m->options.discards || clip->id == NULL)
        return;
    char *path = tb_strf("/artifacts/%s", clip->id);
    tb_status st = path != NULL ? tb_client_open(&m->app, TB_CLIENT_EXISTING, &client, &why)
                                : tb_fail(&why, TIMBRE_NO_MEMORY, "no memory for an address");
    if (st == TIMBRE_OK) {
        client.cancel = NULL; /* also at the end, when all else is cancelled */
        st = tb_client_call(&client, "DELETE", path, NULL, NULL, NULL, &why);
        tb_client_close(&client);
    }
    if (st != TIMBRE_OK)
        tb_app_log(&m->app, "a clip stays in the history: %s", why.message);
    free(path);
}

/* ---- the thread ---- */

static void lock(tb_radio_maker *m)
{
    (void)pthread_mutex_lock(&m->mutex);
}

static void unlock(tb_radio_maker *m)
{
    (void)pthread_mutex_unlock(&m->mutex);
}

/* Whether it may go well the next time. Before the first clip nobody should wait for that. */
static bool is_passing(const tb_radio_maker *m, tb_status st)
{
    return st == TIMBRE_QUEUE_FULL ||
           (m->has_made && (st == TIMBRE_WORKER_UNREACHABLE || st == TIMBRE_STOPPING ||
                            st == TIMBRE_GENERATOR_DIED || st == TIMBRE_GONE));
}

static void wait_a_little(const tb_radio_maker *m)
{
    for (int ms = 0; ms < RETRY_MS && !atomic_load(&m->is_stopping); ms += TICK_MS)
        (void)usleep(TICK_MS * 1000);
}

/* The clip into the queue, unless the way leads elsewhere by now. Takes it. */
static void deliver(tb_radio_maker *m, tb_radio_clip *clip, int n_skips)
{
    lock(m);
    bool is_wanted = m->n_skips == n_skips && !atomic_load(&m->is_stopping);
    if (is_wanted) {
        tb_radio_plan_advance(m->options.plan);
        tb_radio_queue_push(m->options.queue, clip);
        m->has_made = true;
    }
    unlock(m);
    if (is_wanted)
        return;
    discard(m, clip);
    tb_radio_clip_free(clip);
}

/* False: it gives up. */
static bool take_failure(tb_radio_maker *m, const tb_error *err)
{
    bool goes_on = err->code == TIMBRE_CANCELLED || is_passing(m, err->code);
    lock(m);
    if (!goes_on)
        m->making.failure = *err;
    else if (err->code != TIMBRE_CANCELLED)
        (void)snprintf(m->making.trouble, sizeof m->making.trouble, "%.199s", err->message);
    unlock(m);
    if (goes_on && err->code != TIMBRE_CANCELLED)
        wait_a_little(m);
    return goes_on;
}

static bool make_one(tb_radio_maker *m)
{
    tb_radio_clip *clip = NULL;
    tb_error err = {0};
    lock(m);
    timbre_cancel_reset(&m->cancel); /* by a skip; a stop is seen by the caller */
    int n_skips = m->n_skips;
    m->making.step = tb_radio_plan_get(m->options.plan);
    m->making.is_making = true;
    tb_radio_step step = m->making.step;
    unlock(m);
    if (atomic_load(&m->is_stopping))
        return true;
    tb_status st = make_clip(m, &step, &clip, &err);
    lock(m);
    m->making.is_making = false;
    if (st == TIMBRE_OK)
        m->making.trouble[0] = '\0';
    unlock(m);
    if (st == TIMBRE_OK) {
        deliver(m, clip, n_skips);
        return true;
    }
    tb_radio_clip_free(clip);
    return take_failure(m, &err);
}

static void *run(void *user)
{
    tb_radio_maker *m = user;
    for (bool goes_on = true; goes_on;) {
        tb_radio_clip *played;
        switch (tb_radio_queue_wait(m->options.queue)) {
        case TB_RADIO_HAS_PLAYED:
            played = tb_radio_queue_take_played(m->options.queue);
            if (played != NULL)
                discard(m, played);
            tb_radio_clip_free(played);
            break;
        case TB_RADIO_WANTS_CLIP:
            goes_on = make_one(m);
            break;
        default:
            goes_on = false;
        }
    }
    return NULL;
}

/* ---- for who plays ---- */

tb_status tb_radio_maker_start(const tb_radio_maker_options *options, tb_radio_maker **out,
                               tb_error *err)
{
    *out = NULL;
    tb_radio_maker *m = calloc(1, sizeof *m);
    if (m == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a radio");
    m->options = *options;
    m->app = *options->app;
    m->app.is_quiet = true;
    m->app.is_verbose = false;
    m->app.cancel = &m->cancel;
    (void)pthread_mutex_init(&m->mutex, NULL);
    sigset_t all, before;
    sigfillset(&all);               /* signals are the caller's */
    (void)sigdelset(&all, SIGTSTP); /* but a request may stop the process, as Ctrl-Z asks */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&m->thread, NULL, run, m);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        (void)pthread_mutex_destroy(&m->mutex);
        free(m);
        return tb_fail_errno(err, failed, "cannot start a thread for a radio");
    }
    *out = m;
    return TIMBRE_OK;
}

void tb_radio_maker_skip(tb_radio_maker *m, int64_t leg)
{
    lock(m);
    tb_radio_plan_skip(m->options.plan, leg);
    m->n_skips++;
    timbre_cancel_request(&m->cancel);
    unlock(m);
}

void tb_radio_maker_get(tb_radio_maker *m, tb_radio_making *out)
{
    lock(m);
    *out = m->making;
    unlock(m);
}

void tb_radio_maker_stop(tb_radio_maker *m)
{
    if (m == NULL)
        return;
    lock(m);
    atomic_store(&m->is_stopping, true);
    timbre_cancel_request(&m->cancel);
    unlock(m);
    tb_radio_queue_close(m->options.queue);
    (void)pthread_join(m->thread, NULL);
    (void)pthread_mutex_destroy(&m->mutex);
    free(m);
}
