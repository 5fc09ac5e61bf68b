/* A thread for each model that is fetched. What a person sees of it is a JSON text in the feed,
 * which stays a while after the end. */
#include "worker/pulls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "hub/pull.h"
#include "hub/registry.h"
#include "worker/service.h"

enum {
    PULLS_MAX = 2,  /* at once; each has a few connections of its own */
    ENDED_MAX = 16, /* whose end can still be asked for */
};

typedef struct pull {
    tb_pulls *pulls;
    pthread_t thread;
    char *name, *licence; /* owned; licence NULL: none was accepted */
    timbre_cancel cancel;
    bool is_used; /* has a thread that was not joined */
    bool is_over; /* its thread needs no more than to be joined */
} pull;

struct tb_pulls {
    tb_worker *worker;
    pthread_mutex_t lock; /* guards all below */
    pull slots[PULLS_MAX];
    char *ended[ENDED_MAX]; /* names, a ring; owned */
    size_t i_ended;
    bool is_stopping;
};

tb_status tb_pulls_new(tb_worker *worker, tb_pulls **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for pulls");
    (*out)->worker = worker;
    int code = pthread_mutex_init(&(*out)->lock, NULL);
    if (code == 0)
        return TIMBRE_OK;
    free(*out);
    *out = NULL;
    return tb_fail_errno(err, code, "no lock for pulls");
}

/* ---- what the feed says ---- */

static json_t *error_to_json(const tb_error *why)
{
    return why == NULL
               ? json_null()
               : json_pack("{s:s, s:s, s:s?}", "code", timbre_status_name(why->code), "message",
                           why->message, "fix", why->fix[0] == '\0' ? NULL : why->fix);
}

static void tell(const pull *p, const char *state, const tb_pull_progress *progress,
                 const tb_error *why)
{
    static const tb_pull_progress none = {.left_s = -1};
    const tb_pull_progress *now = progress != NULL ? progress : &none;
    json_t *left = now->left_s < 0 ? json_null() : json_real(now->left_s);
    json_t *j = json_pack("{s:s, s:s, s:I, s:I, s:f, s:o, s:s?, s:o}", "model", p->name, "state",
                          state, "done_bytes", (json_int_t)now->done_bytes, "bytes",
                          (json_int_t)now->len_bytes, "rate", now->rate_bytes_s, "left_seconds",
                          left, "file", now->file, "error", error_to_json(why));
    char *text = j == NULL ? NULL : json_dumps(j, JSON_COMPACT);
    if (text != NULL) /* without memory the last one stays */
        tb_feed_set_pull(p->pulls->worker->feed, p->name, text);
    free(text);
    json_decref(j);
}

static void tell_progress(const tb_pull_progress *progress, void *user)
{
    tell(user, "running", progress, NULL);
}

/* ---- one pull ---- */

/* Of a licence that needs it: given now or before. */
static tb_status check_consent(const tb_hub *hub, const char *name, const char *licence,
                               const char *accepted, tb_error *err)
{
    tb_status st;
    if (accepted != NULL && strcmp(accepted, licence) != 0) {
        st = tb_fail(err, TIMBRE_BAD_INPUT,
                     "accept_license says '%.100s', but '%.150s' is under '%.100s'", accepted, name,
                     licence);
        tb_fix(err, "if you accept that one: \"accept_license\": \"%.100s\"", licence);
        return st;
    }
    if (accepted != NULL || !tb_licence_get(licence).needs_consent ||
        tb_consent_is_given(hub, name, licence))
        return TIMBRE_OK;
    st = tb_fail(err, TIMBRE_PERMISSION,
                 "'%.150s' is under the licence '%.100s', which was not accepted", name, licence);
    tb_fix(
        err, "read it at https://huggingface.co/%.150s, then send \"accept_license\": \"%.100s\"",
        tb_registry_find(name) == NULL ? name : tb_registry_find(name)->sources[0].repo, licence);
    return st;
}

/* Consent is asked for again with the licence that the Hub says. */
static tb_status agree(const pull *p, const tb_pull_plan *plan, tb_error *err)
{
    const tb_hub *hub = &p->pulls->worker->hub;
    if (plan->is_whole || plan->is_offline)
        return TIMBRE_OK;
    tb_status st = check_consent(hub, plan->name, plan->licence, p->licence, err);
    tb_error why = {0};
    if (st == TIMBRE_OK && p->licence != NULL &&
        tb_consent_give(hub, plan->name, plan->licence, &why) != TIMBRE_OK)
        tb_journal_error(&p->pulls->worker->journal, "consent is not recorded", NULL, &why);
    return st;
}

static tb_status fetch(pull *p, tb_error *err)
{
    const tb_hub *hub = &p->pulls->worker->hub;
    tb_pull_plan plan = {0};
    tb_pull_options options = {.progress = tell_progress, .user = p, .cancel = &p->cancel};
    tb_status st = tb_pull_plan_make(hub, p->name, &options, &plan, err);
    if (st == TIMBRE_OK)
        st = agree(p, &plan, err);
    if (st == TIMBRE_OK)
        st = tb_pull_run(hub, &plan, &options, err);
    if (st == TIMBRE_OK)
        tell(p, "done",
             &(tb_pull_progress){.done_bytes = plan.len_bytes,
                                 .len_bytes = plan.len_bytes,
                                 .n_done = plan.n_files,
                                 .n_files = plan.n_files},
             NULL);
    tb_pull_plan_deinit(&plan);
    return st;
}

/* With the lock held. */
static pull *find_running(tb_pulls *pulls, const char *name)
{
    for (size_t i = 0; i < PULLS_MAX; i++) {
        pull *p = &pulls->slots[i];
        if (p->is_used && !p->is_over && strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

/* What the feed keeps of ended pulls has an end: names come from outside. With the lock held. */
static void remember_end(tb_pulls *pulls, const char *name)
{
    for (size_t i = 0; i < ENDED_MAX; i++)
        if (pulls->ended[i] != NULL && strcmp(pulls->ended[i], name) == 0)
            return;
    char **place = &pulls->ended[pulls->i_ended++ % ENDED_MAX];
    if (*place != NULL && find_running(pulls, *place) == NULL)
        tb_feed_set_pull(pulls->worker->feed, *place, NULL);
    free(*place);
    *place = tb_strdup(name);
}

static void *run(void *user)
{
    pull *p = user;
    tb_worker *worker = p->pulls->worker;
    tb_error err = {0};
    tb_status st = fetch(p, &err);
    if (st != TIMBRE_OK) {
        tell(p, "failed", NULL, &err);
        tb_journal_error(&worker->journal, "pull failed", NULL, &err);
    } else {
        tb_journal_write(&worker->journal, TIMBRE_LOG_INFO, "pull done",
                         (tb_journal_field[]){{"model", p->name, 0}, {0}});
    }
    (void)pthread_mutex_lock(&p->pulls->lock);
    p->is_over = true;
    remember_end(p->pulls, p->name);
    (void)pthread_mutex_unlock(&p->pulls->lock);
    return NULL;
}

static void reap(pull *p)
{
    (void)pthread_join(p->thread, NULL);
    free(p->name);
    free(p->licence);
    *p = (pull){0};
}

/* ---- starting and ending ---- */

/* Of a registered model the licence is known without the network. */
static tb_status check(const tb_hub *hub, const char *name, const char *licence, tb_error *err)
{
    const tb_known_model *known = tb_registry_find(name);
    if (strcmp(name, "sketch") == 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "the sketch is built in");
        tb_fix(err, "there is nothing to fetch");
        return st;
    }
    if (known != NULL)
        return check_consent(hub, name, known->licence, licence, err);
    if (tb_repo_is_valid(name))
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no model '%.200s'", name);
    const char *near = tb_registry_suggest(name);
    if (near != NULL)
        tb_fix(err, "did you mean %s?", near);
    else
        tb_fix(err, "GET /models shows those that are known; others have a name like org/name");
    return st;
}

/* With the lock held. */
static tb_status begin(tb_pulls *pulls, const char *name, const char *licence, tb_error *err)
{
    pull *p = NULL;
    for (size_t i = 0; i < PULLS_MAX; i++) {
        if (pulls->slots[i].is_used && pulls->slots[i].is_over)
            reap(&pulls->slots[i]);
        if (!pulls->slots[i].is_used)
            p = &pulls->slots[i];
    }
    if (pulls->is_stopping)
        return tb_fail(err, TIMBRE_STOPPING, "the worker is stopping");
    if (p == NULL) {
        tb_status st = tb_fail(err, TIMBRE_QUEUE_FULL,
                               "%d models are being fetched, the limit is %d", PULLS_MAX,
                               PULLS_MAX);
        tb_fix(err, "try again when one of them is here");
        return st;
    }
    *p = (pull){.pulls = pulls, .name = tb_strdup(name)};
    p->licence = licence == NULL ? NULL : tb_strdup(licence);
    tb_status st = TIMBRE_OK;
    if (p->name == NULL || (licence != NULL && p->licence == NULL)) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a pull");
    } else {
        tell(p, "planning", NULL, NULL); /* before the thread, so that nothing comes before it */
        int code = pthread_create(&p->thread, NULL, run, p);
        if (code != 0)
            st = tb_fail_errno(err, code, "no thread for a pull");
    }
    if (st == TIMBRE_OK) {
        p->is_used = true;
        return st;
    }
    if (p->name != NULL)
        tb_feed_set_pull(pulls->worker->feed, p->name, NULL);
    free(p->name);
    free(p->licence);
    *p = (pull){0};
    return st;
}

tb_status tb_pulls_start(tb_pulls *pulls, const char *name, const char *licence, tb_error *err)
{
    tb_status st = check(&pulls->worker->hub, name, licence, err);
    if (st != TIMBRE_OK)
        return st;
    (void)pthread_mutex_lock(&pulls->lock);
    if (find_running(pulls, name) == NULL)
        st = begin(pulls, name, licence, err);
    (void)pthread_mutex_unlock(&pulls->lock);
    return st;
}

int tb_pulls_count(tb_pulls *pulls)
{
    int n = 0;
    (void)pthread_mutex_lock(&pulls->lock);
    for (size_t i = 0; i < PULLS_MAX; i++)
        n += pulls->slots[i].is_used && !pulls->slots[i].is_over;
    (void)pthread_mutex_unlock(&pulls->lock);
    return n;
}

void tb_pulls_free(tb_pulls *pulls)
{
    if (pulls == NULL)
        return;
    (void)pthread_mutex_lock(&pulls->lock);
    pulls->is_stopping = true; /* from here on nobody else touches the slots */
    for (size_t i = 0; i < PULLS_MAX; i++)
        timbre_cancel_request(&pulls->slots[i].cancel);
    (void)pthread_mutex_unlock(&pulls->lock);
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (pulls->slots[i].is_used)
            reap(&pulls->slots[i]);
    for (size_t i = 0; i < ENDED_MAX; i++)
        free(pulls->ended[i]);
    (void)pthread_mutex_destroy(&pulls->lock);
    free(pulls);
}
