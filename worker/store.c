/* Opening, schema and health of the store; the tables are in store_jobs.c and its siblings. */
#include "worker/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/store_sql.h"

extern const unsigned char tb_data_schema_1[], tb_data_schema_2[];

const char *tb_schema_step(int i)
{
    static const unsigned char *const steps[TB_SCHEMA_STEPS] = {tb_data_schema_1, tb_data_schema_2};
    return (const char *)steps[i];
}

static tb_status execute(tb_store *store, const char *sql, const char *doing, tb_error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TIMBRE_OK : tb_store_explain(store, code, doing, err);
}

static tb_status read_schema_version(tb_store *store, int *version, tb_error *err)
{
    static const char sql[] = "PRAGMA user_version";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK)
        *version = sqlite3_column_int(s, 0);
    (void)sqlite3_reset(s);
    return st;
}

/* A database that has tables and no version of ours is another program's, and stays as it is. */
static tb_status require_ours(tb_store *store, const char *path, tb_error *err)
{
    static const char sql[] = "SELECT count(*) FROM sqlite_master";
    int version = 0;
    tb_status st = read_schema_version(store, &version, err);
    sqlite3_stmt *s = st == TIMBRE_OK ? tb_store_prepare(store, sql, err) : NULL;
    if (s == NULL)
        return st == TIMBRE_OK ? err->code : st;
    st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK && version == 0 && sqlite3_column_int(s, 0) > 0) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%.200s' is a database of another program", path);
        tb_fix(err, "move it away, or use another data folder");
    }
    (void)sqlite3_reset(s);
    return st;
}

/*
 * Exclusive locking keeps every other process out and the WAL index in memory; with the one
 * connection it also keeps clear of the WAL-reset bug of SQLite before 3.51.3.
 */
static tb_status set_up(tb_store *store, const char *path, tb_error *err)
{
    static const char *const pragmas[] = {
        "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF", "PRAGMA fullfsync = 1",
        "PRAGMA checkpoint_fullfsync = 1", "PRAGMA journal_size_limit = 16777216",
        /* takes the lock now rather than with the first job */
        "BEGIN EXCLUSIVE; COMMIT"};
    char doing[200];
    (void)snprintf(doing, sizeof doing, "cannot open the store '%.160s'", path);
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof pragmas / sizeof pragmas[0]; i++) {
        st = execute(store, pragmas[i], doing, err);
        if (st == TIMBRE_OK && i == 0) { /* locked, and not yet changed */
            st = require_ours(store, path, err);
            if (st != TIMBRE_OK)
                tb_error_name(err, path);
        }
    }
    return st;
}

static tb_status migrate(tb_store *store, const char *path, tb_error *err)
{
    int version = 0;
    tb_status st = read_schema_version(store, &version, err);
    if (st != TIMBRE_OK)
        return st;
    if (version > TB_SCHEMA_STEPS || version < 0) {
        st = tb_fail(err, TIMBRE_BAD_FILE,
                     "the store '%.200s' has schema %d, this program knows %d", path, version,
                     TB_SCHEMA_STEPS);
        tb_fix(err, "use the newer Timbre that made it, or another data folder");
        return st;
    }
    for (int i = version; st == TIMBRE_OK && i < TB_SCHEMA_STEPS; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d; COMMIT", i + 1);
        st = execute(store, "BEGIN EXCLUSIVE", "cannot change the store", err);
        if (st == TIMBRE_OK)
            st = execute(store, tb_schema_step(i), "cannot change the store", err);
        if (st == TIMBRE_OK)
            st = execute(store, sql, "cannot change the store", err);
        if (st != TIMBRE_OK && sqlite3_get_autocommit(store->db) == 0)
            (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

tb_status tb_store_open_with(const char *path, const char *vfs, tb_store **out, tb_error *err)
{
    *out = NULL;
    tb_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the store");
    pthread_mutex_init(&store->mutex, NULL);
    int code = sqlite3_open_v2(path, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_EXRESCODE,
                               vfs);
    tb_status st = code == SQLITE_OK ? set_up(store, path, err)
                                     : tb_store_explain(store, code, "cannot open the store", err);
    if (st == TIMBRE_OK)
        st = migrate(store, path, err);
    if (st != TIMBRE_OK) {
        tb_store_close(store);
        return st;
    }
    *out = store;
    return TIMBRE_OK;
}

tb_status tb_store_open(const char *path, tb_store **out, tb_error *err)
{
    return tb_store_open_with(path, NULL, out, err);
}

void tb_store_close(tb_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->n_statements; i++)
        (void)sqlite3_finalize(store->statements[i].prepared);
    (void)sqlite3_close(store->db);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

tb_status tb_store_check(tb_store *store, tb_error *err)
{
    static const char sql[] = "INSERT INTO counter VALUES ('checks', 1) ON CONFLICT (name) DO "
                              "UPDATE SET value = value + 1";
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = tb_store_run(store, tb_store_prepare(store, sql, err), NULL, err);
    return tb_store_end(store, st, err);
}

tb_status tb_store_verify(tb_store *store, tb_error *err)
{
    static const char sql[] = "PRAGMA integrity_check(1)";
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_status st = s == NULL ? err->code : tb_store_step(store, s, err);
    if (st == TIMBRE_OK) {
        char line[200];
        tb_column_fixed(s, 0, line, sizeof line, &st);
        if (st != TIMBRE_OK)
            st = tb_fail(err, st, "no memory for the store");
        else if (strcmp(line, "ok") != 0)
            st = tb_fail(err, TIMBRE_BAD_FILE, "the store is damaged: %s", line);
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    return st;
}

int64_t tb_store_version(tb_store *store)
{
    static const char sql[] = "SELECT value FROM counter WHERE name = 'version'";
    tb_error why = {0};
    int64_t version = 0;
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, &why);
    if (s != NULL && tb_store_step(store, s, &why) == TIMBRE_OK)
        version = sqlite3_column_int64(s, 0);
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    return version;
}
