/* A store of every older schema becomes the newest one and loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/worker/stores.h"
#include "worker/store_sql.h"

/* Rows that a database at step i has beyond those of step i - 1. */
static const char *const samples[TB_SCHEMA_STEPS] = {
    "INSERT INTO job (id, version, state, priority, request, model_id, body_sha256, "
    "idempotency_key, "
    "created_ms, updated_ms) VALUES ('j', 1, 'queued', 3, '{}', 'm', 'ab', 'k', 10, 11);"
    "INSERT INTO take (id, version, path, len_bytes, sha256, made_ms, title, prompt, seed, "
    "model_id, "
    "duration_seconds, format, metadata, recipe, folded) VALUES ('t', 2, '/t.wav', 5, "
    "printf('%064d', 1), 12, 'Title', 'p', 7, 'm', 1.5, 'wav', '{}', '{}', 'p title m');"
    "UPDATE counter SET value = 2 WHERE name = 'version';",
    "INSERT INTO preset (name, request, updated_ms) VALUES ('p', '{}', 13);"
    "INSERT INTO input (id, media_type, len_bytes, sha256, created_ms) VALUES ('i', 'audio/wav', "
    "4, "
    "printf('%064d', 2), 14);",
};

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
}

static void make_at(int step, const char *path)
{
    sqlite3 *db;
    char mark[64];
    (void)remove(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (int i = 0; i < step; i++) {
        run(db, tb_schema_step(i));
        run(db, samples[i]);
    }
    (void)snprintf(mark, sizeof mark, "PRAGMA user_version = %d", step);
    run(db, mark);
    sqlite3_close(db);
}

static int append_row(void *user, int n, char **values, char **names)
{
    FILE *out = user;
    (void)names;
    for (int i = 0; i < n; i++)
        (void)fprintf(out, "%s|", values[i] != NULL ? values[i] : "NULL");
    (void)fputc('\n', out);
    return 0;
}

/* What a query finds, as text; owned. */
static char *answer(const char *path, const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, append_row, out, NULL), SQLITE_OK);
    sqlite3_close(db);
    (void)fclose(out);
    return text;
}

static void require_same_answer(const char *a, const char *b, const char *sql)
{
    char *of_a = answer(a, sql), *of_b = answer(b, sql);
    assert_string_equal(of_a, of_b);
    free(of_a);
    free(of_b);
}

static void migrate(const char *path)
{
    tb_error err = {0};
    tb_store *store;
    if (tb_store_open(path, &store, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tb_store_verify(store, &err), TIMBRE_OK);
    tb_store_close(store);
}

static void every_step_leads_to_the_newest_schema(void **state)
{
    (void)state;
    (void)remove("new.db");
    migrate("new.db");
    for (int step = 0; step <= TB_SCHEMA_STEPS; step++) {
        make_at(step, "old.db");
        migrate("old.db");
        require_same_answer("old.db", "new.db",
                            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name");
        require_same_answer("old.db", "new.db", "PRAGMA user_version");
    }
}

static void rows_survive_every_step(void **state)
{
    (void)state;
    static const char *const tables[TB_SCHEMA_STEPS][3] = {
        {"SELECT * FROM job", "SELECT * FROM take", "SELECT * FROM counter"},
        {"SELECT * FROM preset", "SELECT * FROM input", "SELECT 1"}};
    for (int step = 1; step <= TB_SCHEMA_STEPS; step++) {
        make_at(step, "old.db");
        make_at(step, "same.db");
        migrate("old.db");
        for (int i = 0; i < step; i++)
            for (int j = 0; j < 3; j++)
                require_same_answer("old.db", "same.db", tables[i][j]);
    }
}

static void an_old_store_works_on(void **state)
{
    (void)state;
    tb_error err = {0};
    tb_store *store;
    tb_stored_job job;
    tb_stored_take take;
    make_at(1, "old.db");
    assert_int_equal(tb_store_open("old.db", &store, &err), TIMBRE_OK);
    assert_int_equal(tb_store_claim(store, &job, &err), TIMBRE_OK);
    assert_string_equal(job.id, "j");
    assert_int_equal(job.version, 3);
    tb_stored_job_deinit(&job);
    assert_int_equal(tb_store_get_take_by_number(store, 1, &take, &err), TIMBRE_OK);
    assert_string_equal(take.title, "Title");
    tb_stored_take_deinit(&take);
    tb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_leads_to_the_newest_schema),
        cmocka_unit_test(rows_survive_every_step),
        cmocka_unit_test(an_old_store_works_on),
    };
    return cmocka_run_group_tests_name("store migrate", tests, enter_folder, leave_folder);
}
