/* Jobs as the one who runs them sees them: every write behind a fence. */
#include <string.h>

#include "worker/store_rows.h"

tb_status tb_store_claim(tb_store *store, tb_stored_job *out, tb_error *err)
{
    static const char update[] =
        "UPDATE job SET state = 'running', attempt = attempt + 1, version = ?1, updated_ms = ?2, "
        "started_ms = ?2, message = '' WHERE seq = (SELECT seq FROM job WHERE state = 'queued' "
        "ORDER BY priority DESC, seq LIMIT 1)";
    static const char select[] = "SELECT " TB_JOB_COLUMNS " FROM job WHERE version = ?1";
    int64_t version = 0, n = 0;
    *out = (tb_stored_job){0};
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_store_next_version(store, &version, err);
    sqlite3_stmt *s = st == TIMBRE_OK ? tb_store_prepare(store, update, err) : NULL;
    if (s != NULL) {
        tb_bind_int(s, 1, version);
        tb_bind_int(s, 2, tb_store_now_ms());
        st = tb_store_run(store, s, &n, err);
    } else if (st == TIMBRE_OK) {
        st = err->code;
    }
    if (st == TIMBRE_OK && n == 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "no job is queued");
    if (st == TIMBRE_OK) {
        s = tb_store_prepare(store, select, err);
        tb_bind_int(s, 1, version);
        st = tb_job_read_one(store, s, "claimed", out, err);
    }
    st = tb_store_end(store, st, err);
    if (st != TIMBRE_OK)
        tb_stored_job_deinit(out);
    return st;
}

/*
 * One fenced statement within its own transaction. ?1 id, ?2 attempt, ?3 version, ?4 now; further
 * values are bound by `bind`. GONE when no row is changed.
 */
typedef struct {
    const char *sql;
    const char *text[3]; /* ?5, ?6, ?7 */
    int64_t number;      /* ?8 */
} change;

static tb_status apply(tb_store *store, const tb_fence *fence, const change *c, tb_error *err)
{
    int64_t version = 0, n = 0;
    tb_status st = tb_store_next_version(store, &version, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, c->sql, err);
    tb_bind_text(s, 1, fence->id);
    tb_bind_int(s, 2, fence->attempt);
    tb_bind_int(s, 3, version);
    tb_bind_int(s, 4, tb_store_now_ms());
    for (int i = 0; i < 3; i++)
        tb_bind_text(s, 5 + i, c->text[i]);
    tb_bind_int(s, 8, c->number);
    st = tb_store_run(store, s, &n, err);
    if (st == TIMBRE_OK && n == 0)
        st = tb_fail(err, TIMBRE_GONE, "attempt %d of the job '%.40s' is over", fence->attempt,
                     fence->id);
    return st;
}

static tb_status change_job(tb_store *store, const tb_fence *fence, const change *c, tb_error *err)
{
    tb_status st = tb_store_begin(store, err);
    return st == TIMBRE_OK ? tb_store_end(store, apply(store, fence, c, err), err) : st;
}

#define FENCE " WHERE id = ?1 AND attempt = ?2 AND state = 'running'"

tb_status tb_store_note_pending(tb_store *store, const tb_fence *fence, const char *pending,
                                tb_error *err)
{
    static const char sql[] = "UPDATE job SET pending = ?5, version = ?3, updated_ms = ?4" FENCE;
    return change_job(store, fence, &(change){.sql = sql, .text = {pending}}, err);
}

/* Why nothing was changed: CANCELLED where the running job was asked to stop, else GONE. */
static tb_status explain_refusal(tb_store *store, const tb_fence *fence, tb_error *err)
{
    static const char sql[] = "SELECT cancel_requested FROM job" FENCE;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_bind_text(s, 1, fence->id);
    tb_bind_int(s, 2, fence->attempt);
    tb_status st = tb_store_step(store, s, err);
    bool is_cancelling = st == TIMBRE_OK && sqlite3_column_int(s, 0) != 0;
    (void)sqlite3_reset(s);
    if (is_cancelling)
        return tb_fail(err, TIMBRE_CANCELLED, "the job '%.40s' was cancelled", fence->id);
    return st == TIMBRE_OK || st == TIMBRE_NOT_FOUND ? TIMBRE_GONE : st; /* err says GONE */
}

tb_status tb_store_succeed(tb_store *store, const tb_fence *fence, tb_stored_take *take,
                           tb_error *err)
{
    static const char sql[] =
        "UPDATE job SET state = 'succeeded', pending = NULL, message = '', version = ?3, "
        "updated_ms = ?4, finished_ms = ?4" FENCE " AND cancel_requested = 0";
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = apply(store, fence, &(change){.sql = sql}, err);
    if (st == TIMBRE_GONE)
        st = explain_refusal(store, fence, err);
    if (st == TIMBRE_OK)
        st = tb_take_insert(store, take, err);
    return tb_store_end(store, st, err);
}

tb_status tb_store_fail(tb_store *store, const tb_fence *fence, const tb_error *why, tb_error *err)
{
    static const char sql[] =
        "UPDATE job SET state = 'failed', pending = NULL, cancel_requested = 0, error_code = ?5, "
        "error_message = ?6, error_fix = ?7, version = ?3, updated_ms = ?4, finished_ms = ?4" FENCE;
    const change c = {.sql = sql, .text = {timbre_status_name(why->code), why->message, why->fix}};
    return change_job(store, fence, &c, err);
}

tb_status tb_store_end_cancelled(tb_store *store, const tb_fence *fence, tb_error *err)
{
    static const char sql[] = "UPDATE job SET state = 'cancelled', pending = NULL, "
                              "cancel_requested = 0, version = ?3, updated_ms = ?4, "
                              "finished_ms = ?4" FENCE;
    return change_job(store, fence, &(change){.sql = sql}, err);
}

tb_status tb_store_requeue(tb_store *store, const tb_fence *fence, bool is_counted,
                           const char *message, tb_error *err)
{
    static const char sql[] =
        "UPDATE job SET pending = NULL, message = ?5, cancel_requested = 0, attempt = attempt - "
        "?8, version = ?3, "
        "updated_ms = ?4, finished_ms = CASE cancel_requested WHEN 1 THEN ?4 ELSE 0 END, "
        "started_ms = CASE cancel_requested WHEN 1 THEN started_ms ELSE 0 END, "
        "state = CASE cancel_requested WHEN 1 THEN 'cancelled' ELSE 'queued' END" FENCE;
    const change c = {.sql = sql, .text = {message}, .number = is_counted ? 0 : 1};
    return change_job(store, fence, &c, err);
}
