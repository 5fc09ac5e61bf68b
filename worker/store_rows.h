/* Rows of the store as structs. */
#ifndef TB_WORKER_STORE_ROWS_H
#define TB_WORKER_STORE_ROWS_H

#include "worker/store_sql.h"

/* Columns of a job in the order that tb_job_read expects; n_before is the number of queued jobs
 * that come first. */
#define TB_JOB_COLUMNS                                                                             \
    "id, seq, version, state, priority, attempt, cancel_requested, created_ms, updated_ms, "       \
    "started_ms, finished_ms, request, model_id, message, pending, error_code, error_message, "    \
    "error_fix, "                                                                                  \
    "(CASE state WHEN 'queued' THEN (SELECT count(*) FROM job AS other WHERE other.state = "       \
    "'queued' AND (other.priority > job.priority OR (other.priority = job.priority AND "           \
    "other.seq < job.seq))) ELSE 0 END)"

/* The row that the statement stands on. NO_MEMORY leaves *out empty. */
TB_MUST_USE tb_status tb_job_read(sqlite3_stmt *s, tb_stored_job *out, tb_error *err);

#define TB_TAKE_COLUMNS                                                                            \
    "id, number, version, path, len_bytes, sha256, made_ms, title, starred, prompt, seed, "        \
    "model_id, duration_seconds, format, metadata, recipe, trashed_ms, trash_path"
TB_MUST_USE tb_status tb_take_read(sqlite3_stmt *s, tb_stored_take *out, tb_error *err);

/* Enter a take within a transaction; sets its number and version. */
TB_MUST_USE tb_status tb_take_insert(tb_store *store, tb_stored_take *take, tb_error *err);

/* Make room for one more item of an owned array. */
TB_MUST_USE tb_status tb_rows_grow(void **items, size_t n, size_t item_bytes, tb_error *err);

/* The one row of a statement, which is reset: NOT_FOUND says "there is no WHAT 'ID'". */
TB_MUST_USE tb_status tb_job_read_one(tb_store *store, sqlite3_stmt *s, const char *id,
                                      tb_stored_job *out, tb_error *err);

#endif
