/* Pages of files and descriptions of repositories: what is taken of them, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/limits.h"
#include "hub/remote.h"

#define GIT "0123456789abcdef0123456789abcdef01234567"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ITEM(path, oid, size)                                                                      \
    "{\"type\":\"file\",\"path\":\"" path "\",\"oid\":\"" oid "\",\"size\":" size "}"

static tb_status parse_tree(const char *json, tb_remote_tree *tree)
{
    return tb_remote_tree_parse(json, strlen(json), tree, NULL);
}

/* A large file's hash and size are its content's, not those of the pointer that git keeps. */
static void test_tree_takes_content(void **state)
{
    (void)state;
    tb_remote_tree tree = {0};
    assert_int_equal(parse_tree("[{\"type\":\"directory\",\"path\":\"unet\",\"oid\":\"" GIT
                                "\",\"size\":0}," ITEM(
                                    "unet/config.json", GIT,
                                    "7") ","
                                         "{\"type\":\"file\",\"path\":\"unet/a.bin\",\"oid\":\"" GIT
                                         "\",\"size\":135,\"lfs\":{\"oid\":\"" SHA
                                         "\",\"size\":3438354725}}]",
                                &tree),
                     TIMBRE_OK);
    assert_int_equal(tree.n, 2);
    const tb_remote_entry *small = tb_remote_tree_find(&tree, "unet/config.json");
    const tb_remote_entry *large = tb_remote_tree_find(&tree, "unet/a.bin");
    assert_non_null(small);
    assert_non_null(large);
    assert_string_equal(small->etag, GIT);
    assert_true(small->len_bytes == 7);
    assert_string_equal(large->etag, SHA);
    assert_true(large->len_bytes == 3438354725);
    assert_null(tb_remote_tree_find(&tree, "unet"));
    tb_remote_tree_deinit(&tree);
}

/* Names that lead out of the snapshot, hashes and sizes that are none: passed over, each alone. */
static void test_tree_passes_over(void **state)
{
    (void)state;
    static const char *const items[] = {
        ITEM("../a", GIT, "1"),
        ITEM("/etc/passwd", GIT, "1"),
        ITEM("a\\\\b", GIT, "1"),
        ITEM("a/./b", GIT, "1"),
        ITEM("", GIT, "1"),
        ITEM("a", "../../x", "1"),
        ITEM("a", GIT, "-1"),
        ITEM("a", GIT, "1.5"),
        ITEM("a", GIT, "9007199254740993"),
        ITEM("a", GIT, "null"),
        "{\"path\":\"a\",\"oid\":\"" GIT "\",\"size\":1}",
        "7",
        "null",
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        tb_remote_tree tree = {0};
        char *json = tb_strf("[%s," ITEM("good", GIT, "1") "]", items[i]);
        assert_int_equal(parse_tree(json, &tree), TIMBRE_OK);
        assert_int_equal(tree.n, 1);
        assert_string_equal(tree.entries[0].path, "good");
        free(json);
        tb_remote_tree_deinit(&tree);
    }
}

/* Pages are appended; a name that comes again keeps its first content. */
static void test_tree_pages(void **state)
{
    (void)state;
    tb_remote_tree tree = {0};
    assert_int_equal(parse_tree("[" ITEM("a", GIT, "1") "]", &tree), TIMBRE_OK);
    assert_int_equal(parse_tree("[" ITEM("a", SHA, "2") "," ITEM("b", SHA, "3") "]", &tree),
                     TIMBRE_OK);
    assert_int_equal(tree.n, 2);
    assert_true(tb_remote_tree_find(&tree, "a")->len_bytes == 1);
    assert_true(tb_remote_tree_find(&tree, "b")->len_bytes == 3);
    tb_remote_tree_deinit(&tree);
}

/* In whatever order they come, every one of the most that are taken is found, and at once: a list
 * of a hostile server must not cost minutes. */
static void test_tree_finds(void **state)
{
    (void)state;
    tb_remote_tree tree = {0};
    char path[64];
    for (size_t i = 0; i < TB_HUB_ENTRIES_MAX; i++) {
        (void)snprintf(path, sizeof path, "a/%zu", i * 7919 % TB_HUB_ENTRIES_MAX);
        assert_null(tb_remote_tree_find(&tree, path));
        assert_int_equal(tb_remote_tree_add(&tree, path, GIT, (int64_t)i, NULL), TIMBRE_OK);
    }
    for (size_t i = 0; i < TB_HUB_ENTRIES_MAX; i++) {
        (void)snprintf(path, sizeof path, "a/%zu", i * 7919 % TB_HUB_ENTRIES_MAX);
        assert_ptr_equal(tb_remote_tree_find(&tree, path), &tree.entries[i]);
    }
    assert_int_equal(tb_remote_tree_add(&tree, "b", GIT, 1, NULL), TIMBRE_BAD_FILE);
    tb_remote_tree_deinit(&tree);
}

static void test_tree_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[", "{}", "\"a\"", "[]x", "<html>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tb_remote_tree tree = {0};
        tb_error err = {0};
        assert_int_equal(tb_remote_tree_parse(bad[i], strlen(bad[i]), &tree, &err),
                         TIMBRE_BAD_FILE);
        assert_true(err.message[0] != '\0');
        tb_remote_tree_deinit(&tree);
    }
}

/* A licence is an id that can be printed; whatever else stands there is "unknown". */
static void test_info_licence(void **state)
{
    (void)state;
    static const struct {
        const char *card, *licence;
    } cases[] = {
        {"{\"license\":\"creativeml-openrail-m\"}", "creativeml-openrail-m"},
        {"{\"license\":[\"mit\",\"other\"]}", "mit"},
        {"{\"license\":\"\\u001b[31m\"}", "unknown"},
        {"{\"license\":\"\"}", "unknown"},
        {"{\"license\":7}", "unknown"},
        {"{\"license\":[]}", "unknown"},
        {"null", "unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = tb_strf("{\"sha\":\"" GIT "\",\"cardData\":%s}", cases[i].card);
        tb_remote_info info;
        assert_int_equal(tb_remote_info_parse(json, strlen(json), &info, NULL), TIMBRE_OK);
        assert_string_equal(info.commit, GIT);
        assert_string_equal(info.licence, cases[i].licence);
        tb_remote_info_deinit(&info);
        free(json);
    }
}

static void test_info_refuses(void **state)
{
    (void)state;
    static const char too_long[] = "{\"sha\":\"" SHA "\"}";
    const char *const bad[] = {"",      "[]", "{}", "{\"sha\":\"main\"}", "{\"sha\":\"../..\"}",
                               too_long};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tb_remote_info info;
        assert_int_equal(tb_remote_info_parse(bad[i], strlen(bad[i]), &info, NULL),
                         TIMBRE_BAD_FILE);
        tb_remote_info_deinit(&info);
    }
}

static void test_file_url(void **state)
{
    (void)state;
    char endpoint[] = "https://h.co";
    tb_hub hub = {.endpoint = endpoint};
    char *url = tb_remote_file_url(&hub, "org/name", "refs/pr/11", "unet/a+b.bin");
    assert_string_equal(url, "https://h.co/org/name/resolve/refs%2Fpr%2F11/unet/a%2Bb.bin");
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_takes_content), cmocka_unit_test(test_tree_passes_over),
        cmocka_unit_test(test_tree_pages),         cmocka_unit_test(test_tree_finds),
        cmocka_unit_test(test_tree_refuses),       cmocka_unit_test(test_info_licence),
        cmocka_unit_test(test_info_refuses),       cmocka_unit_test(test_file_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
