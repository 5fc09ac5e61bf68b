#include "worker/store_sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/str.h"

/* The first that fits counts: extended codes stand before their primary one. */
static const struct {
    int code;
    tb_status status;
    const char *fix;
} meanings[] = {
    {SQLITE_FULL, TIMBRE_NO_SPACE, "free some space where the data folder is"},
    {SQLITE_NOMEM, TIMBRE_NO_MEMORY, ""},
    {SQLITE_IOERR_NOMEM, TIMBRE_NO_MEMORY, ""},
    {SQLITE_CONSTRAINT_UNIQUE, TIMBRE_EXISTS, ""},
    {SQLITE_CONSTRAINT_PRIMARYKEY, TIMBRE_EXISTS, ""},
    {SQLITE_CORRUPT, TIMBRE_BAD_FILE,
     "move the file away: takes stay where they are, their numbers and stars are in it"},
    {SQLITE_NOTADB, TIMBRE_BAD_FILE, "move the file away: it is none of Timbre's"},
    {SQLITE_BUSY, TIMBRE_EXISTS, "another process has it open; stop that one"},
    {SQLITE_LOCKED, TIMBRE_EXISTS, "another process has it open; stop that one"},
    {SQLITE_PERM, TIMBRE_PERMISSION, "make the data folder yours"},
    {SQLITE_AUTH, TIMBRE_PERMISSION, "make the data folder yours"},
    {SQLITE_READONLY, TIMBRE_PERMISSION, "make the data folder writable"},
    {SQLITE_CANTOPEN, TIMBRE_IO, "look whether the data folder is there and yours"},
    {SQLITE_CONSTRAINT, TIMBRE_INTERNAL, ""},
};

tb_status tb_store_explain(tb_store *store, int code, const char *doing, tb_error *err)
{
    const char *why = store->db == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(store->db);
    int primary = code & 0xff, cause = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
    bool is_file = (primary == SQLITE_IOERR && code != SQLITE_IOERR_NOMEM) ||
                   primary == SQLITE_CANTOPEN;
    if (is_file && (cause == ENOSPC || cause == EDQUOT || cause == EACCES || cause == EROFS))
        return tb_fail_errno(err, cause, "%s", doing);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].code != code && meanings[i].code != (code & 0xff))
            continue;
        tb_status st = tb_fail(err, meanings[i].status, "%s: %.300s", doing, why);
        if (meanings[i].fix[0] != '\0')
            tb_fix(err, "%s", meanings[i].fix);
        return st;
    }
    return tb_fail(err, TIMBRE_IO, "%s: %.300s (code %d)", doing, why, code);
}

sqlite3_stmt *tb_store_prepare(tb_store *store, const char *sql, tb_error *err)
{
    for (size_t i = 0; i < store->n_statements; i++) {
        tb_statement *known = &store->statements[i];
        if (known->sql != sql)
            continue;
        (void)sqlite3_reset(known->prepared);
        (void)sqlite3_clear_bindings(known->prepared);
        return known->prepared;
    }
    sqlite3_stmt *prepared = NULL;
    int code = store->n_statements == TB_STATEMENTS_MAX
                   ? SQLITE_NOMEM
                   : sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared,
                                        NULL);
    if (code != SQLITE_OK) {
        (void)tb_store_explain(store, code, "cannot ask the store", err);
        return NULL;
    }
    store->statements[store->n_statements++] = (tb_statement){sql, prepared};
    return prepared;
}

void tb_bind_text(sqlite3_stmt *s, int i, const char *text)
{
    if (s != NULL && text != NULL)
        (void)sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

void tb_bind_int(sqlite3_stmt *s, int i, int64_t value)
{
    if (s != NULL)
        (void)sqlite3_bind_int64(s, i, value);
}

void tb_bind_real(sqlite3_stmt *s, int i, double value)
{
    if (s != NULL)
        (void)sqlite3_bind_double(s, i, value);
}

tb_status tb_store_step(tb_store *store, sqlite3_stmt *s, tb_error *err)
{
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return TIMBRE_OK;
    if (code == SQLITE_DONE)
        return TIMBRE_NOT_FOUND;
    return tb_store_explain(store, code, "the store does not answer", err);
}

tb_status tb_store_run(tb_store *store, sqlite3_stmt *s, int64_t *n, tb_error *err)
{
    if (s == NULL) /* not prepared: err says why */
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK || st == TIMBRE_NOT_FOUND) {
        st = TIMBRE_OK;
        if (n != NULL)
            *n = sqlite3_changes64(store->db);
    }
    (void)sqlite3_reset(s);
    return st;
}

char *tb_column_text(sqlite3_stmt *s, int i, tb_status *st)
{
    if (sqlite3_column_type(s, i) == SQLITE_NULL)
        return NULL;
    const unsigned char *text = sqlite3_column_text(s, i);
    char *copy = text == NULL ? NULL : tb_strdup((const char *)text);
    if (copy == NULL)
        *st = TIMBRE_NO_MEMORY;
    return copy;
}

void tb_column_fixed(sqlite3_stmt *s, int i, char *out, size_t cap, tb_status *st)
{
    const unsigned char *text = sqlite3_column_text(s, i);
    if (text == NULL && sqlite3_column_type(s, i) != SQLITE_NULL)
        *st = TIMBRE_NO_MEMORY;
    (void)snprintf(out, cap, "%s", text == NULL ? "" : (const char *)text);
}

int64_t tb_store_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void undo(tb_store *store)
{
    if (sqlite3_get_autocommit(store->db) == 0)
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

tb_status tb_store_begin(tb_store *store, tb_error *err)
{
    static const char sql[] = "BEGIN IMMEDIATE";
    pthread_mutex_lock(&store->mutex);
    undo(store); /* what could not be rolled back when it failed, for want of memory */
    tb_status st = tb_store_run(store, tb_store_prepare(store, sql, err), NULL, err);
    if (st != TIMBRE_OK)
        pthread_mutex_unlock(&store->mutex);
    return st;
}

tb_status tb_store_end(tb_store *store, tb_status st, tb_error *err)
{
    static const char commit[] = "COMMIT";
    if (st == TIMBRE_OK)
        st = tb_store_run(store, tb_store_prepare(store, commit, err), NULL, err);
    /* A failed commit may have rolled back by itself (a full disk); a second time is harmless. */
    if (st != TIMBRE_OK)
        undo(store);
    pthread_mutex_unlock(&store->mutex);
    return st;
}

tb_status tb_store_next_version(tb_store *store, int64_t *version, tb_error *err)
{
    static const char sql[] =
        "UPDATE counter SET value = value + 1 WHERE name = 'version' RETURNING value";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK)
        *version = sqlite3_column_int64(s, 0);
    else if (st == TIMBRE_NOT_FOUND)
        st = tb_fail(err, TIMBRE_BAD_FILE, "the store has lost its counter");
    /* RETURNING changes its rows with the first step; the reset ends the statement */
    (void)sqlite3_reset(s);
    return st;
}
