/* One file: ask for what is missing until it is there and right. */
#include "hub/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "hub/remote.h"
#include "hub/transfer_part.h"

/* The tries of one file. */
typedef struct {
    const tb_transfer *transfer;
    tb_part part;
    tb_retry retry;
    char *url;            /* owned */
    const char *new_etag; /* of the answer under way; borrowed from it */
    bool asks_whole;      /* the next request is for all of it: ranges went wrong */
    bool begins_anew;     /* the answer under way replaces what is there, with its first byte */
    bool is_strange;      /* an answer that is not what was asked for; worth another try */
    bool has_asked_anew;  /* a signed address was refused once */
    int n_wrong;          /* times that the hash was wrong */
} tries;

static tb_status refuse(tries *t, tb_error *err, const char *why)
{
    t->is_strange = true;
    t->asks_whole = true;
    return tb_fail(err, TIMBRE_BAD_FILE, "'%.200s': %s", t->transfer->path, why);
}

static tb_status begin(const tb_http_answer *answer, void *user, tb_error *err)
{
    tries *t = user;
    int64_t len_bytes = t->transfer->len_bytes, first, last, total;
    const char *etag = answer->headers[TB_HEADER_ETAG];
    if (answer->status == 206) {
        if (!tb_content_range_parse(answer->headers[TB_HEADER_CONTENT_RANGE], &first, &last,
                                    &total) ||
            first != t->part.offset || last != len_bytes - 1 || total != len_bytes)
            return refuse(t, err, "the server sent another range than asked for");
        char *validator = tb_part_read_validator(&t->part);
        bool is_other = validator != NULL && etag != NULL && strcmp(validator, etag) != 0;
        free(validator);
        return is_other ? refuse(t, err, "the server's file has changed") : TIMBRE_OK;
    }
    if (answer->status != 200)
        return refuse(t, err, "the server sent neither the file nor the range asked for");
    int64_t told = tb_size_parse(answer->headers[TB_HEADER_CONTENT_LENGTH]);
    if (told >= 0 && told != len_bytes)
        return refuse(t, err, "the server's file has another size than the Hub said");
    t->begins_anew = t->part.offset > 0;
    t->new_etag = etag;
    return t->begins_anew ? TIMBRE_OK : tb_part_write_validator(&t->part, etag, err);
}

static tb_status take(const void *bytes, size_t n, void *user, tb_error *err)
{
    tries *t = user;
    if (t->begins_anew) {
        t->begins_anew = false;
        tb_status st = tb_part_empty(&t->part, err);
        if (st == TIMBRE_OK)
            st = tb_part_write_validator(&t->part, t->new_etag, err);
        if (st != TIMBRE_OK)
            return st;
    }
    size_t n_room = (size_t)(t->transfer->len_bytes - t->part.offset);
    tb_status st = tb_part_append(&t->part, bytes, n < n_room ? n : n_room, err);
    return st == TIMBRE_OK && n > n_room
               ? refuse(t, err, "the server sent more bytes than the file has")
               : st;
}

static tb_status request(tries *t, tb_http_answer *answer, tb_error *err)
{
    bool has_part = t->part.offset > 0 && !t->asks_whole;
    char *range = has_part ? tb_strf("bytes=%lld-", (long long)t->part.offset) : NULL;
    char *validator = has_part ? tb_part_read_validator(&t->part) : NULL;
    tb_http_request r = {.url = t->url,
                         .range = range,
                         .if_range = validator,
                         .begin = begin,
                         .data = take,
                         .user = t};
    t->is_strange = t->begins_anew = false;
    tb_status st = tb_http_run(t->transfer->http, &r, answer, err);
    free(range);
    free(validator);
    return st;
}

/* A signed address that has expired: the first hop gives another. */
static bool may_ask_anew(tries *t, const tb_http_answer *answer)
{
    long s = answer->status;
    bool is_refused = s == 401 || s == 403 || s == 404 || s == 410;
    bool is_elsewhere = answer->url != NULL &&
                        !tb_url_is_same_origin(answer->url, t->transfer->http->hub->endpoint);
    if (!is_refused || !is_elsewhere || t->has_asked_anew)
        return false;
    t->has_asked_anew = true;
    return true;
}

/* After a try that did not bring everything: OK where there is to be another. */
static tb_status consider(tries *t, tb_http_answer *answer, tb_status st, tb_error *err)
{
    const tb_transfer *f = t->transfer;
    if (st == TIMBRE_OK && may_ask_anew(t, answer))
        return TIMBRE_OK;
    if (st == TIMBRE_OK && answer->status == 416)
        st = refuse(t, err, "the server does not have the range asked for");
    if (st == TIMBRE_OK && answer->status < 400) {
        answer->is_cut = true;
        st = tb_fail(err, TIMBRE_HUB_UNREACHABLE, "'%.200s': the answer ended early", f->path);
    }
    answer->is_cut = answer->is_cut || t->is_strange;
    tb_status refusal = st;
    if (st == TIMBRE_OK)
        refusal = tb_remote_refusal(f->http->hub, answer, f->repo, f->commit, f->path, err);
    double pause_s = 0;
    st = tb_remote_may_retry(&t->retry, answer, st, refusal, &pause_s, err);
    if (st != TIMBRE_OK)
        return st;
    char *text = tb_strf("%.120s: try %d of %d in %.0f s", err != NULL ? err->message : f->path,
                         t->retry.n_failed + 1, t->retry.patience.n_tries, pause_s);
    if (text != NULL)
        f->note(text, f->user);
    free(text);
    return tb_cancel_sleep(t->retry.cancel, pause_s, err);
}

/* Bring bytes until all are there. */
static tb_status fill(tries *t, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && t->part.offset < t->transfer->len_bytes) {
        tb_http_answer answer = {0};
        int64_t before = t->part.offset;
        st = request(t, &answer, err);
        int64_t brought = t->part.offset - before;
        if (brought >= TB_HUB_PROGRESS_BYTES) {
            t->retry.n_failed = 0;
            t->has_asked_anew = t->asks_whole = false;
        }
        if (t->part.offset < t->transfer->len_bytes)
            st = consider(t, &answer, st, err);
        else if (st != TIMBRE_CANCELLED)
            st = TIMBRE_OK; /* the hash decides about what came, also where more came */
        tb_http_answer_deinit(&answer);
    }
    return st;
}

static tb_status fetch(tries *t, tb_error *err)
{
    const tb_transfer *f = t->transfer;
    for (;;) {
        char hex[TB_SHA256_HEX_BYTES] = "";
        bool is_right = false;
        tb_status st = fill(t, err);
        if (st == TIMBRE_OK)
            st = tb_part_finish(&t->part, hex, &is_right, err);
        if (st != TIMBRE_OK || is_right)
            return st;
        st = tb_part_empty(&t->part, err);
        if (st == TIMBRE_OK)
            st = tb_part_write_validator(&t->part, NULL, err);
        if (st != TIMBRE_OK)
            return st;
        if (++t->n_wrong == 2 || f->len_bytes == 0) {
            st = tb_fail(err, TIMBRE_VERIFY_FAILED, "'%.120s' has the hash %s, not %s", f->path,
                         hex, f->etag);
            tb_fix(err, "nothing of it was kept; try again later, or without HF_ENDPOINT's mirror");
            return st;
        }
        f->note("the hash is wrong: fetched once more", f->user);
    }
}

tb_status tb_transfer_run(const tb_transfer *transfer, bool *was_here, tb_error *err)
{
    tries t = {.transfer = transfer, .retry = tb_retry_init(transfer->http)};
    tb_status st = tb_part_open(&t.part, transfer, was_here, err);
    if (st != TIMBRE_OK)
        return st;
    if (*was_here) {
        atomic_store(transfer->done_bytes, transfer->len_bytes);
        return TIMBRE_OK;
    }
    t.url = tb_remote_file_url(transfer->http->hub, transfer->repo, transfer->commit,
                               transfer->path);
    st = t.url != NULL ? fetch(&t, err)
                       : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    free(t.url);
    tb_part_close(&t.part);
    return st;
}
