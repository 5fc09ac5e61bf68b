/* The plan of a model of the registry. The first file of each repository tells its commit; all
 * others are asked for by it, a few at once, for each answer costs a way to the Hub and back. What
 * becomes of the answers does not depend on their order. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "hub/pull_plan.h"

/* One file to ask for. */
typedef struct {
    const tb_known_source *source;
    const tb_known_file *file;
    const char *commit; /* of the source; "": its first file, asked for by "main" */
    tb_remote_file remote;
    tb_status st;
    tb_error err;
} question;

/* Questions shared by a few threads. */
typedef struct {
    const tb_hub *hub;
    const timbre_cancel *cancel;
    question *items;
    size_t n;

    pthread_mutex_t lock; /* guards all below */
    size_t next;
    bool has_failed; /* no further one is asked; those before it are under way or answered */
} questions;

static bool is_folder(const tb_known_file *file)
{
    size_t n = strlen(file->path);
    return n > 0 && file->path[n - 1] == '/';
}

static tb_status check_answer(const question *q, tb_error *err)
{
    const char *prefix = q->file->sha256_prefix;
    if (q->commit[0] != '\0' && strcmp(q->commit, q->remote.commit) != 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "the Hub answers for commit %s, not %s",
                       q->remote.commit, q->commit);
    if (strncmp(q->remote.etag, prefix, strlen(prefix)) == 0)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_VERIFY_FAILED, "'%.120s' is %s on the Hub, known as %s...",
                           q->file->path, q->remote.etag, prefix);
    tb_fix(err, "it is another file than the one known; nothing was fetched");
    return st;
}

/* An optional file that is not there leaves remote.commit empty. */
static tb_status ask(tb_http *http, question *q, tb_error *err)
{
    const char *revision = q->commit[0] != '\0' ? q->commit : "main";
    tb_status st = tb_remote_ask_file(http, q->source->repo, revision, q->file->path, &q->remote,
                                      err);
    if (st == TIMBRE_NOT_FOUND && q->file->is_optional) {
        q->remote = (tb_remote_file){0};
        return TIMBRE_OK;
    }
    return st == TIMBRE_OK ? check_answer(q, err) : st;
}

static question *take_question(questions *all)
{
    question *q = NULL;
    pthread_mutex_lock(&all->lock);
    if (!all->has_failed && all->next < all->n)
        q = &all->items[all->next++];
    pthread_mutex_unlock(&all->lock);
    return q;
}

static void ask_all(questions *all, tb_http *http)
{
    question *q;
    while ((q = take_question(all)) != NULL) {
        q->st = ask(http, q, &q->err);
        if (q->st == TIMBRE_OK)
            continue;
        pthread_mutex_lock(&all->lock);
        all->has_failed = true;
        pthread_mutex_unlock(&all->lock);
    }
}

static void *work(void *user)
{
    questions *all = user;
    tb_http http = {0};
    if (tb_http_init(&http, all->hub, all->cancel, NULL) == TIMBRE_OK)
        ask_all(all, &http); /* else the calling thread asks for all of them */
    tb_http_deinit(&http);
    return NULL;
}

/* The failure that is returned is that of the first file, whichever failed first. */
static tb_status ask_at_once(questions *all, tb_http *http, tb_error *err)
{
    pthread_t threads[TB_HUB_QUESTIONS_AT_ONCE - 1];
    size_t n = 0;
    while (n < TB_HUB_QUESTIONS_AT_ONCE - 1 && n + 1 < all->n &&
           pthread_create(&threads[n], NULL, work, all) == 0)
        n++;
    ask_all(all, http);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].st != TIMBRE_OK) {
            if (err != NULL)
                *err = all->items[i].err;
            return all->items[i].st;
        }
    return TIMBRE_OK;
}

static tb_status add_answer(const tb_pull_maker *m, const question *q, tb_error *err)
{
    const tb_remote_file *r = &q->remote;
    if (r->commit[0] == '\0')
        return TIMBRE_OK;
    return tb_pull_plan_add(m, q->source->repo, r->commit, q->file->path, r->etag, r->len_bytes,
                            err);
}

static tb_status add_folder(const tb_pull_maker *m, const char *repo, const char *commit,
                            const tb_known_file *file, tb_error *err)
{
    tb_remote_tree tree = {0};
    tb_status st = tb_remote_ask_tree(m->http, repo, commit, &tree, err);
    bool is_refused = st == TIMBRE_NOT_FOUND || st == TIMBRE_PERMISSION;
    if (is_refused && file->is_optional)
        return TIMBRE_OK;
    for (size_t i = 0; i < tree.n && st == TIMBRE_OK; i++) {
        const tb_remote_entry *e = &tree.entries[i];
        if (strncmp(e->path, file->path, strlen(file->path)) == 0)
            st = tb_pull_plan_add(m, repo, commit, e->path, e->etag, e->len_bytes, err);
    }
    tb_remote_tree_deinit(&tree);
    return st;
}

/* Files in the order of the registry; the commit of a source is that of its first file. */
static tb_status add_source(const tb_pull_maker *m, const tb_known_source *source,
                            const question *first, questions *all, tb_error *err)
{
    tb_status st = add_answer(m, first, err);
    for (size_t i = 0; i < all->n && st == TIMBRE_OK; i++)
        if (all->items[i].source == source)
            st = add_answer(m, &all->items[i], err);
    for (size_t i = 0; i < source->n_files && st == TIMBRE_OK; i++)
        if (is_folder(&source->files[i]) && first->remote.commit[0] != '\0')
            st = add_folder(m, source->repo, first->remote.commit, &source->files[i], err);
    return st;
}

/* Ask for the first file that is there, and put the others on the list. */
static tb_status begin_source(const tb_pull_maker *m, const tb_known_source *source,
                              question *first, questions *all, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; i < source->n_files && st == TIMBRE_OK; i++) {
        if (is_folder(&source->files[i]))
            continue;
        question q = {.source = source, .file = &source->files[i], .commit = first->remote.commit};
        if (first->remote.commit[0] != '\0') {
            all->items[all->n++] = q;
        } else {
            q.commit = "";
            st = ask(m->http, &q, err);
            *first = q;
        }
    }
    return st;
}

tb_status tb_pull_plan_known(const tb_pull_maker *m, tb_error *err)
{
    const tb_known_model *known = m->plan->known;
    size_t n_files = 0;
    for (size_t i = 0; i < known->n_sources; i++)
        n_files += known->sources[i].n_files;
    questions all = {.hub = m->hub,
                     .cancel = m->http->cancel,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .items = calloc(n_files + 1, sizeof *all.items)};
    question *firsts = calloc(known->n_sources + 1, sizeof *firsts);
    tb_status st = all.items != NULL && firsts != NULL
                       ? TIMBRE_OK
                       : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu files", n_files);
    for (size_t i = 0; i < known->n_sources && st == TIMBRE_OK; i++)
        st = begin_source(m, &known->sources[i], &firsts[i], &all, err);
    if (st == TIMBRE_OK)
        st = ask_at_once(&all, m->http, err);
    for (size_t i = 0; i < known->n_sources && st == TIMBRE_OK; i++)
        st = add_source(m, &known->sources[i], &firsts[i], &all, err);
    free(firsts);
    free(all.items);
    return st;
}
