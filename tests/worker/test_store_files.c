/* The store's takes, presets and inputs, and how it meets files that it cannot use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/folder.h"
#include "tests/worker/stores.h"

static tb_store *store;
static tb_error err;

static int open_new(void **state)
{
    (void)state;
    (void)remove("s.db");
    return tb_store_open("s.db", &store, &err) != TIMBRE_OK;
}

static int close_it(void **state)
{
    (void)state;
    tb_store_close(store);
    store = NULL;
    return 0;
}

static int64_t import_titled(int n, const char *prompt, const char *title)
{
    tb_stored_take take = take_of(n);
    if (prompt != NULL) {
        free(take.prompt);
        take.prompt = strdup(prompt);
    }
    if (title != NULL) {
        free(take.title);
        take.title = strdup(title);
    }
    if (tb_store_import_take(store, &take, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    int64_t number = take.number;
    assert_true(take.version == tb_store_version(store));
    tb_stored_take_deinit(&take);
    return number;
}

static void a_take_is_what_was_entered(void **state)
{
    (void)state;
    tb_stored_take in = take_of(7), out;
    assert_int_equal(tb_store_import_take(store, &in, &err), TIMBRE_OK);
    assert_int_equal(tb_store_get_take_by_number(store, in.number, &out, &err), TIMBRE_OK);
    assert_string_equal(out.id, in.id);
    assert_string_equal(out.path, in.path);
    assert_string_equal(out.sha256, in.sha256);
    assert_string_equal(out.prompt, in.prompt);
    assert_string_equal(out.model_id, in.model_id);
    assert_string_equal(out.format, in.format);
    assert_string_equal(out.metadata, in.metadata);
    assert_string_equal(out.recipe, in.recipe);
    assert_int_equal(out.len_bytes, in.len_bytes);
    assert_int_equal(out.made_ms, in.made_ms);
    assert_int_equal(out.seed, in.seed);
    assert_true(out.duration_seconds == in.duration_seconds);
    assert_null(out.trash_path);
    tb_stored_take_deinit(&out);
    assert_int_equal(tb_store_import_take(store, &in, &err), TIMBRE_EXISTS);
    tb_stored_take_deinit(&in);
    assert_int_equal(tb_store_get_take(store, id_of(8), &out, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_store_get_take_by_number(store, 99, &out, &err), TIMBRE_NOT_FOUND);
    assert_non_null(strstr(err.message, "99"));
}

static void numbers_are_never_given_twice(void **state)
{
    (void)state;
    assert_int_equal(import_titled(1, NULL, NULL), 1);
    assert_int_equal(import_titled(2, NULL, NULL), 2);
    assert_int_equal(tb_store_forget_take(store, id_of(2), &err), TIMBRE_OK);
    assert_int_equal(tb_store_forget_take(store, id_of(2), &err), TIMBRE_OK);
    tb_store_close(store);
    assert_int_equal(tb_store_open("s.db", &store, &err), TIMBRE_OK);
    assert_int_equal(import_titled(2, NULL, NULL), 3);
}

static size_t n_listed(tb_take_filter filter, int64_t first)
{
    tb_stored_take *takes;
    size_t n;
    filter.limit = filter.limit > 0 ? filter.limit : 1000;
    assert_int_equal(tb_store_list_takes(store, &filter, &takes, &n, &err), TIMBRE_OK);
    if (n > 0)
        assert_int_equal(takes[0].number, first);
    tb_stored_takes_free(takes, n);
    return n;
}

static void a_search_wants_every_word(void **state)
{
    (void)state;
    import_titled(1, "Caf\u00e9 at night", "");
    import_titled(2, "100% piano_solo", "Regen");
    import_titled(3, "a b", "c");
    static const struct {
        const char *words;
        size_t n;
        int64_t first;
    } cases[] = {{"cafe", 1, 1},     {"CAF\u00c9 night", 1, 1}, {"cafe day", 0, 0}, {"%", 1, 2},
                 {"_", 1, 2},        {"regen piano", 1, 2},     {"sketch", 3, 3},   {"", 3, 3},
                 {"  a\t b ", 1, 3}, {"sketch c a", 3, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = n_listed((tb_take_filter){.words = cases[i].words, .starred = -1},
                            cases[i].first);
        if (n != cases[i].n)
            fail_msg("'%s': %zu", cases[i].words, n);
    }
    tb_stored_take take;
    assert_int_equal(tb_store_edit_take(store, id_of(1), "Sunrise", -1, &take, &err), TIMBRE_OK);
    tb_stored_take_deinit(&take);
    assert_int_equal(n_listed((tb_take_filter){.words = "SUNRISE cafe", .starred = -1}, 1), 1);
}

static void lists_and_totals_keep_the_trash_apart(void **state)
{
    (void)state;
    tb_stored_take take;
    bool has = false;
    for (int i = 1; i <= 4; i++)
        (void)import_titled(i, NULL, NULL);
    assert_int_equal(tb_store_edit_take(store, id_of(3), NULL, 1, &take, &err), TIMBRE_OK);
    assert_true(take.is_starred);
    assert_string_equal(take.title, "");
    tb_stored_take_deinit(&take);
    assert_int_equal(tb_store_edit_take(store, id_of(9), NULL, 1, &take, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(n_listed((tb_take_filter){.starred = 1}, 3), 1);
    assert_int_equal(n_listed((tb_take_filter){.starred = 0}, 4), 3);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1, .before_number = 3}, 2), 2);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1, .made_before_ms = 5002}, 1), 1);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1, .is_oldest_first = true}, 1), 4);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1, .limit = 2}, 4), 2);
    assert_int_equal(tb_store_trash_take(store, id_of(4), "/trash/4", &err), TIMBRE_OK);
    assert_int_equal(tb_store_trash_take(store, id_of(9), "/trash/9", &err), TIMBRE_NOT_FOUND);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1}, 3), 3);
    assert_int_equal(n_listed((tb_take_filter){.starred = -1, .is_trashed = true}, 4), 1);
    assert_int_equal(tb_store_has_path(store, "/takes/4.wav", &has, &err), TIMBRE_OK);
    assert_false(has);
    tb_take_totals totals;
    assert_int_equal(tb_store_total_takes(store, &totals, &err), TIMBRE_OK);
    assert_int_equal(totals.n, 3);
    assert_int_equal(totals.len_bytes, 3006);
    assert_int_equal(totals.n_trashed, 1);
    assert_int_equal(totals.trashed_bytes, 1004);
    assert_int_equal(tb_store_get_take(store, id_of(4), &take, &err), TIMBRE_OK);
    assert_string_equal(take.trash_path, "/trash/4");
    assert_true(take.trashed_ms > 0);
    tb_stored_take_deinit(&take);
    assert_int_equal(tb_store_restore_take(store, id_of(4), "/takes/3.wav", &err), TIMBRE_EXISTS);
    assert_int_equal(tb_store_restore_take(store, id_of(4), "/takes/n.wav", &err), TIMBRE_OK);
    assert_int_equal(tb_store_has_path(store, "/takes/n.wav", &has, &err), TIMBRE_OK);
    assert_true(has);
}

static void presets_by_name(void **state)
{
    (void)state;
    bool is_new = false;
    char *request;
    int64_t ms;
    tb_stored_preset *presets;
    size_t n;
    assert_int_equal(tb_store_put_preset(store, "b", "{}", &is_new, &err), TIMBRE_OK);
    assert_true(is_new);
    assert_int_equal(tb_store_put_preset(store, "a", "{}", &is_new, &err), TIMBRE_OK);
    assert_int_equal(tb_store_put_preset(store, "b", "{\"x\":1}", &is_new, &err), TIMBRE_OK);
    assert_false(is_new);
    assert_int_equal(tb_store_get_preset(store, "b", &request, &ms, &err), TIMBRE_OK);
    assert_string_equal(request, "{\"x\":1}");
    assert_true(ms > 0);
    free(request);
    assert_int_equal(tb_store_list_presets(store, &presets, &n, &err), TIMBRE_OK);
    assert_int_equal(n, 2);
    assert_string_equal(presets[0].name, "a");
    tb_stored_presets_free(presets, n);
    assert_int_equal(tb_store_delete_preset(store, "b", &err), TIMBRE_OK);
    assert_int_equal(tb_store_delete_preset(store, "b", &err), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_store_get_preset(store, "b", &request, &ms, &err), TIMBRE_NOT_FOUND);
}

static void the_same_bytes_are_one_input(void **state)
{
    (void)state;
    tb_stored_input in = {.media_type = "audio/wav", .len_bytes = 5}, out;
    tb_stored_input *inputs;
    bool is_known = true;
    size_t n;
    memcpy(in.id, id_of(1), TB_ID_BYTES);
    memset(in.sha256, 'a', 64);
    assert_int_equal(tb_store_add_input(store, &in, &is_known, &err), TIMBRE_OK);
    assert_false(is_known);
    memcpy(in.id, id_of(2), TB_ID_BYTES);
    assert_int_equal(tb_store_add_input(store, &in, &is_known, &err), TIMBRE_OK);
    assert_true(is_known);
    assert_string_equal(in.id, id_of(1));
    assert_int_equal(tb_store_get_input(store, id_of(1), &out, &err), TIMBRE_OK);
    assert_string_equal(out.media_type, "audio/wav");
    assert_int_equal(tb_store_get_input(store, id_of(2), &out, &err), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_store_list_inputs(store, INT64_MAX, 10, &inputs, &n, &err), TIMBRE_OK);
    assert_int_equal(n, 1);
    free(inputs);
    assert_int_equal(tb_store_list_inputs(store, 1, 10, &inputs, &n, &err), TIMBRE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(tb_store_forget_input(store, id_of(1), &err), TIMBRE_OK);
    assert_int_equal(tb_store_forget_input(store, id_of(1), &err), TIMBRE_OK);
    assert_int_equal(tb_store_get_input(store, id_of(1), &out, &err), TIMBRE_NOT_FOUND);
}

/* ---- files that cannot be used ---- */

static tb_status open_other(const char *path)
{
    tb_store *other = NULL;
    err = (tb_error){0};
    tb_status st = tb_store_open(path, &other, &err);
    tb_store_close(other);
    return st;
}

static void one_process_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(open_other("s.db"), TIMBRE_EXISTS);
    assert_true(err.fix[0] != '\0');
    assert_int_equal(tb_store_check(store, &err), TIMBRE_OK);
}

static void a_file_of_another_kind_stays_as_it_is(void **state)
{
    (void)state;
    char text[4096], after[4096];
    memset(text, 'x', sizeof text);
    FILE *file = fopen("other.db", "w");
    assert_int_equal(fwrite(text, 1, sizeof text, file), sizeof text);
    fclose(file);
    assert_int_equal(open_other("other.db"), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "other.db"));
    file = fopen("other.db", "r");
    assert_int_equal(fread(after, 1, sizeof after, file), sizeof after);
    fclose(file);
    assert_memory_equal(text, after, sizeof text);
}

static void a_database_of_another_program_is_left_alone(void **state)
{
    (void)state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open("theirs.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(open_other("theirs.db"), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "theirs.db"));
    assert_int_equal(sqlite3_open("theirs.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO theirs VALUES (1)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    sqlite3 *db;
    assert_int_equal(open_other("new.db"), TIMBRE_OK);
    assert_int_equal(sqlite3_open("new.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(open_other("new.db"), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "99"));
    assert_true(err.fix[0] != '\0');
}

static void a_damaged_store_is_found(void **state)
{
    (void)state;
    char junk[4096];
    memset(junk, 0xa5, sizeof junk);
    for (int i = 1; i <= 200; i++)
        (void)import_titled(i, NULL, NULL);
    tb_store_close(store);
    FILE *file = fopen("s.db", "r+");
    for (long page = 8; page < 20; page++) {
        (void)fseek(file, page * 4096, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof junk, file), sizeof junk);
    }
    fclose(file);
    store = NULL;
    if (tb_store_open("s.db", &store, &err) == TIMBRE_OK)
        assert_int_equal(tb_store_verify(store, &err), TIMBRE_BAD_FILE);
    else
        assert_int_equal(err.code, TIMBRE_BAD_FILE);
}

static void the_folder_may_be_behind_a_link(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(symlink("folder", "link"), 0);
    assert_int_equal(open_other("link/s.db"), TIMBRE_OK);
    assert_int_not_equal(open_other("none/s.db"), TIMBRE_OK);
    assert_true(err.message[0] != '\0');
}

int main(void)
{
#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, open_new, close_it)
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_take_is_what_was_entered),
        WITH_STORE(numbers_are_never_given_twice),
        WITH_STORE(a_search_wants_every_word),
        WITH_STORE(lists_and_totals_keep_the_trash_apart),
        WITH_STORE(presets_by_name),
        WITH_STORE(the_same_bytes_are_one_input),
        WITH_STORE(one_process_at_a_time),
        cmocka_unit_test(a_file_of_another_kind_stays_as_it_is),
        cmocka_unit_test(a_database_of_another_program_is_left_alone),
        cmocka_unit_test(a_newer_schema_is_refused),
        WITH_STORE(a_damaged_store_is_found),
        cmocka_unit_test(the_folder_may_be_behind_a_link),
    };
    return cmocka_run_group_tests_name("store files", tests, enter_folder, leave_folder);
}
