/* Asking the Hub, and saying what its answers mean. */
#include "hub/remote.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/limits.h"

/* Questions come first, so a name that is not known means that there is no network at all; files
 * wait longer for it to come back. */
enum { NAMELESS_TRIES = 2 };

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an answer of the Hub");
}

char *tb_remote_file_url(const tb_hub *hub, const char *repo, const char *revision,
                         const char *path)
{
    char *r = tb_percent_encode(revision, false), *p = tb_percent_encode(path, true);
    char *url = r != NULL && p != NULL ? tb_strf("%s/%s/resolve/%s/%s", hub->endpoint, repo, r, p)
                                       : NULL;
    free(r);
    free(p);
    return url;
}

/* ---- refusals ---- */

static tb_status refuse_access(const tb_hub *hub, const tb_http_answer *answer, const char *repo,
                               tb_error *err)
{
    const char *code = answer->headers[TB_HEADER_ERROR_CODE];
    tb_status st;
    if (code != NULL && strcmp(code, "GatedRepo") == 0) {
        st = tb_fail(err, TIMBRE_PERMISSION, "'%s' is gated: its terms are not accepted", repo);
        tb_fix(err, "accept the terms at %s/%s, then set HF_TOKEN to a token of that account",
               hub->endpoint, repo);
    } else if (hub->token == NULL) {
        st = tb_fail(err, TIMBRE_PERMISSION, "the Hub wants a token for '%s' (status %ld)", repo,
                     answer->status);
        tb_fix(err, "check the name at %s/%s, then set HF_TOKEN to a token from %s/settings/tokens",
               hub->endpoint, repo, hub->endpoint);
    } else {
        st = tb_fail(err, TIMBRE_PERMISSION, "the Hub refuses '%s' to the token of %s (status %ld)",
                     repo, hub->token_from != NULL ? hub->token_from : "HF_TOKEN", answer->status);
        tb_fix(err, "see %s/%s, then set HF_TOKEN to a token that may read it", hub->endpoint,
               repo);
    }
    return st;
}

static tb_status refuse_missing(const tb_http_answer *answer, const char *repo,
                                const char *revision, const char *path, tb_error *err)
{
    const char *code = answer->headers[TB_HEADER_ERROR_CODE];
    if (code != NULL && strcmp(code, "RevisionNotFound") == 0)
        return tb_fail(err, TIMBRE_NOT_FOUND, "'%s' has no revision '%s'", repo, revision);
    if (path != NULL && (code == NULL || strcmp(code, "RepoNotFound") != 0))
        return tb_fail(err, TIMBRE_NOT_FOUND, "'%s' has no file '%s' at '%s'", repo, path,
                       revision);
    tb_status st = tb_fail(err, TIMBRE_NOT_FOUND, "no repository '%s' on the Hub", repo);
    tb_fix(err, "check the name; a private one needs HF_TOKEN");
    return st;
}

tb_status tb_remote_refusal(const tb_hub *hub, const tb_http_answer *answer, const char *repo,
                            const char *revision, const char *path, tb_error *err)
{
    long s = answer->status;
    if (s == 401 || s == 403)
        return refuse_access(hub, answer, repo, err);
    if (s == 404 || s == 410)
        return refuse_missing(answer, repo, revision, path, err);
    if (s == 429)
        return tb_fail(err, TIMBRE_TIMED_OUT, "the Hub asks to wait (status 429)");
    if (s >= 500)
        return tb_fail(err, TIMBRE_HUB_UNREACHABLE, "the Hub fails (status %ld) for '%s'", s, repo);
    return tb_fail(err, TIMBRE_BAD_FILE, "the Hub answers with status %ld for '%s'", s, repo);
}

tb_status tb_remote_may_retry(tb_retry *retry, const tb_http_answer *answer, tb_status st,
                              tb_status refusal, double *pause_s, tb_error *err)
{
    long s = answer->status;
    bool is_busy = st == TIMBRE_OK && (s == 408 || s == 429 || s >= 500);
    if (!is_busy && !(st != TIMBRE_OK && answer->is_cut))
        return st != TIMBRE_OK ? st : refusal;
    retry->n_failed++;
    if (!tb_retry_is_allowed(retry))
        return st != TIMBRE_OK ? st : refusal;
    *pause_s = tb_retry_pause_s(retry);
    double asked_s = is_busy
                         ? tb_retry_after_parse(answer->headers[TB_HEADER_RETRY_AFTER], time(NULL))
                         : -1;
    if (asked_s > retry->patience.wait_s) {
        st = tb_fail(err, TIMBRE_TIMED_OUT,
                     "the Hub asks to wait %.0f s; at most %.0f s are waited", asked_s,
                     retry->patience.wait_s);
        tb_fix(err, "try again in %.0f minutes; what is here stays", asked_s / 60 + 1);
        return st;
    }
    *pause_s = asked_s > *pause_s ? asked_s : *pause_s;
    return TIMBRE_OK;
}

/* ---- bodies in memory ---- */

static tb_status begin_text(const tb_http_answer *answer, void *user, tb_error *err)
{
    (void)answer;
    (void)err;
    ((tb_str *)user)->len = 0;
    return TIMBRE_OK;
}

static tb_status take_text(const void *bytes, size_t n, void *user, tb_error *err)
{
    tb_str *text = user;
    if (text->len + n > TB_HUB_JSON_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "an answer of the Hub exceeds %d bytes",
                       TB_HUB_JSON_MAX_BYTES);
    tb_str_append_bytes(text, bytes, n);
    return text->failed ? no_memory(err) : TIMBRE_OK;
}

/* What is asked about, for messages. */
typedef struct {
    const char *repo, *revision, *path;
} subject;

/* Ask until there is an answer below 400; *answer is to be deinitialised in any case. */
static tb_status ask(tb_http *http, const tb_http_request *request, subject about,
                     tb_http_answer *answer, tb_error *err)
{
    tb_retry retry = tb_retry_init(http);
    for (;;) {
        tb_status st = tb_http_run(http, request, answer, err);
        if (st == TIMBRE_OK && answer->status < 400)
            return TIMBRE_OK;
        if (answer->is_nameless && retry.patience.n_tries > NAMELESS_TRIES)
            retry.patience.n_tries = NAMELESS_TRIES;
        tb_status refusal = st;
        if (st == TIMBRE_OK)
            refusal = tb_remote_refusal(http->hub, answer, about.repo, about.revision, about.path,
                                        err);
        double pause_s = 0;
        st = tb_remote_may_retry(&retry, answer, st, refusal, &pause_s, err);
        if (st == TIMBRE_OK)
            st = tb_cancel_sleep(retry.cancel, pause_s, err);
        if (st != TIMBRE_OK)
            return st;
        tb_http_answer_deinit(answer);
    }
}

static tb_status ask_text(tb_http *http, const char *url, subject about, tb_str *text,
                          tb_http_answer *answer, tb_error *err)
{
    tb_http_request request = {.url = url, .begin = begin_text, .data = take_text, .user = text};
    tb_status st = ask(http, &request, about, answer, err);
    if (st == TIMBRE_OK && answer->status != 200)
        st = tb_fail(err, TIMBRE_BAD_FILE, "the Hub answers with status %ld for '%s'",
                     answer->status, about.repo);
    return st;
}

/* ---- questions ---- */

static tb_status read_file_headers(const tb_http_answer *answer, const char *path,
                                   tb_remote_file *out, tb_error *err)
{
    char *const *h = answer->headers;
    const char *etag = h[TB_HEADER_LINKED_ETAG] ? h[TB_HEADER_LINKED_ETAG] : h[TB_HEADER_ETAG];
    const char *size = h[TB_HEADER_LINKED_SIZE] ? h[TB_HEADER_LINKED_SIZE]
                                                : h[TB_HEADER_CONTENT_LENGTH];
    const char *commit = h[TB_HEADER_COMMIT];
    if (commit == NULL || !tb_commit_is_valid(commit))
        return tb_fail(err, TIMBRE_BAD_FILE, "the Hub names no commit for '%s'", path);
    if (!tb_etag_parse(etag, out->etag))
        return tb_fail(err, TIMBRE_BAD_FILE, "the Hub names no hash for '%s': ETag '%.80s'", path,
                       etag != NULL ? etag : "");
    out->len_bytes = tb_size_parse(size);
    if (out->len_bytes < 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "the Hub names no size for '%s'", path);
    memcpy(out->commit, commit, sizeof out->commit);
    return TIMBRE_OK;
}

tb_status tb_remote_ask_file(tb_http *http, const char *repo, const char *revision,
                             const char *path, tb_remote_file *out, tb_error *err)
{
    char *url = tb_remote_file_url(http->hub, repo, revision, path);
    if (url == NULL)
        return no_memory(err);
    tb_http_request request = {.url = url, .is_head = true, .is_here_only = true};
    tb_http_answer answer = {0};
    tb_status st = ask(http, &request, (subject){repo, revision, path}, &answer, err);
    if (st == TIMBRE_OK)
        st = read_file_headers(&answer, path, out, err);
    tb_http_answer_deinit(&answer);
    free(url);
    return st;
}

/* The address of the page after this one, owned, in *next; NULL: it was the last. */
static tb_status next_page(const tb_http *http, const tb_http_answer *answer, char **next,
                           tb_error *err)
{
    *next = NULL;
    char *link = tb_link_next(answer->headers[TB_HEADER_LINK]);
    if (link == NULL)
        return TIMBRE_OK;
    tb_status st = tb_url_redirect(answer->url, link, next, err);
    if (st == TIMBRE_OK &&
        (!tb_url_is_same_origin(*next, http->hub->endpoint) || strcmp(*next, answer->url) == 0)) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "the list of files goes on at '%.120s'", *next);
        free(*next);
        *next = NULL;
    }
    free(link);
    return st;
}

tb_status tb_remote_ask_tree(tb_http *http, const char *repo, const char *commit,
                             tb_remote_tree *out, tb_error *err)
{
    *out = (tb_remote_tree){0};
    tb_str text = {0};
    char *url = tb_strf("%s/api/models/%s/tree/%s?recursive=true", http->hub->endpoint, repo,
                        commit);
    tb_status st = url != NULL ? TIMBRE_OK : no_memory(err);
    for (int n = 0; st == TIMBRE_OK && url != NULL; n++) {
        tb_http_answer answer = {0};
        char *next = NULL;
        if (n == TB_HUB_PAGES_MAX)
            st = tb_fail(err, TIMBRE_BAD_FILE, "the list of files exceeds %d pages",
                         TB_HUB_PAGES_MAX);
        if (st == TIMBRE_OK)
            st = ask_text(http, url, (subject){repo, commit, NULL}, &text, &answer, err);
        if (st == TIMBRE_OK)
            st = tb_remote_tree_parse(tb_str_text(&text), text.len, out, err);
        if (st == TIMBRE_OK)
            st = next_page(http, &answer, &next, err);
        tb_http_answer_deinit(&answer);
        free(url);
        url = next;
    }
    free(url);
    tb_str_deinit(&text);
    if (st != TIMBRE_OK)
        tb_remote_tree_deinit(out);
    return st;
}

tb_status tb_remote_ask_info(tb_http *http, const char *repo, const char *revision,
                             tb_remote_info *out, tb_error *err)
{
    *out = (tb_remote_info){0};
    tb_str text = {0};
    tb_http_answer answer = {0};
    char *name = tb_percent_encode(revision, false);
    char *url = name != NULL
                    ? tb_strf("%s/api/models/%s/revision/%s", http->hub->endpoint, repo, name)
                    : NULL;
    tb_status st = url == NULL
                       ? no_memory(err)
                       : ask_text(http, url, (subject){repo, revision, NULL}, &text, &answer, err);
    if (st == TIMBRE_OK)
        st = tb_remote_info_parse(tb_str_text(&text), text.len, out, err);
    tb_http_answer_deinit(&answer);
    tb_str_deinit(&text);
    free(name);
    free(url);
    return st;
}

tb_status tb_remote_read_file(tb_http *http, const char *repo, const char *commit, const char *path,
                              char **bytes, size_t *len_bytes, tb_error *err)
{
    tb_str text = {0};
    tb_http_answer answer = {0};
    char *url = tb_remote_file_url(http->hub, repo, commit, path);
    tb_status st = url == NULL
                       ? no_memory(err)
                       : ask_text(http, url, (subject){repo, commit, path}, &text, &answer, err);
    if (st == TIMBRE_OK) {
        *len_bytes = text.len;
        *bytes = text.len > 0 ? tb_str_take(&text) : tb_strdup("");
        st = *bytes != NULL ? TIMBRE_OK : no_memory(err);
    }
    tb_http_answer_deinit(&answer);
    tb_str_deinit(&text);
    free(url);
    return st;
}
