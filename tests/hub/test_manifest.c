/* What Timbre records of models: manifests and consents, its own and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/manifest.h"
#include "tests/support/folder.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char records[] = "data/models";
static tb_hub hub = {.records = records};

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* One file of a repository, one elsewhere. */
static void write_one(const char *name)
{
    tb_error err = {0};
    tb_manifest m = {.name = strdup(name),
                     .licence = strdup("mit"),
                     .revision = strdup("main"),
                     .made_at = strdup("2026-11-22T12:44:05Z")};
    char repo[] = "org/name", commit[] = COMMIT, path[] = "unet/config.json";
    char elsewhere[] = "/models/a.safetensors";
    tb_manifest_file files[] = {
        {.repo = repo,
         .commit = commit,
         .path = path,
         .etag = commit,
         .sha256 = SHA256,
         .len_bytes = 12,
         .is_ours = true},
        {.path = elsewhere, .sha256 = SHA256, .len_bytes = (int64_t)5 << 30}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tb_manifest_add(&m, &files[i], NULL), TIMBRE_OK);
    if (tb_manifest_write(&hub, &m, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    tb_manifest_deinit(&m);
}

static void a_manifest_is_what_was_written(void **state)
{
    (void)state;
    tb_manifest m;
    assert_int_equal(tb_manifest_read(&hub, "org/name", &m, NULL), TIMBRE_NOT_FOUND);
    write_one("org/name");
    assert_int_equal(access("data/models/org--name.json", F_OK), 0);
    assert_int_equal(tb_manifest_read(&hub, "org/name", &m, NULL), TIMBRE_OK);
    assert_string_equal(m.name, "org/name");
    assert_string_equal(m.licence, "mit");
    assert_string_equal(m.revision, "main");
    assert_null(m.path);
    assert_int_equal(m.n_files, 2);
    assert_string_equal(m.files[0].repo, "org/name");
    assert_string_equal(m.files[0].etag, COMMIT);
    assert_true(m.files[0].is_ours);
    assert_null(m.files[1].repo);
    assert_string_equal(m.files[1].path, "/models/a.safetensors");
    assert_true(m.files[1].len_bytes == (int64_t)5 << 30);
    assert_false(m.files[1].is_ours);
    tb_manifest_deinit(&m);
    assert_int_equal(tb_manifest_remove(&hub, "org/name", NULL), TIMBRE_OK);
    assert_int_equal(tb_manifest_remove(&hub, "org/name", NULL), TIMBRE_OK);
    assert_int_equal(tb_manifest_read(&hub, "org/name", &m, NULL), TIMBRE_NOT_FOUND);
}

static void a_bad_name_is_no_file(void **state)
{
    (void)state;
    tb_manifest m;
    static const char *const names[] = {"../x", "a/b/c", "", ".", "a/../b", "x y", "/etc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(tb_manifest_read(&hub, names[i], &m, NULL), TIMBRE_BAD_INPUT);
}

/* A file with one thing wrong, which a valid one is next to. */
static void damage_is_told_with_the_file(void **state)
{
    (void)state;
    static const char head[] =
        "{\"schema\":1,\"name\":\"x\",\"licence\":\"mit\",\"made_at\":\"t\",";
    static const struct {
        const char *rest;
        bool is_good;
    } rows[] = {
        {"\"files\":[{\"path\":\"/a\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}", true},
        {"\"files\":[]}", false},
        {"\"files\":7}", false},
        {"\"files\":[{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}", false},
        {"\"files\":[{\"path\":\"/a\",\"bytes\":-1,\"sha256\":\"" SHA256 "\"}]}", false},
        {"\"files\":[{\"path\":\"/a\",\"bytes\":1,\"sha256\":\"../../x\"}]}", false},
        {"\"files\":[{\"path\":\"/a\\u0000b\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}", false},
        {"\"files\":[{\"repo\":\"a/b\",\"path\":\"c\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}",
         false},
        {"\"files\":[{\"repo\":\"../b\",\"commit\":\"" COMMIT "\",\"etag\":\"" SHA256
         "\",\"path\":\"c\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}",
         false},
        {"\"files\":[{\"repo\":\"a/b\",\"commit\":\"" COMMIT "\",\"etag\":\"" SHA256
         "\",\"path\":\"../c\",\"bytes\":1,\"sha256\":\"" SHA256 "\"}]}",
         false},
        {"\"path\":\"relative\",\"files\":[{\"path\":\"/a\",\"bytes\":1,\"sha256\":\"" SHA256
         "\"}]}",
         false},
        {"\"files\":[", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_manifest m;
        tb_error err = {0};
        char text[1000];
        (void)snprintf(text, sizeof text, "%s%s", head, rows[i].rest);
        put("data/models/x.json", text);
        tb_status st = tb_manifest_read(&hub, "x", &m, &err);
        if (st != (rows[i].is_good ? TIMBRE_OK : TIMBRE_BAD_FILE))
            fail_msg("%s: %s", rows[i].rest, err.message);
        if (!rows[i].is_good)
            assert_non_null(strstr(err.message, "data/models/x.json"));
        tb_manifest_deinit(&m);
    }
    put("data/models/x.json", "{}");
    assert_int_equal(rename("data/models/x.json", "data/models/y.json"), 0);
    tb_manifest m;
    assert_int_equal(tb_manifest_read(&hub, "y", &m, NULL), TIMBRE_BAD_FILE);
}

static void the_newest_is_first(void **state)
{
    (void)state;
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(system("rm -f data/models/*"), 0);
    write_one("first");
    write_one("org/second");
    assert_int_equal(
        system("touch -d '2020-01-01' data/models/first.json; "
               "touch data/models/..json data/models/readme.txt; mkdir data/models/d.json"),
        0);
    assert_int_equal(tb_consent_give(&hub, "first", "mit", NULL), TIMBRE_OK);
    assert_int_equal(tb_manifest_list(&hub, &names, &n, NULL), TIMBRE_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "org/second");
    assert_string_equal(names[1], "first");
    tb_names_free(names, n);
    char not_there[] = "not-there";
    tb_hub nowhere = {.records = not_there};
    assert_int_equal(tb_manifest_list(&nowhere, &names, &n, NULL), TIMBRE_OK);
    assert_int_equal(n, 0);
}

static void consent_is_for_one_model_and_licence(void **state)
{
    (void)state;
    assert_int_equal(system("rm -rf data"), 0);
    assert_false(tb_consent_is_given(&hub, "a", "mit"));
    assert_int_equal(tb_consent_give(&hub, "a", "mit", NULL), TIMBRE_OK);
    assert_int_equal(tb_consent_give(&hub, "org/b", "openrail", NULL), TIMBRE_OK);
    assert_true(tb_consent_is_given(&hub, "a", "mit"));
    assert_true(tb_consent_is_given(&hub, "org/b", "openrail"));
    assert_false(tb_consent_is_given(&hub, "a", "openrail"));
    assert_false(tb_consent_is_given(&hub, "org/b", "mit"));
    assert_int_equal(tb_consent_give(&hub, "a", "openrail", NULL), TIMBRE_OK); /* it changed */
    assert_false(tb_consent_is_given(&hub, "a", "mit"));
    put("data/models/consents.json", "[1, 2"); /* damaged: the question comes again */
    assert_false(tb_consent_is_given(&hub, "a", "openrail"));
    assert_int_equal(tb_consent_give(&hub, "a", "openrail", NULL), TIMBRE_OK);
    assert_true(tb_consent_is_given(&hub, "a", "openrail"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_what_was_written),
        cmocka_unit_test(a_bad_name_is_no_file),
        cmocka_unit_test(damage_is_told_with_the_file),
        cmocka_unit_test(the_newest_is_first),
        cmocka_unit_test(consent_is_for_one_model_and_licence),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
