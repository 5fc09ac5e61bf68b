/* The Hugging Face cache on disk, as Timbre writes it and as others leave it; names of strangers;
 * the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/cache.h"
#include "hub/content_hash.h"
#include "hub/manifest.h"
#include "tests/support/folder.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "89abcdef0123456789abcdef0123456789abcdef"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char repo[] = "org/name";
static char cache_folder[] = "cache";
static tb_hub hub = {.cache = cache_folder};

/* ---- names ---- */

static void names_of_strangers_are_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"org/name", "a/b", "Org-1/na.me_2",
                                       "webui/riffusion-model-v1"};
    static const char *const bad[] = {
        "",     "name",  "a/",    "/a",     "a/b/c",  "../b",   "a/..",   "-a/b", "a/-b",
        ".a/b", "a/b c", "a/b\n", "a--b/c", "a/b..c", "a\\b/c", "a/b%2f", "a/b.", "a/\xc3\xa4"};
    static const char *const good_paths[] = {"a", "unet/config.json", "a.b/c-d_e+f"};
    static const char *const bad_paths[] = {"",      "/a",  "a/",     "a//b", "..",   "a/../b",
                                            "./a",   "a/.", "a\\b",   "a b",  "a\nb", "~/a",
                                            "a%2fb", "a:b", "a/\x7f", "a*",   "$a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tb_repo_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tb_repo_is_valid(bad[i]))
            fail_msg("repository '%s'", bad[i]);
    for (size_t i = 0; i < sizeof good_paths / sizeof *good_paths; i++)
        assert_true(tb_repo_path_is_valid(good_paths[i]));
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++)
        if (tb_repo_path_is_valid(bad_paths[i]))
            fail_msg("path '%s'", bad_paths[i]);
    char long_path[400];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_false(tb_repo_path_is_valid(long_path));
    assert_true(tb_revision_is_valid("main") && tb_revision_is_valid("refs/pr/11"));
    assert_false(tb_revision_is_valid("refs/../../x") || tb_revision_is_valid("") ||
                 tb_revision_is_valid("a/b/c/d/e") || tb_revision_is_valid("-x"));
    assert_true(tb_commit_is_valid(COMMIT));
    assert_false(tb_commit_is_valid("0123") || tb_commit_is_valid(COMMIT "0") ||
                 tb_commit_is_valid("0123456789ABCDEF0123456789abcdef01234567"));
    assert_true(tb_etag_is_valid(SHA256) && tb_etag_is_valid(COMMIT));
    assert_false(tb_etag_is_valid("../../../../../../../../../../../../../etc") ||
                 tb_etag_is_valid("") || tb_etag_is_valid("\"" COMMIT "\""));
}

/* Whatever a name is, it becomes a path only through these. */
static void no_bad_name_becomes_a_path(void **state)
{
    (void)state;
    char *path = NULL;
    assert_int_equal(tb_cache_repo_path(&hub, "../x", &path, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_blob_path(&hub, repo, "../../x", &path, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_lock_path(&hub, repo, "x", &path, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_file_path(&hub, repo, COMMIT, "../x", &path, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_file_path(&hub, repo, "main", "x", &path, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_link(&hub, repo, COMMIT, "x", "/etc/passwd", NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_write_ref(&hub, repo, "../main", COMMIT, NULL), TIMBRE_BAD_INPUT);
    assert_int_equal(tb_cache_write_ref(&hub, repo, "main", "x", NULL), TIMBRE_BAD_INPUT);
    assert_null(path);
    assert_int_equal(tb_cache_lock_path(&hub, repo, SHA256, &path, NULL), TIMBRE_OK);
    assert_string_equal(path, "cache/.locks/models--org--name/" SHA256 ".lock");
    free(path);
}

/* ---- hashes of content ---- */

/* SHA-256 of FIPS 180-2; git hash-object of the same texts. */
static void content_has_the_names_that_others_give_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
        {"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_content_hash hash;
        char hex[TB_SHA256_HEX_BYTES];
        int64_t len = (int64_t)strlen(rows[i].text);
        assert_int_equal(tb_content_hash_init(&hash, rows[i].name, len, NULL), TIMBRE_OK);
        for (int64_t k = 0; k < len; k++)
            assert_int_equal(tb_content_hash_add(&hash, rows[i].text + k, 1, NULL), TIMBRE_OK);
        assert_int_equal(tb_content_hash_finish(&hash, hex, NULL), TIMBRE_OK);
        assert_string_equal(hex, rows[i].name);
        tb_content_hash_deinit(&hash);
    }
}

/* ---- refs and links ---- */

static void a_ref_is_what_was_written(void **state)
{
    (void)state;
    char commit[41];
    assert_int_equal(tb_cache_read_ref(&hub, repo, "main", commit, NULL), TIMBRE_NOT_FOUND);
    assert_int_equal(tb_cache_write_ref(&hub, repo, "main", OTHER, NULL), TIMBRE_OK);
    assert_int_equal(tb_cache_write_ref(&hub, repo, "main", COMMIT, NULL), TIMBRE_OK);
    assert_int_equal(tb_cache_write_ref(&hub, repo, "refs/pr/11", OTHER, NULL), TIMBRE_OK);
    assert_int_equal(tb_cache_read_ref(&hub, repo, "main", commit, NULL), TIMBRE_OK);
    assert_string_equal(commit, COMMIT);
    assert_int_equal(tb_cache_read_ref(&hub, repo, "refs/pr/11", commit, NULL), TIMBRE_OK);
    assert_string_equal(commit, OTHER);
    assert_int_equal(access("cache/models--org--name/refs/refs/pr/11", F_OK), 0);
    assert_int_equal(access("cache/CACHEDIR.TAG", F_OK), 0);
    assert_int_equal(tb_cache_read_ref(&hub, repo, COMMIT, commit, NULL), TIMBRE_OK);
    assert_string_equal(commit, COMMIT); /* its own */
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_hostile_ref_is_no_commit(void **state)
{
    (void)state;
    char commit[41];
    static const char *const texts[] = {"", "../../x", COMMIT "/../..", "\n" COMMIT,
                                        COMMIT COMMIT COMMIT};
    assert_int_equal(system("mkdir -p cache/models--org--name/refs"), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put("cache/models--org--name/refs/bad", texts[i]);
        assert_int_equal(tb_cache_read_ref(&hub, repo, "bad", commit, NULL), TIMBRE_BAD_FILE);
    }
    put("cache/models--org--name/refs/bad", COMMIT "\n");
    assert_int_equal(tb_cache_read_ref(&hub, repo, "bad", commit, NULL), TIMBRE_OK);
}

static void links_are_relative_and_replaced_in_one_step(void **state)
{
    (void)state;
    char found[200] = "", *etag = NULL;
    int64_t len_bytes = 0;
    static const char link[] = "cache/models--org--name/snapshots/" COMMIT "/unet/config.json";
    assert_int_equal(tb_cache_link(&hub, repo, COMMIT, "unet/config.json", OTHER, NULL), TIMBRE_OK);
    assert_int_equal(
        tb_cache_find_file(&hub, repo, COMMIT, "unet/config.json", &etag, &len_bytes, NULL),
        TIMBRE_NOT_FOUND); /* it leads nowhere yet */
    assert_int_equal(tb_cache_link(&hub, repo, COMMIT, "unet/config.json", SHA256, NULL),
                     TIMBRE_OK);
    assert_int_equal(tb_cache_link(&hub, repo, COMMIT, "unet/config.json", SHA256, NULL),
                     TIMBRE_OK);
    assert_true(readlink(link, found, sizeof found - 1) > 0);
    assert_string_equal(found, "../../../blobs/" SHA256);
    assert_int_equal(system("mkdir -p cache/models--org--name/blobs"), 0);
    put("cache/models--org--name/blobs/" SHA256, "12345");
    assert_int_equal(
        tb_cache_find_file(&hub, repo, COMMIT, "unet/config.json", &etag, &len_bytes, NULL),
        TIMBRE_OK);
    assert_string_equal(etag, SHA256);
    assert_int_equal(len_bytes, 5);
    free(etag);
}

/* Other layouts can be read, and are never taken for blobs of the repository. */
static void what_is_no_link_of_ours_has_no_blob(void **state)
{
    (void)state;
    char *etag = NULL;
    int64_t len_bytes = 0;
    assert_int_equal(system("cd cache/models--org--name/snapshots/" COMMIT " && echo abc > copy && "
                            "ln -s \"$PWD/copy\" absolute && mkdir -p ../../../blobs/ab && "
                            "echo shared > ../../../blobs/ab/" SHA256 " && "
                            "ln -s ../../../blobs/ab/" SHA256 " shared && ln -s loop loop && "
                            "ln -s .. folder && mkfifo pipe"),
                     0);
    static const struct {
        const char *path;
        tb_status st;
        int64_t len_bytes;
    } rows[] = {{"copy", TIMBRE_OK, 4},          {"absolute", TIMBRE_OK, 4},
                {"shared", TIMBRE_OK, 7},        {"loop", TIMBRE_NOT_FOUND, 0},
                {"folder", TIMBRE_NOT_FOUND, 0}, {"pipe", TIMBRE_NOT_FOUND, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_status st = tb_cache_find_file(&hub, repo, COMMIT, rows[i].path, &etag, &len_bytes,
                                          NULL);
        if (st != rows[i].st || etag != NULL || (st == TIMBRE_OK && len_bytes != rows[i].len_bytes))
            fail_msg("%s: %s", rows[i].path, timbre_status_name(st));
    }
}

static void only_repositories_are_listed(void **state)
{
    (void)state;
    char **repos = NULL;
    size_t n = 0;
    char not_there[] = "not-there";
    tb_hub nowhere = {.cache = not_there};
    assert_int_equal(tb_cache_list_repos(&nowhere, &repos, &n, NULL), TIMBRE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(
        system("cd cache && mkdir models--a--b 'models--..--x' models--one models--x--y--z "
               "datasets--a--b 'models--a--b c'"),
        0);
    assert_int_equal(tb_cache_list_repos(&hub, &repos, &n, NULL), TIMBRE_OK);
    assert_int_equal(n, 2);
    assert_string_equal(repos[0], "a/b");
    assert_string_equal(repos[1], "org/name");
    tb_names_free(repos, n);
}

/* ---- the environment ---- */

static const char *const variables[] = {"HOME",
                                        "HF_HOME",
                                        "HF_HUB_CACHE",
                                        "HUGGINGFACE_HUB_CACHE",
                                        "XDG_CACHE_HOME",
                                        "HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_ENDPOINT",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                        "TIMBRE_HUB_RETRY_S",
                                        "TIMBRE_HUB_STALL_S"};

/* Only these are set; "NAME=value" each, ends with NULL. */
static void set_env(const char *const *settings)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        (void)unsetenv(variables[i]);
    for (; *settings != NULL; settings++) {
        char *copy = strdup(*settings), *value = strchr(copy, '=');
        *value = '\0';
        (void)setenv(copy, value + 1, 1);
        free(copy);
    }
}

#define ENV(...) set_env((const char *const[]){__VA_ARGS__, NULL})

static void check_cache(const char *wanted)
{
    tb_hub h;
    tb_error err = {0};
    if (tb_hub_init(&h, "/data", &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_string_equal(h.cache, wanted);
    assert_string_equal(h.records, "/data/models");
    tb_hub_deinit(&h);
}

/* In the order of huggingface_hub's constants. */
static void the_cache_is_where_others_look(void **state)
{
    (void)state;
    ENV("HOME=/h");
    check_cache("/h/.cache/huggingface/hub");
    ENV("HOME=/h", "XDG_CACHE_HOME=/x");
    check_cache("/x/huggingface/hub");
    ENV("HOME=/h", "XDG_CACHE_HOME=/x", "HF_HOME=~/models");
    check_cache("/h/models/hub");
    ENV("HOME=/h", "HF_HOME=/y", "HUGGINGFACE_HUB_CACHE=/old");
    check_cache("/old");
    ENV("HOME=/h", "HF_HOME=/y", "HUGGINGFACE_HUB_CACHE=/old", "HF_HUB_CACHE=/new");
    check_cache("/new");
    ENV("HOME=/h", "HF_HUB_CACHE=", "HF_HOME=");
    check_cache("/h/.cache/huggingface/hub");
}

static void the_token_is_where_others_keep_it(void **state)
{
    (void)state;
    static const struct {
        const char *env, *token;
    } rows[] = {{"HF_TOKEN= hf_abc\n", "hf_abc"},
                {"HUGGING_FACE_HUB_TOKEN=hf_old", "hf_old"},
                {"HF_TOKEN_PATH=token-file", "hf_file"},
                {"HF_HOME=.", "hf_home"},
                {"HF_HOME=/nowhere", NULL}};
    put("token-file", "hf_file\n");
    put("token", "\n hf_home \n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_hub h;
        ENV("HOME=/h", rows[i].env);
        assert_int_equal(tb_hub_init(&h, NULL, NULL), TIMBRE_OK);
        if (rows[i].token == NULL)
            assert_null(h.token);
        else
            assert_string_equal(h.token, rows[i].token);
        tb_hub_deinit(&h);
    }
    tb_hub h;
    ENV("HOME=/h", "HF_HOME=.", "HF_HUB_DISABLE_IMPLICIT_TOKEN=1");
    assert_int_equal(tb_hub_init(&h, NULL, NULL), TIMBRE_OK);
    assert_null(h.token);
    tb_hub_deinit(&h);
}

static void a_wrong_environment_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"HF_TOKEN=a b",
                                      "HF_TOKEN=a\r\nX-Evil: 1",
                                      "HF_ENDPOINT=ftp://x",
                                      "HF_ENDPOINT=huggingface.co",
                                      "HF_ENDPOINT=https://",
                                      "HF_ENDPOINT=https://user:secret@host",
                                      "HF_ENDPOINT=https://host/?x=1",
                                      "TIMBRE_HUB_RETRY_S=soon",
                                      "TIMBRE_HUB_STALL_S=-1",
                                      "TIMBRE_HUB_STALL_S=nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tb_hub h;
        tb_error err = {0};
        ENV("HOME=/h", bad[i]);
        if (tb_hub_init(&h, NULL, &err) != TIMBRE_BAD_INPUT)
            fail_msg("%s is taken", bad[i]);
        char name[40];
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(bad[i], "="), bad[i]);
        assert_non_null(strstr(err.message, name));
        assert_null(h.cache);
    }
    tb_hub h;
    ENV("HOME=/h", "HF_ENDPOINT=http://mirror:8000/hf//", "HF_HUB_OFFLINE=YES",
        "TIMBRE_HUB_RETRY_S=0.25");
    assert_int_equal(tb_hub_init(&h, NULL, NULL), TIMBRE_OK);
    assert_string_equal(h.endpoint, "http://mirror:8000/hf");
    assert_true(h.is_offline && h.patience.retry_s == 0.25 && h.patience.stall_s == 30);
    tb_hub_deinit(&h);
    set_env((const char *const[]){NULL});
    assert_int_equal(tb_hub_init(&h, NULL, NULL), TIMBRE_BAD_INPUT); /* no home at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_strangers_are_refused),
        cmocka_unit_test(no_bad_name_becomes_a_path),
        cmocka_unit_test(content_has_the_names_that_others_give_it),
        cmocka_unit_test(a_ref_is_what_was_written),
        cmocka_unit_test(a_hostile_ref_is_no_commit),
        cmocka_unit_test(links_are_relative_and_replaced_in_one_step),
        cmocka_unit_test(what_is_no_link_of_ours_has_no_blob),
        cmocka_unit_test(only_repositories_are_listed),
        cmocka_unit_test(the_cache_is_where_others_look),
        cmocka_unit_test(the_token_is_where_others_keep_it),
        cmocka_unit_test(a_wrong_environment_is_told),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
