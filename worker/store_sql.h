/*
 * SQLite for the store's own files: statements that are prepared once, columns, and what its codes
 * mean. The lock is the store's: every public function is between tb_store_begin and tb_store_end,
 * or holds it for one statement.
 */
#ifndef TB_WORKER_STORE_SQL_H
#define TB_WORKER_STORE_SQL_H

#include <pthread.h>
#include <sqlite3.h>

#include "worker/store.h"

enum { TB_STATEMENTS_MAX = 64 };

typedef struct tb_statement {
    const char *sql; /* the caller's literal: its address is the name */
    sqlite3_stmt *prepared;
} tb_statement;

struct tb_store {
    pthread_mutex_t mutex; /* guards all below, and the connection */
    sqlite3 *db;
    tb_statement statements[TB_STATEMENTS_MAX];
    size_t n_statements;
};

/* tb_store_open with a VFS of SQLite by name; NULL: the usual one. For tests of faults. */
TB_MUST_USE tb_status tb_store_open_with(const char *path, const char *vfs, tb_store **out,
                                         tb_error *err);
/* The steps of the schema, oldest first. */
enum { TB_SCHEMA_STEPS = 2 };
const char *tb_schema_step(int i); /* SQL that ends with a NUL */

/* What an SQLite code means. Call with the lock. */
tb_status tb_store_explain(tb_store *store, int code, const char *doing, tb_error *err);

/* The statement, reset and without values; NULL with err set. `sql` is a literal. */
sqlite3_stmt *tb_store_prepare(tb_store *store, const char *sql, tb_error *err);
/* What follows binds, by number from 1; a NULL text is NULL. */
void tb_bind_text(sqlite3_stmt *s, int i, const char *text);
void tb_bind_int(sqlite3_stmt *s, int i, int64_t value);
void tb_bind_real(sqlite3_stmt *s, int i, double value);
/* One step. OK: a row is there. NOT_FOUND: none (any more), err is left alone. */
TB_MUST_USE tb_status tb_store_step(tb_store *store, sqlite3_stmt *s, tb_error *err);
/* Run a statement to its end and reset it; the number of rows that it changed in *n (may be NULL).
 */
TB_MUST_USE tb_status tb_store_run(tb_store *store, sqlite3_stmt *s, int64_t *n, tb_error *err);
/* Text of a column: owned; NULL for NULL, or for memory (then *st is NO_MEMORY). */
char *tb_column_text(sqlite3_stmt *s, int i, tb_status *st);
/* Text of a column, cut to `cap` with its NUL; *st as above. */
void tb_column_fixed(sqlite3_stmt *s, int i, char *out, size_t cap, tb_status *st);
/* Milliseconds since the epoch. */
int64_t tb_store_now_ms(void);

/* Lock, and begin a transaction that may write. On failure nothing is held. */
TB_MUST_USE tb_status tb_store_begin(tb_store *store, tb_error *err);
/* Commit where st is OK, else roll back; unlock. The status of the whole. */
TB_MUST_USE tb_status tb_store_end(tb_store *store, tb_status st, tb_error *err);
/* The next version, within a transaction. */
TB_MUST_USE tb_status tb_store_next_version(tb_store *store, int64_t *version, tb_error *err);

#endif
