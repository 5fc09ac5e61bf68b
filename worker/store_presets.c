/* Presets, and what clients brought. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/store_rows.h"

void tb_stored_presets_free(tb_stored_preset *presets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(presets[i].name);
        free(presets[i].request);
    }
    free(presets);
}

static tb_status get_preset(tb_store *store, const char *name, char **request, int64_t *updated_ms,
                            tb_error *err)
{
    static const char sql[] = "SELECT request, updated_ms FROM preset WHERE name = ?1";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    *request = NULL;
    if (s == NULL)
        return err->code;
    tb_bind_text(s, 1, name);
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK) {
        *request = tb_column_text(s, 0, &st);
        *updated_ms = sqlite3_column_int64(s, 1);
        if (*request == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a preset");
    } else if (st == TIMBRE_NOT_FOUND) {
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no preset '%.64s'", name);
    }
    (void)sqlite3_reset(s);
    return st;
}

tb_status tb_store_get_preset(tb_store *store, const char *name, char **request,
                              int64_t *updated_ms, tb_error *err)
{
    pthread_mutex_lock(&store->mutex);
    tb_status st = get_preset(store, name, request, updated_ms, err);
    pthread_mutex_unlock(&store->mutex);
    return st;
}

tb_status tb_store_put_preset(tb_store *store, const char *name, const char *request, bool *is_new,
                              tb_error *err)
{
    static const char sql[] = "INSERT INTO preset VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE "
                              "SET request = ?2, updated_ms = ?3";
    char *before = NULL;
    int64_t updated_ms;
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = get_preset(store, name, &before, &updated_ms, err);
    *is_new = st == TIMBRE_NOT_FOUND;
    free(before);
    if (st != TIMBRE_OK && !*is_new)
        return tb_store_end(store, st, err);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, name);
    tb_bind_text(s, 2, request);
    tb_bind_int(s, 3, tb_store_now_ms());
    st = tb_store_run(store, s, NULL, err);
    return tb_store_end(store, st, err);
}

tb_status tb_store_list_presets(tb_store *store, tb_stored_preset **presets, size_t *n,
                                tb_error *err)
{
    static const char sql[] = "SELECT name, request, updated_ms FROM preset ORDER BY name";
    *presets = NULL;
    *n = 0;
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_status st = s == NULL ? err->code : TIMBRE_OK;
    while (st == TIMBRE_OK && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        st = tb_rows_grow((void **)presets, *n, sizeof **presets, err);
        if (st != TIMBRE_OK)
            break;
        tb_stored_preset *p = &(*presets)[(*n)++];
        *p = (tb_stored_preset){.name = tb_column_text(s, 0, &st),
                                .request = tb_column_text(s, 1, &st),
                                .updated_ms = sqlite3_column_int64(s, 2)};
        if (st != TIMBRE_OK)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for presets");
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    if (st == TIMBRE_NOT_FOUND)
        return TIMBRE_OK;
    tb_stored_presets_free(*presets, *n);
    *presets = NULL;
    *n = 0;
    return st;
}

/* A statement on one row by its name; NOT_FOUND says what was looked for. */
static tb_status delete_one(tb_store *store, const char *sql, const char *what, const char *name,
                            tb_error *err)
{
    int64_t n = 0;
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, name);
    st = tb_store_run(store, s, &n, err);
    if (st == TIMBRE_OK && n == 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no %s '%.64s'", what, name);
    return tb_store_end(store, st, err);
}

tb_status tb_store_delete_preset(tb_store *store, const char *name, tb_error *err)
{
    static const char sql[] = "DELETE FROM preset WHERE name = ?1";
    return delete_one(store, sql, "preset", name, err);
}

/* ---- inputs ---- */

#define INPUT_COLUMNS "SELECT id, media_type, len_bytes, sha256, created_ms FROM input "

static tb_status read_input(sqlite3_stmt *s, tb_stored_input *out, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    *out = (tb_stored_input){.len_bytes = sqlite3_column_int64(s, 2),
                             .created_ms = sqlite3_column_int64(s, 4)};
    tb_column_fixed(s, 0, out->id, sizeof out->id, &st);
    tb_column_fixed(s, 1, out->media_type, sizeof out->media_type, &st);
    tb_column_fixed(s, 3, out->sha256, sizeof out->sha256, &st);
    return st == TIMBRE_OK ? st : tb_fail(err, st, "no memory for an input");
}

/* NOT_FOUND: none, err untouched. */
static tb_status find_input(tb_store *store, const char *sql, const char *name,
                            tb_stored_input *out, tb_error *err)
{
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    if (s == NULL)
        return err->code;
    tb_bind_text(s, 1, name);
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK)
        st = read_input(s, out, err);
    (void)sqlite3_reset(s);
    return st;
}

static tb_status insert_input(tb_store *store, tb_stored_input *input, tb_error *err)
{
    static const char sql[] = "INSERT INTO input VALUES (?1, ?2, ?3, ?4, ?5)";
    input->created_ms = tb_store_now_ms();
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, input->id);
    tb_bind_text(s, 2, input->media_type);
    tb_bind_int(s, 3, input->len_bytes);
    tb_bind_text(s, 4, input->sha256);
    tb_bind_int(s, 5, input->created_ms);
    return tb_store_run(store, s, NULL, err);
}

tb_status tb_store_add_input(tb_store *store, tb_stored_input *input, bool *is_known, tb_error *err)
{
    static const char by_sha256[] = INPUT_COLUMNS "WHERE sha256 = ?1";
    tb_stored_input known;
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    st = find_input(store, by_sha256, input->sha256, &known, err);
    *is_known = st == TIMBRE_OK;
    if (*is_known)
        *input = known;
    else if (st == TIMBRE_NOT_FOUND)
        st = insert_input(store, input, err);
    return tb_store_end(store, st, err);
}

tb_status tb_store_get_input(tb_store *store, const char *id, tb_stored_input *out, tb_error *err)
{
    static const char by_id[] = INPUT_COLUMNS "WHERE ?1 IN (id, sha256)";
    pthread_mutex_lock(&store->mutex);
    tb_status st = find_input(store, by_id, id, out, err);
    pthread_mutex_unlock(&store->mutex);
    return st == TIMBRE_NOT_FOUND ? tb_fail(err, TIMBRE_NOT_FOUND, "there is no input '%.60s'", id)
                                  : st;
}

tb_status tb_store_list_inputs(tb_store *store, int64_t before_ms, size_t limit,
                               tb_stored_input **inputs, size_t *n, tb_error *err)
{
    static const char sql[] = INPUT_COLUMNS "WHERE created_ms < ?1 ORDER BY created_ms LIMIT ?2";
    *n = 0;
    *inputs = NULL;
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_int(s, 1, before_ms);
    tb_bind_int(s, 2, (int64_t)limit);
    tb_status st = s == NULL ? err->code : TIMBRE_OK;
    while (st == TIMBRE_OK && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        st = tb_rows_grow((void **)inputs, *n, sizeof **inputs, err);
        if (st == TIMBRE_OK)
            st = read_input(s, &(*inputs)[(*n)++], err);
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    if (st == TIMBRE_NOT_FOUND)
        return TIMBRE_OK;
    free(*inputs);
    *inputs = NULL;
    *n = 0;
    return st;
}

tb_status tb_store_forget_input(tb_store *store, const char *id, tb_error *err)
{
    static const char sql[] = "DELETE FROM input WHERE id = ?1";
    tb_status st = delete_one(store, sql, "input", id, err);
    return st == TIMBRE_NOT_FOUND ? TIMBRE_OK : st;
}
