/* Takes: what jobs made, and what was made without a worker. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "worker/store_rows.h"

/* ---- rows ---- */

void tb_stored_take_deinit(tb_stored_take *take)
{
    free(take->path);
    free(take->title);
    free(take->prompt);
    free(take->model_id);
    free(take->format);
    free(take->metadata);
    free(take->recipe);
    free(take->trash_path);
    memset(take, 0, sizeof *take);
}

void tb_stored_takes_free(tb_stored_take *takes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tb_stored_take_deinit(&takes[i]);
    free(takes);
}

tb_status tb_take_read(sqlite3_stmt *s, tb_stored_take *out, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    *out = (tb_stored_take){.number = sqlite3_column_int64(s, 1),
                            .version = sqlite3_column_int64(s, 2),
                            .path = tb_column_text(s, 3, &st),
                            .len_bytes = sqlite3_column_int64(s, 4),
                            .made_ms = sqlite3_column_int64(s, 6),
                            .title = tb_column_text(s, 7, &st),
                            .is_starred = sqlite3_column_int(s, 8) != 0,
                            .prompt = tb_column_text(s, 9, &st),
                            .seed = sqlite3_column_int64(s, 10),
                            .model_id = tb_column_text(s, 11, &st),
                            .duration_seconds = sqlite3_column_double(s, 12),
                            .format = tb_column_text(s, 13, &st),
                            .metadata = tb_column_text(s, 14, &st),
                            .recipe = tb_column_text(s, 15, &st),
                            .trashed_ms = sqlite3_column_int64(s, 16),
                            .trash_path = tb_column_text(s, 17, &st)};
    tb_column_fixed(s, 0, out->id, sizeof out->id, &st);
    tb_column_fixed(s, 5, out->sha256, sizeof out->sha256, &st);
    if (st == TIMBRE_OK)
        return TIMBRE_OK;
    tb_stored_take_deinit(out);
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take");
}

static tb_status read_one(tb_store *store, sqlite3_stmt *s, const char *name, tb_stored_take *out,
                          tb_error *err)
{
    *out = (tb_stored_take){0};
    if (s == NULL)
        return err->code;
    tb_status st = tb_store_step(store, s, err);
    if (st == TIMBRE_OK)
        st = tb_take_read(s, out, err);
    else if (st == TIMBRE_NOT_FOUND)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no take '%.60s'", name);
    (void)sqlite3_reset(s);
    return st;
}

/* Without case and accents; what is no UTF-8 stays as it is. Owned; NULL for memory. */
static char *fold_text(const char *text)
{
    size_t len = strlen(text);
    return tb_utf8_check(text, len) == len ? tb_utf8_fold(text, len) : tb_strdup(text);
}

/* What search looks in: without case and accents. Owned. */
static char *fold(const char *prompt, const char *title, const char *model_id)
{
    char *whole = tb_strf("%s\n%s\n%s", prompt, title, model_id);
    char *folded = whole == NULL ? NULL : fold_text(whole);
    free(whole);
    return folded;
}

tb_status tb_take_insert(tb_store *store, tb_stored_take *take, tb_error *err)
{
    static const char sql[] =
        "INSERT INTO take (id, version, path, len_bytes, sha256, made_ms, title, starred, prompt, "
        "seed, model_id, duration_seconds, format, metadata, recipe, folded) VALUES (?1, ?2, ?3, "
        "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    tb_status st = tb_store_next_version(store, &take->version, err);
    char *folded = fold(take->prompt, take->title, take->model_id);
    if (st == TIMBRE_OK && folded == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a take");
    sqlite3_stmt *s = st == TIMBRE_OK ? tb_store_prepare(store, sql, err) : NULL;
    if (s != NULL) {
        const char *const texts[] = {take->path,     take->sha256,   take->title,
                                     take->prompt,   take->model_id, take->format,
                                     take->metadata, take->recipe,   folded};
        static const int places[] = {3, 5, 7, 9, 11, 13, 14, 15, 16};
        tb_bind_text(s, 1, take->id);
        tb_bind_int(s, 2, take->version);
        tb_bind_int(s, 4, take->len_bytes);
        tb_bind_int(s, 6, take->made_ms);
        tb_bind_int(s, 8, take->is_starred);
        tb_bind_int(s, 10, take->seed);
        tb_bind_real(s, 12, take->duration_seconds);
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
            tb_bind_text(s, places[i], texts[i]);
        st = tb_store_run(store, s, NULL, err);
        if (st == TIMBRE_OK)
            take->number = sqlite3_last_insert_rowid(store->db);
    } else if (st == TIMBRE_OK) {
        st = err->code;
    }
    free(folded);
    return st;
}

/* ---- entering and finding ---- */

static tb_status get(tb_store *store, const char *id, tb_stored_take *out, tb_error *err)
{
    static const char sql[] = "SELECT " TB_TAKE_COLUMNS " FROM take WHERE id = ?1";
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, id);
    return read_one(store, s, id, out, err);
}

tb_status tb_store_import_take(tb_store *store, tb_stored_take *take, tb_error *err)
{
    static const char known[] =
        "SELECT 1 FROM take WHERE id = ?1 OR (path = ?2 AND trashed_ms = 0) "
        "UNION ALL SELECT 1 FROM job WHERE id = ?1";
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, known, err);
    tb_bind_text(s, 1, take->id);
    tb_bind_text(s, 2, take->path);
    st = s == NULL ? err->code : tb_store_step(store, s, err);
    (void)sqlite3_reset(s);
    if (st == TIMBRE_OK)
        st = tb_fail(err, TIMBRE_EXISTS, "the take '%.40s' is known", take->id);
    else if (st == TIMBRE_NOT_FOUND)
        st = tb_take_insert(store, take, err);
    return tb_store_end(store, st, err);
}

tb_status tb_store_get_take(tb_store *store, const char *id, tb_stored_take *out, tb_error *err)
{
    pthread_mutex_lock(&store->mutex);
    tb_status st = get(store, id, out, err);
    pthread_mutex_unlock(&store->mutex);
    return st;
}

tb_status tb_store_get_take_by_number(tb_store *store, int64_t number, tb_stored_take *out,
                                      tb_error *err)
{
    static const char sql[] = "SELECT " TB_TAKE_COLUMNS " FROM take WHERE number = ?1";
    char *name = tb_strf("#%lld", (long long)number);
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_int(s, 1, number);
    tb_status st = read_one(store, s, name == NULL ? "" : name, out, err);
    pthread_mutex_unlock(&store->mutex);
    free(name);
    return st;
}

tb_status tb_store_has_path(tb_store *store, const char *path, bool *has, tb_error *err)
{
    static const char sql[] = "SELECT 1 FROM take WHERE path = ?1 AND trashed_ms = 0";
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, path);
    tb_status st = s == NULL ? err->code : tb_store_step(store, s, err);
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    *has = st == TIMBRE_OK;
    return st == TIMBRE_NOT_FOUND ? TIMBRE_OK : st;
}

/* ---- lists ---- */

/* Whether every word of `words` (folded, separated by spaces) is in `text`. */
static bool has_words(const char *text, const char *words)
{
    char word[256];
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " \t\n");
        size_t kept = n < sizeof word ? n : sizeof word - 1;
        memcpy(word, at, kept);
        word[kept] = '\0';
        if (strstr(text, word) == NULL)
            return false;
        at += n + strspn(at + n, " \t\n");
    }
    return true;
}

static tb_status collect(tb_store *store, sqlite3_stmt *s, const char *words, size_t limit,
                         tb_stored_take **takes, size_t *n, tb_error *err)
{
    enum { FOLDED = 18 }; /* the column behind TB_TAKE_COLUMNS */
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && *n < limit && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        const unsigned char *folded = sqlite3_column_text(s, FOLDED);
        if (folded == NULL)
            return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a search");
        if (words != NULL && !has_words((const char *)folded, words))
            continue;
        st = tb_rows_grow((void **)takes, *n, sizeof **takes, err);
        if (st == TIMBRE_OK)
            st = tb_take_read(s, &(*takes)[*n], err);
        *n += st == TIMBRE_OK;
    }
    return st == TIMBRE_NOT_FOUND ? TIMBRE_OK : st;
}

#define WHERE                                                                                      \
    " FROM take WHERE (trashed_ms > 0) = ?1 AND (?2 < 0 OR starred = ?2) AND (?3 = 0 OR number < " \
    "?3) AND (?4 = 0 OR made_ms < ?4) ORDER BY "

tb_status tb_store_list_takes(tb_store *store, const tb_take_filter *filter, tb_stored_take **takes,
                              size_t *n, tb_error *err)
{
    static const char newest[] = "SELECT " TB_TAKE_COLUMNS ", folded" WHERE "number DESC";
    static const char oldest[] = "SELECT " TB_TAKE_COLUMNS ", folded" WHERE "made_ms, number";
    *takes = NULL;
    *n = 0;
    char *words = NULL;
    if (filter->words != NULL && (words = fold_text(filter->words)) == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a search");
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, filter->is_oldest_first ? oldest : newest, err);
    tb_bind_int(s, 1, filter->is_trashed);
    tb_bind_int(s, 2, filter->starred);
    tb_bind_int(s, 3, filter->before_number);
    tb_bind_int(s, 4, filter->made_before_ms);
    tb_status st = s == NULL ? err->code : collect(store, s, words, filter->limit, takes, n, err);
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    free(words);
    if (st != TIMBRE_OK) {
        tb_stored_takes_free(*takes, *n);
        *takes = NULL;
        *n = 0;
    }
    return st;
}

tb_status tb_store_total_takes(tb_store *store, tb_take_totals *out, tb_error *err)
{
    static const char sql[] =
        "SELECT trashed_ms > 0, count(*), sum(len_bytes) FROM take GROUP BY trashed_ms > 0";
    *out = (tb_take_totals){0};
    pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_status st = s == NULL ? err->code : TIMBRE_OK;
    while (st == TIMBRE_OK && (st = tb_store_step(store, s, err)) == TIMBRE_OK) {
        bool is_trashed = sqlite3_column_int(s, 0) != 0;
        *(is_trashed ? &out->n_trashed : &out->n) = sqlite3_column_int64(s, 1);
        *(is_trashed ? &out->trashed_bytes : &out->len_bytes) = sqlite3_column_int64(s, 2);
    }
    (void)sqlite3_reset(s);
    pthread_mutex_unlock(&store->mutex);
    return st == TIMBRE_NOT_FOUND ? TIMBRE_OK : st;
}

/* ---- changes ---- */

/* ?1 id, ?2 version, ?3 text, ?4 number; NOT_FOUND when no row is changed. */
static tb_status change(tb_store *store, const char *sql, const char *id, const char *text,
                        int64_t number, tb_error *err)
{
    int64_t version = 0, n = 0;
    tb_status st = tb_store_next_version(store, &version, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, sql, err);
    tb_bind_text(s, 1, id);
    tb_bind_int(s, 2, version);
    tb_bind_text(s, 3, text);
    tb_bind_int(s, 4, number);
    st = tb_store_run(store, s, &n, err);
    if (st == TIMBRE_OK && n == 0)
        st = tb_fail(err, TIMBRE_NOT_FOUND, "there is no take '%.60s' to change", id);
    return st;
}

static tb_status set_title(tb_store *store, const char *id, const char *title, tb_error *err)
{
    static const char rename[] =
        "UPDATE take SET version = ?2, title = ?3 WHERE id = ?1 AND ?4 = 0";
    static const char refold[] =
        "UPDATE take SET version = ?2, folded = ?3 WHERE id = ?1 AND ?4 = 0";
    tb_stored_take take;
    tb_status st = get(store, id, &take, err);
    if (st != TIMBRE_OK)
        return st;
    char *folded = fold(take.prompt, title, take.model_id);
    st = folded == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a title")
                        : change(store, rename, id, title, 0, err);
    if (st == TIMBRE_OK)
        st = change(store, refold, id, folded, 0, err);
    free(folded);
    tb_stored_take_deinit(&take);
    return st;
}

tb_status tb_store_edit_take(tb_store *store, const char *id, const char *title, int starred,
                             tb_stored_take *out, tb_error *err)
{
    static const char star[] =
        "UPDATE take SET version = ?2, starred = ?4 WHERE id = ?1 AND ?3 IS NULL";
    *out = (tb_stored_take){0};
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    if (title != NULL)
        st = set_title(store, id, title, err);
    if (st == TIMBRE_OK && starred >= 0)
        st = change(store, star, id, NULL, starred, err);
    if (st == TIMBRE_OK)
        st = get(store, id, out, err);
    st = tb_store_end(store, st, err);
    if (st != TIMBRE_OK)
        tb_stored_take_deinit(out);
    return st;
}

static tb_status change_alone(tb_store *store, const char *sql, const char *id, const char *text,
                              int64_t number, tb_error *err)
{
    tb_status st = tb_store_begin(store, err);
    return st == TIMBRE_OK ? tb_store_end(store, change(store, sql, id, text, number, err), err)
                           : st;
}

tb_status tb_store_trash_take(tb_store *store, const char *id, const char *trash_path,
                              tb_error *err)
{
    static const char sql[] =
        "UPDATE take SET version = ?2, trash_path = ?3, trashed_ms = ?4 WHERE id = ?1";
    return change_alone(store, sql, id, trash_path, tb_store_now_ms(), err);
}

tb_status tb_store_restore_take(tb_store *store, const char *id, const char *path, tb_error *err)
{
    static const char sql[] = "UPDATE take SET version = ?2, path = ?3, trash_path = NULL, "
                              "trashed_ms = ?4 WHERE id = ?1";
    return change_alone(store, sql, id, path, 0, err);
}

tb_status tb_store_forget_take(tb_store *store, const char *id, tb_error *err)
{
    static const char take[] = "DELETE FROM take WHERE id = ?1";
    static const char job[] = "DELETE FROM job WHERE id = ?1 AND state = 'succeeded'";
    tb_status st = tb_store_begin(store, err);
    if (st != TIMBRE_OK)
        return st;
    sqlite3_stmt *s = tb_store_prepare(store, take, err);
    tb_bind_text(s, 1, id);
    st = tb_store_run(store, s, NULL, err);
    if (st == TIMBRE_OK) {
        s = tb_store_prepare(store, job, err);
        tb_bind_text(s, 1, id);
        st = tb_store_run(store, s, NULL, err);
    }
    return tb_store_end(store, st, err);
}
