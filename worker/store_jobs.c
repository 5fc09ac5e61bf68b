/* Jobs as clients see them: submit, look, list, cancel. */
#include <stdlib.h>
#include <string.h>

#include "worker/store_rows.h"

static const char *const state_names[TB_JOB_STATE_COUNT] = {"queued", "running", "succeeded",
                                                            "failed", "cancelled"};

const char *tb_job_state_name(tb_job_state state)
{
    return state_names[state];
}

int tb_job_state_find(const char *name)
{
    for (int i = 0; i < TB_JOB_STATE_COUNT; i++)
        if (strcmp(state_names[i], name) == 0)
            return i;
    return -1;
}

bool tb_job_state_is_final(tb_job_state state)
{
    return state != TB_JOB_QUEUED && state != TB_JOB_RUNNING;
}

/* ---- rows ---- */

void tb_stored_job_deinit(tb_stored_job *job)
{
    free(job->request);
    free(job->model_id);
    free(job->message);
    free(job->pending);
    memset(job, 0, sizeof *job);
}

void tb_stored_jobs_free(tb_stored_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tb_stored_job_deinit(&jobs[i]);
    free(jobs);
}

static tb_status status_of_name(const char *name)
{
    for (int i = 0; i < TIMBRE_STATUS_COUNT; i++)
        if (strcmp(timbre_status_name((tb_status)i), name) == 0)
            return (tb_status)i;
    return TIMBRE_INTERNAL;
}

tb_status tb_job_read(sqlite3_stmt *s, tb_stored_job *out, tb_error *err)
{
    char state[16];
    tb_status st = TIMBRE_OK;
    *out = (tb_stored_job){.seq = sqlite3_column_int64(s, 1),
                           .version = sqlite3_column_int64(s, 2),
                           .priority = sqlite3_column_int(s, 4),
                           .attempt = sqlite3_column_int(s, 5),
                           .is_cancelling = sqlite3_column_int(s, 6) != 0,
                           .created_ms = sqlite3_column_int64(s, 7),
                           .updated_ms = sqlite3_column_int64(s, 8),
                           .started_ms = sqlite3_column_int64(s, 9),
                           .finished_ms = sqlite3_column_int64(s, 10),
                           .request = tb_column_text(s, 11, &st),
                           .model_id = tb_column_text(s, 12, &st),
                           .message = tb_column_text(s, 13, &st),
                           .pending = tb_column_text(s, 14, &st),
                           .n_before = sqlite3_column_int64(s, 18)};
    tb_column_fixed(s, 0, out->id, sizeof out->id, &st);
    tb_column_fixed(s, 3, state, sizeof state, &st);
    int found = tb_job_state_find(state);
    out->state = found < 0 ? TB_JOB_FAILED : (tb_job_state)found;
    if (sqlite3_column_type(s, 15) != SQLITE_NULL) {
        char code[32];
        tb_column_fixed(s, 15, code, sizeof code, &st);
        out->error.code = status_of_name(code);
        tb_column_fixed(s, 16, out->error.message, sizeof out->error.message, &st);
        tb_column_fixed(s, 17, out->error.fix, sizeof out->error.fix, &st);
    }
    if (st == TIMBRE_OK)
        return TIMBRE_OK;
    tb_stored_job_deinit(out);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a job");
}

tb_status tb_job_read_one(tb_store *store, sqlite3_stmt *s, const char *id, tb_stored_job *out,
                          tb_error *err)
{
    if (s == NULL)
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK)
        st = tb_job_read(s, out, err);
    else if (st == TIMBRE_NOT_FOUND)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no job '%.60s'", id);
    (void)sqlite3_reset(s);
    return st;
}

tb_status tb_rows_grow(void **items, size_t n, size_t item_bytes, tb_error *err)
{
    if (n > 0 && (n < 16 || (n & (n - 1)) != 0)) /* room for 16, then doubled at powers of two */
        return TIMBRE_OK;
    size_t capacity = n == 0 ? 16 : 2 * n;
    void *larger = realloc(*items, capacity * item_bytes);
    if (larger == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list");
    *items = larger;
    return TIMBRE_OK;
}

/* ---- one job ---- */

static tb_status get(tb_store *store, const char *id, tb_stored_job *out, tb_error *err)
{
    static const char sql[] = "SELECT " TB_JOB_COLUMNS " FROM job WHERE id = ?1";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, id);
    return tb_job_read_one(store, s, id, out, err);
}

tb_status tb_store_get_job(tb_store *store, const char *id, tb_stored_job *out, tb_error *err)
{
    *out = (tb_stored_job){0};
    pthread_mutex_lock(&store->mutex);
    tb_status st = get(store, id, out, err);
    pthread_mutex_unlock(&store->mutex);
    return st;
}

/* The job that a key was used for. NOT_FOUND: none, err untouched. */
static tb_status find_key(tb_store *store, const tb_submission *in, tb_stored_job *out,
                          tb_error *err)
{
    static const char sql[] = "SELECT " TB_JOB_COLUMNS
                              ", body_sha256 FROM job WHERE idempotency_key = ?1";
    if (in->key == NULL)
        return TIMBRE_NOT_FOUND;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_bind_text(s, 1, in->key);
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK) {
        char body[TB_SHA256_HEX_BYTES];
        tb_column_fixed(s, 19, body, sizeof body, &st);
        if (st == TIMBRE_OK && strcmp(body, in->body_sha256) != 0)
            st = tb_fail(err, TIMBRE_KEY_REUSED,
                         "the Idempotency-Key '%.60s' was used for another request", in->key);
        else /* says so where there is no memory */
            st = tb_job_read(s, out, err);
    }
    (void)sqlite3_reset(s);
    return st;
}

static tb_status require_room(tb_store *store, int64_t limit, tb_error *err)
{
    static const char sql[] = "SELECT count(*) FROM job WHERE state = 'queued'";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    int64_t n = st == TIMBRE_OK ? sqlite3_column_int64(s, 0) : 0;
    (void)sqlite3_reset(s);
    if (st == TIMBRE_OK && n >= limit) {
        st = tb_fail(err, TIMBRE_QUEUE_FULL, "%lld jobs wait; the limit is %lld", (long long)n,
                     (long long)limit);
        tb_fix(err, "try again later, or cancel some: timbre jobs cancel");
    }
    return st;
}

static tb_status insert(tb_store *store, const tb_submission *in, tb_error *err)
{
    static const char sql[] =
        "INSERT INTO job (id, version, state, priority, request, model_id, idempotency_key, "
        "body_sha256, created_ms, updated_ms) VALUES (?1, ?2, 'queued', ?3, ?4, ?5, ?6, ?7, ?8, "
        "?8)";
    int64_t version = 0;
    tb_status st = tb_store_next_version(store, &version, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, in->id);
    tb_bind_int(s, 2, version);
    tb_bind_int(s, 3, in->priority);
    tb_bind_text(s, 4, in->request);
    tb_bind_text(s, 5, in->model_id);
    tb_bind_text(s, 6, in->key);
    tb_bind_text(s, 7, in->body_sha256);
    tb_bind_int(s, 8, tb_store_now_ms());
    return tb_store_run(store, s, NULL, err);
}

tb_status tb_store_submit(tb_store *store, const tb_submission *in, tb_stored_job *out,
                          bool *is_replay, tb_error *err)
{
    *out = (tb_stored_job){0};
    *is_replay = false;
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = find_key(store, in, out, err);
    if (st == TIMBRE_OK) {
        *is_replay = true;
        return tb_store_end(store, st, err);
    }
    if (st == TIMBRE_NOT_FOUND)
        st = require_room(store, in->queue_limit, err);
    if (st == TIMBRE_OK)
        st = insert(store, in, err);
    if (st == TIMBRE_OK)
        st = get(store, in->id, out, err);
    st = tb_store_end(store, st, err);
    if (st != TIMBRE_OK)
        tb_stored_job_deinit(out);
    return st;
}

tb_status tb_store_cancel(tb_store *store, const char *id, tb_stored_job *out, tb_error *err)
{
    static const char sql[] =
        "UPDATE job SET version = ?2, updated_ms = ?3, "
        "cancel_requested = (state = 'running'), "
        "finished_ms = CASE state WHEN 'queued' THEN ?3 ELSE finished_ms END, "
        "state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END "
        "WHERE id = ?1 AND (state = 'queued' OR (state = 'running' AND cancel_requested = 0))";
    int64_t version = 0;
    *out = (tb_stored_job){0};
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_store_next_version(store, &version, err);
    if (st == TIMBRE_OK) {
        sqlite3_stmt *s = tb_store_prepare(store, sql, err);
        tb_bind_text(s, 1, id);
        tb_bind_int(s, 2, version);
        tb_bind_int(s, 3, tb_store_now_ms());
        st = tb_store_run(store, s, NULL, err);
    }
    if (st == TIMBRE_OK)
        st = get(store, id, out, err);
    st = tb_store_end(store, st, err);
    if (st != TIMBRE_OK)
        tb_stored_job_deinit(out);
    return st;
}

/* ---- many ---- */

/* Two orders, one shape: bits of states, a bound, a limit. */
static const char newest_first[] =
    "SELECT " TB_JOB_COLUMNS " FROM job WHERE (?1 = 0 OR (?1 >> (CASE state WHEN 'queued' THEN 0 "
    "WHEN 'running' THEN 1 WHEN 'succeeded' THEN 2 WHEN 'failed' THEN 3 ELSE 4 END)) & 1) "
    "AND (?2 = 0 OR seq < ?2) ORDER BY seq DESC LIMIT ?3";
static const char by_change[] =
    "SELECT " TB_JOB_COLUMNS " FROM job WHERE (?1 = 0 OR (?1 >> (CASE state WHEN 'queued' THEN 0 "
    "WHEN 'running' THEN 1 WHEN 'succeeded' THEN 2 WHEN 'failed' THEN 3 ELSE 4 END)) & 1) "
    "AND version > ?2 ORDER BY version LIMIT ?3";

tb_status tb_store_list_jobs(tb_store *store, const tb_job_filter *filter, tb_stored_job **jobs,
                             size_t *n, tb_error *err)
{
    bool is_by_change = filter->after_version >= 0;
    *jobs = NULL;
    *n = 0;
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, is_by_change ? by_change : newest_first, err);
    tb_status st = s == NULL ? err->code : TIMBRE_OK;
    tb_bind_int(s, 1, filter->states);
    tb_bind_int(s, 2, is_by_change ? filter->after_version : filter->before_seq);
    tb_bind_int(s, 3, (int64_t)filter->limit);
    while (st == TIMBRE_OK && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        st = tb_rows_grow((void **)jobs, *n, sizeof **jobs, err);
        if (st == TIMBRE_OK)
            st = tb_job_read(s, &(*jobs)[*n], err);
        *n += st == TIMBRE_OK;
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    if (st == TIMBRE_NOT_FOUND)
        return TIMBRE_OK;
    tb_stored_jobs_free(*jobs, *n);
    *jobs = NULL;
    *n = 0;
    return st;
}

tb_status tb_store_count_jobs(tb_store *store, int64_t counts[TB_JOB_STATE_COUNT], tb_error *err)
{
    static const char sql[] = "SELECT state, count(*) FROM job GROUP BY state";
    memset(counts, 0, TB_JOB_STATE_COUNT * sizeof *counts);
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_status st = s == NULL ? err->code : TIMBRE_OK;
    while (st == TIMBRE_OK && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        char state[16];
        tb_column_fixed(s, 0, state, sizeof state, &st);
        if (st != TIMBRE_OK)
            st = tb_fail(err, st, "no memory to count jobs");
        int i = tb_job_state_find(state);
        if (i >= 0)
            counts[i] = sqlite3_column_int64(s, 1);
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    return st == TIMBRE_NOT_FOUND ? TIMBRE_OK : st;
}

tb_status tb_store_forget_jobs(tb_store *store, int64_t before_ms, int64_t *n_forgotten,
                               tb_error *err)
{
    static const char sql[] =
        "DELETE FROM job WHERE state IN ('failed', 'cancelled') AND finished_ms < ?1";
    *n_forgotten = 0;
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_int(s, 1, before_ms);
    st = tb_store_run(store, s, n_forgotten, err);
    return tb_store_end(store, st, err);
}
