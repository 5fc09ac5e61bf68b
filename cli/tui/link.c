#include "cli/tui/link.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client/client.h"
#include "cli/client/events.h"
#include "cli/tui/wake.h"
#include "engine/base/condition.h"

enum { BYTES_MAX = 16 << 20, STREAM_STALL_S = 40, RETRY_FIRST_S = 1, RETRY_MAX_S = 15 };

typedef struct question {
    struct question *next;
    tb_want want;
    char *method, *path, *key, *file; /* owned */
    json_t *body;
    tb_reply_fn done;
    char id[TB_LINK_ID_MAX];
    int64_t tag;
} question;

typedef struct answer {
    struct answer *next;
    tb_reply_fn done;
    tb_reply reply;
} answer;

typedef struct {
    tb_link *link;
    pthread_t thread;
    bool has_thread;
    pthread_cond_t has_work;
    question *first, *last; /* guarded by the link's mutex */
} lane;

struct tb_link {
    tb_link_options options;
    timbre_cancel cancel;
    pthread_mutex_t mutex; /* guards the lanes' lists, answers, is_stopping, retries_now */
    lane lanes[TB_LANE_COUNT];
    lane events; /* only its thread and condition */
    answer *first, *last;
    bool is_stopping, retries_now;
    pthread_mutex_t opening; /* one thread at a time starts a worker; guards nothing */
};

/* ---- answers, to the studio's thread ---- */

static void free_answer(answer *a)
{
    json_decref(a->reply.json);
    tb_str_deinit(&a->reply.bytes);
    free(a->reply.file);
    free(a);
}

/* Takes what the reply owns. */
static void post(tb_link *link, tb_reply_fn done, const tb_reply *reply)
{
    answer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        json_decref(reply->json);
        return;
    }
    a->done = done;
    a->reply = *reply;
    (void)pthread_mutex_lock(&link->mutex);
    if (link->last != NULL)
        link->last->next = a;
    else
        link->first = a;
    link->last = a;
    (void)pthread_mutex_unlock(&link->mutex);
    tb_wake();
}

void tb_link_dispatch(tb_link *link)
{
    for (;;) {
        (void)pthread_mutex_lock(&link->mutex);
        answer *a = link->first;
        if (a != NULL && (link->first = a->next) == NULL)
            link->last = NULL;
        (void)pthread_mutex_unlock(&link->mutex);
        if (a == NULL)
            return;
        if (a->done != NULL)
            a->done(link->options.user, &a->reply);
        free_answer(a);
    }
}

/* ---- questions ---- */

static void free_question(question *q)
{
    if (q == NULL)
        return;
    free(q->method);
    free(q->path);
    free(q->key);
    free(q->file);
    json_decref(q->body);
    free(q);
}

static char *copy(const char *text)
{
    return text != NULL ? tb_strdup(text) : NULL;
}

void tb_link_ask(tb_link *link, const tb_ask *ask)
{
    question *q = calloc(1, sizeof *q);
    if (q == NULL) {
        json_decref(ask->body);
        return;
    }
    *q = (question){.want = ask->want,
                    .method = copy(ask->method),
                    .path = copy(ask->path),
                    .key = copy(ask->key),
                    .file = copy(ask->file),
                    .body = ask->body,
                    .done = ask->done,
                    .tag = ask->tag};
    (void)snprintf(q->id, sizeof q->id, "%s", ask->id != NULL ? ask->id : "");
    lane *l = &link->lanes[ask->lane];
    (void)pthread_mutex_lock(&link->mutex);
    if (l->last != NULL)
        l->last->next = q;
    else
        l->first = q;
    l->last = q;
    (void)pthread_cond_signal(&l->has_work);
    (void)pthread_mutex_unlock(&link->mutex);
}

void tb_link_forget(tb_link *link, tb_lane lane_index, tb_reply_fn done)
{
    lane *l = &link->lanes[lane_index];
    question *dropped = NULL;
    (void)pthread_mutex_lock(&link->mutex);
    l->last = NULL;
    for (question **at = &l->first; *at != NULL;) {
        question *q = *at;
        if (q->done != done) {
            l->last = q;
            at = &q->next;
            continue;
        }
        *at = q->next;
        q->next = dropped;
        dropped = q;
    }
    (void)pthread_mutex_unlock(&link->mutex);
    while (dropped != NULL) {
        question *next = dropped->next;
        free_question(dropped);
        dropped = next;
    }
}

static tb_status keep_bytes(const char *bytes, size_t n, void *user, tb_error *err)
{
    tb_str *kept = user;
    if (n > BYTES_MAX - kept->len)
        return tb_fail(err, TIMBRE_BAD_FILE, "the worker's answer exceeds %d bytes", BYTES_MAX);
    tb_str_append_bytes(kept, bytes, n);
    return kept->failed ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an answer") : TIMBRE_OK;
}

/* Under its last name only when it is whole. */
static tb_status download(tb_client *client, const question *q, tb_error *err)
{
    char *part = tb_strf("%s.part", q->file);
    if (part == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    tb_status st = fd < 0 ? tb_fail_errno(err, errno, "cannot write '%.300s'", part)
                          : tb_client_download(client, q->path, fd, err);
    if (fd >= 0 && close(fd) != 0 && st == TIMBRE_OK)
        st = tb_fail_errno(err, errno, "cannot write '%.300s'", part);
    if (st == TIMBRE_OK && rename(part, q->file) != 0)
        st = tb_fail_errno(err, errno, "cannot write '%.300s'", q->file);
    if (st != TIMBRE_OK)
        (void)unlink(part);
    free(part);
    return st;
}

static tb_status run_question(tb_client *client, const question *q, tb_reply *reply)
{
    if (q->want == TB_WANT_BYTES)
        return tb_client_stream(client, q->path, NULL, 60, keep_bytes, &reply->bytes, &reply->err);
    if (q->want == TB_WANT_FILE) {
        reply->file = copy(q->file);
        return download(client, q, &reply->err);
    }
    char *body = q->body != NULL ? json_dumps(q->body, JSON_COMPACT) : NULL;
    char *key = q->key != NULL ? tb_strf("Idempotency-Key: %s", q->key) : NULL;
    const char *headers[] = {key, NULL};
    tb_status st = tb_client_call(client, q->method, q->path, body, headers, &reply->json,
                                  &reply->err);
    free(body);
    free(key);
    return st;
}

static tb_status open_client(tb_link *link, tb_client *client, tb_error *err)
{
    (void)pthread_mutex_lock(&link->opening);
    tb_status st = tb_client_open(link->options.app, TB_CLIENT_START, client, err);
    (void)pthread_mutex_unlock(&link->opening);
    return st;
}

static void answer_question(tb_link *link, tb_client *client, bool *is_open, question *q)
{
    tb_reply reply = {.tag = q->tag};
    memcpy(reply.id, q->id, sizeof reply.id);
    if (!*is_open) {
        reply.status = open_client(link, client, &reply.err);
        *is_open = reply.status == TIMBRE_OK;
    }
    if (*is_open)
        reply.status = run_question(client, q, &reply);
    if (reply.status == TIMBRE_WORKER_UNREACHABLE && *is_open) {
        tb_client_close(client); /* the next question looks anew, and may start a worker */
        *is_open = false;
    }
    if (reply.status == TIMBRE_CANCELLED || q->done == NULL) {
        json_decref(reply.json);
        tb_str_deinit(&reply.bytes);
        free(reply.file);
    } else {
        post(link, q->done, &reply);
    }
}

static void *run_lane(void *user)
{
    lane *l = user;
    tb_link *link = l->link;
    tb_client client = {0};
    bool is_open = false;
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->is_stopping) {
        question *q = l->first;
        if (q == NULL) {
            (void)pthread_cond_wait(&l->has_work, &link->mutex);
            continue;
        }
        if ((l->first = q->next) == NULL)
            l->last = NULL;
        (void)pthread_mutex_unlock(&link->mutex);
        answer_question(link, &client, &is_open, q);
        free_question(q);
        (void)pthread_mutex_lock(&link->mutex);
    }
    (void)pthread_mutex_unlock(&link->mutex);
    if (is_open)
        tb_client_close(&client);
    return NULL;
}

/* ---- events ---- */

typedef struct {
    tb_link *link;
    tb_event_reader reader;
    json_t *health; /* until it was told */
} listening;

static tb_status on_event(const char *event, const json_t *data, void *user, tb_error *err)
{
    (void)err;
    listening *l = user;
    tb_reply reply = {.json = json_deep_copy(data)};
    (void)snprintf(reply.id, sizeof reply.id, "%s", event);
    post(l->link, l->link->options.event, &reply);
    return TIMBRE_OK;
}

/* The first bytes say that the stream stands: from here on no event is missed. */
static tb_status on_bytes(const char *bytes, size_t n, void *user, tb_error *err)
{
    listening *l = user;
    if (l->health != NULL) {
        post(l->link, l->link->options.online, &(tb_reply){.json = l->health});
        l->health = NULL;
    }
    return tb_events_feed(bytes, n, &l->reader, err);
}

static bool listen_once(tb_link *link, tb_error *err)
{
    tb_client client = {0};
    listening l = {.link = link, .reader = {.fn = on_event}};
    l.reader.user = &l;
    tb_status st = open_client(link, &client, err);
    bool was_online = false;
    if (st == TIMBRE_OK) {
        const char *headers[] = {"Accept: text/event-stream", NULL};
        st = tb_client_call(&client, "GET", "/health", NULL, NULL, &l.health, err);
        if (st == TIMBRE_OK && l.health != NULL) {
            st = tb_client_stream(&client, "/events", headers, STREAM_STALL_S, on_bytes, &l, err);
            was_online = l.health == NULL;
        }
        if (st == TIMBRE_OK)
            (void)tb_fail(err, TIMBRE_WORKER_UNREACHABLE, "the worker closed the connection");
        tb_client_close(&client);
    }
    json_decref(l.health);
    tb_event_reader_deinit(&l.reader);
    return was_online;
}

static bool is_stopping(tb_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    bool is_so = link->is_stopping;
    (void)pthread_mutex_unlock(&link->mutex);
    return is_so;
}

static void wait_for_retry(tb_link *link, int seconds)
{
    struct timespec until = tb_condition_deadline(seconds * 1000);
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->is_stopping && !link->retries_now &&
           tb_condition_wait(&link->events.has_work, &link->mutex, &until))
        ;
    link->retries_now = false;
    (void)pthread_mutex_unlock(&link->mutex);
}

static void *run_events(void *user)
{
    tb_link *link = ((lane *)user)->link;
    int retry_s = RETRY_FIRST_S;
    while (!is_stopping(link)) {
        tb_reply offline = {0};
        if (listen_once(link, &offline.err))
            retry_s = RETRY_FIRST_S;
        if (is_stopping(link))
            break;
        offline.status = offline.err.code;
        offline.retry_s = retry_s;
        post(link, link->options.offline, &offline);
        wait_for_retry(link, retry_s);
        retry_s = retry_s * 2 < RETRY_MAX_S ? retry_s * 2 : RETRY_MAX_S;
    }
    return NULL;
}

/* ---- life ---- */

static tb_status start(tb_link *link, lane *l, void *(*run)(void *), tb_error *err)
{
    l->link = link;
    tb_condition_init(&l->has_work);
    sigset_t all, before;
    sigfillset(&all); /* signals are the studio thread's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&l->thread, NULL, run, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->has_thread = failed == 0;
    return failed == 0 ? TIMBRE_OK : tb_fail_errno(err, failed, "cannot start a thread");
}

tb_status tb_link_new(const tb_link_options *options, tb_link **out, tb_error *err)
{
    *out = NULL;
    tb_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the line to the worker");
    link->options = *options;
    options->app->cancel = &link->cancel;
    (void)pthread_mutex_init(&link->mutex, NULL);
    (void)pthread_mutex_init(&link->opening, NULL);
    tb_status st = start(link, &link->events, run_events, err);
    for (int i = 0; i < TB_LANE_COUNT && st == TIMBRE_OK; i++)
        st = start(link, &link->lanes[i], run_lane, err);
    if (st == TIMBRE_OK)
        *out = link;
    else
        tb_link_free(link);
    return st;
}

static void stop(lane *l)
{
    if (l->has_thread)
        (void)pthread_join(l->thread, NULL);
    if (l->link != NULL)
        (void)pthread_cond_destroy(&l->has_work);
    while (l->first != NULL) {
        question *next = l->first->next;
        free_question(l->first);
        l->first = next;
    }
}

void tb_link_free(tb_link *link)
{
    if (link == NULL)
        return;
    timbre_cancel_request(&link->cancel);
    (void)pthread_mutex_lock(&link->mutex);
    link->is_stopping = true;
    for (int i = 0; i < TB_LANE_COUNT; i++)
        if (link->lanes[i].link != NULL)
            (void)pthread_cond_signal(&link->lanes[i].has_work);
    (void)pthread_cond_signal(&link->events.has_work);
    (void)pthread_mutex_unlock(&link->mutex);
    stop(&link->events);
    for (int i = 0; i < TB_LANE_COUNT; i++)
        stop(&link->lanes[i]);
    while (link->first != NULL) {
        answer *next = link->first->next;
        free_answer(link->first);
        link->first = next;
    }
    (void)pthread_mutex_destroy(&link->mutex);
    (void)pthread_mutex_destroy(&link->opening);
    link->options.app->cancel = NULL;
    free(link);
}

void tb_link_retry(tb_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    link->retries_now = true;
    (void)pthread_cond_signal(&link->events.has_work);
    (void)pthread_mutex_unlock(&link->mutex);
}
