/* Header lines, ranges, waits, links, addresses and the Hub's lists: what strangers write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/http_text.h"

static void test_header_lines(void **state)
{
    (void)state;
    const char *value = NULL;
    size_t n = 0;
    const char line[] = "X-Linked-ETag:  \"ab\" \r\n";
    assert_int_equal(tb_header_read(line, strlen(line), &value, &n), TB_HEADER_LINKED_ETAG);
    assert_int_equal(n, 4);
    assert_memory_equal(value, "\"ab\"", 4);
    assert_int_equal(tb_header_read("Etags: x\r\n", 10, &value, &n), TB_HEADER_COUNT);
    assert_int_equal(tb_header_read("", 0, &value, &n), TB_HEADER_COUNT);
}

static void test_content_range(void **state)
{
    (void)state;
    int64_t first, last, total;
    assert_true(tb_content_range_parse("bytes 5-9/10", &first, &last, &total));
    assert_true(first == 5 && last == 9 && total == 10);
    static const char *const bad[] = {
        "bytes 5-9/*",   "bytes 5-10/10", "bytes 9-5/10", "bytes */10",
        "bytes 5-9/10x", "bytes -5-9/10", "5-9/10",       ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tb_content_range_parse(bad[i], &first, &last, &total));
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_true(tb_retry_after_parse("7", 0) == 7);
    assert_true(tb_retry_after_parse("Thu, 01 Jan 1970 00:01:00 GMT", 50) == 10);
    assert_true(tb_retry_after_parse("Thu, 01 Jan 1970 00:01:00 GMT", 90) == 0);
    assert_true(tb_retry_after_parse("soon", 0) < 0);
    assert_true(tb_retry_after_parse(NULL, 0) < 0);
}

static void test_etags_and_links(void **state)
{
    (void)state;
    char etag[65];
    assert_true(tb_etag_parse("W/\"0123456789abcdef0123456789abcdef01234567\"", etag));
    assert_string_equal(etag, "0123456789abcdef0123456789abcdef01234567");
    assert_false(tb_etag_parse("\"../../etc\"", etag));
    assert_false(tb_etag_parse("\"0123456789ABCDEF0123456789ABCDEF01234567\"", etag));
    char *next = tb_link_next("<http://a/1>; rel=\"prev\", <http://a/3>; rel=\"next\"");
    assert_string_equal(next, "http://a/3");
    free(next);
    assert_null(tb_link_next("<http://a/1>; rel=\"prev\""));
    char *name = tb_percent_encode("refs/pr/11", false);
    assert_string_equal(name, "refs%2Fpr%2F11");
    free(name);
}

/* The token goes where the origin is the endpoint's, and nowhere else. */
static void test_origins(void **state)
{
    (void)state;
    assert_true(tb_url_is_same_origin("https://h.co/a", "https://H.co:443/b"));
    assert_false(tb_url_is_same_origin("https://h.co/a", "http://h.co/a"));
    assert_false(tb_url_is_same_origin("https://h.co/a", "https://h.co.evil/a"));
    assert_false(tb_url_is_same_origin("http://h.co:80/a", "http://h.co:81/a"));
    assert_false(tb_url_is_same_origin("https://h.co@evil/a", "https://h.co/a"));
}

static void test_redirects(void **state)
{
    (void)state;
    char *next = NULL;
    assert_int_equal(tb_url_redirect("https://h.co/a/b", "/c?d", &next, NULL), TIMBRE_OK);
    assert_string_equal(next, "https://h.co/c?d");
    free(next);
    static const char *const bad[] = {"http://h.co/", "file:///etc/passwd", "ftp://h.co/",
                                      "https://user:word@h.co/", "gopher://h.co/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tb_url_redirect("https://h.co/a", bad[i], &next, NULL), TIMBRE_BAD_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_lines), cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_retry_after),  cmocka_unit_test(test_etags_and_links),
        cmocka_unit_test(test_origins),      cmocka_unit_test(test_redirects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
