/* Arena, strings, UTF-8, random numbers and status: the small things that everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

static void arena_refuses_what_wraps_or_exceeds_its_limit(void **state)
{
    (void)state;
    tb_arena a;
    tb_arena_init(&a, 1000);
    assert_null(tb_arena_push(&a, SIZE_MAX / 2, 4));
    assert_null(tb_arena_push(&a, SIZE_MAX, 1));
    assert_null(tb_arena_push(&a, 1001, 1));
    assert_non_null(tb_arena_push(&a, 900, 1));
    assert_null(tb_arena_push(&a, 200, 1));
    tb_arena_deinit(&a);
    tb_arena_deinit(&a);
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    tb_arena a;
    tb_arena_init(&a, 0);
    unsigned char *last = NULL;
    for (size_t i = 1; i < 400; i++) {
        unsigned char *p = tb_arena_push(&a, i, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < 3 * i; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, 3 * i);
        assert_true(p != last);
        last = p;
    }
    assert_string_equal(tb_arena_push_str(&a, "chord", 3), "cho");
    tb_arena_deinit(&a);
}

static void strings_grow_and_are_taken_whole(void **state)
{
    (void)state;
    tb_str s = {0};
    assert_string_equal(tb_str_text(&s), "");
    for (int i = 0; i < 1000; i++)
        tb_str_appendf(&s, "%d,", i);
    assert_int_equal(s.len, 10 * 2 + 90 * 3 + 900 * 4);
    char *text = tb_str_take(&s);
    assert_true(strncmp(text, "0,1,2,", 6) == 0 && strstr(text, "999,") != NULL);
    free(text);
    char *empty = tb_str_take(&s);
    assert_string_equal(empty, "");
    free(empty);
}

static void text_that_is_no_prompt_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } rows[] = {
        {"caf\xe9", 4, "byte 0xe9 at offset 3"},
        {"\xc0\xaf", 2, "byte 0xc0 at offset 0"},         /* overlong '/' */
        {"a\xed\xa0\x80", 4, "byte 0xed at offset 1"},    /* surrogate */
        {"\xf5\x80\x80\x80", 4, "byte 0xf5 at offset 0"}, /* above U+10FFFF */
        {"piano\x1b[31m", 10, "U+001B at offset 5"},
        {"a\0b", 3, "U+0000 at offset 1"},
        {"a\xc2\x85", 3, "U+0085 at offset 1"},
        {"0123456789abcdefg", 17, "17 bytes exceeds 16 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tb_error err = {0};
        assert_int_equal(tb_utf8_require_text("prompt", rows[i].text, rows[i].len, 16, &err),
                         TIMBRE_BAD_INPUT);
        assert_non_null(strstr(err.message, rows[i].says));
    }
    assert_int_equal(tb_utf8_require_text("prompt", "ok\t\n\xf0\x9f\x8e\xb9", 8, 16, NULL),
                     TIMBRE_OK);
}

static void folding_removes_case_accents_and_forms(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"BOSSA Nova", "bossa nova"},
                                          {"caf\xc3\xa9", "cafe"},
                                          {"\xef\xbc\xa1", "a"},
                                          {"Stra\xc3\x9f"
                                           "e",
                                           "strasse"},
                                          {"\xef\xac\x81ne", "fine"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *folded = tb_utf8_fold(rows[i][0], strlen(rows[i][0]));
        assert_string_equal(folded, rows[i][1]);
        free(folded);
    }
    assert_int_equal(tb_utf8_columns("a\xe9\x9b\xa8"
                                     "e\xcc\x81",
                                     7),
                     4);
}

/* The first outputs of SplitMix64 for seed 1234567, as published with the algorithm's test vectors.
 */
static void random_is_splitmix64(void **state)
{
    (void)state;
    static const uint64_t want[] = {6457827717110365317u, 3203168211198807973u,
                                    9817491932198370423u, 4593380528125082431u,
                                    16408922859458223821u};
    for (uint64_t i = 0; i < 5; i++)
        assert_true(tb_random_at(1234567, i) == want[i]);
}

static void random_draws_keep_their_range_and_spread(void **state)
{
    (void)state;
    tb_random r = tb_random_init(7, "test");
    int seen[6] = {0};
    double sum = 0, squares = 0;
    for (int i = 0; i < 60000; i++) {
        int x = tb_random_range(&r, -2, 3);
        assert_in_range(x + 2, 0, 5);
        seen[x + 2]++;
        double z = tb_random_normal(&r);
        sum += z;
        squares += z * z;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_true(sum / 60000 < 0.02 && sum / 60000 > -0.02);
    assert_true(squares / 60000 < 1.03 && squares / 60000 > 0.97);
    assert_int_equal(tb_random_range(&r, 5, 5), 5);
    const double weights[] = {0, 1, 0};
    assert_int_equal(tb_random_weighted(&r, weights, 3), 1);
    assert_true(tb_random_key(7, "test") != tb_random_key(7, "tesu"));
    assert_true(tb_random_key(7, "test") != tb_random_key(8, "test"));
}

/* FIPS 180-2, appendix B.1 and the empty message. */
static void sha256_matches_the_standard(void **state)
{
    (void)state;
    char hex[TB_SHA256_HEX_BYTES];
    assert_int_equal(tb_sha256_bytes("abc", 3, hex, NULL), TIMBRE_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(tb_sha256_bytes("", 0, hex, NULL), TIMBRE_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void every_status_has_its_row(void **state)
{
    (void)state;
    for (int i = 0; i < TIMBRE_STATUS_COUNT; i++) {
        assert_true(timbre_status_name((timbre_status)i)[0] != '\0');
        assert_true(timbre_status_text((timbre_status)i)[0] != '\0');
        assert_int_equal(timbre_status_exit_code((timbre_status)i) == 0, i == TIMBRE_OK);
        assert_in_range(timbre_status_http((timbre_status)i), 200, 599);
        assert_int_equal(timbre_status_http((timbre_status)i) == 200, i == TIMBRE_OK);
    }
    assert_string_equal(timbre_status_name((timbre_status)999), "internal");
    tb_error err = {0};
    assert_int_equal(tb_fail_errno(&err, ENOSPC, "cannot write '%s'", "x.wav"), TIMBRE_NO_SPACE);
    assert_string_equal(err.message, "cannot write 'x.wav': No space left on device");
    assert_int_equal(tb_fail_errno(NULL, EACCES, "x"), TIMBRE_PERMISSION);
    char utc[21];
    tb_clock_format_utc(951782400, utc);
    assert_string_equal(utc, "2000-02-29T00:00:00Z");
}

static void numbers_are_read_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"5", 5}, {"0.1", 0.1}, {"-2.5e3", -2500}, {" 7", 7}, {".5", 0.5}};
    static const char *const bad[] = {"", "5s", "1,5", "--1", "five", "1 2"};
    double x;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(tb_number_parse(good[i].text, &x) && x == good[i].value);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(tb_number_parse(bad[i], &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_whole),
        cmocka_unit_test(arena_refuses_what_wraps_or_exceeds_its_limit),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(strings_grow_and_are_taken_whole),
        cmocka_unit_test(text_that_is_no_prompt_is_refused_with_its_place),
        cmocka_unit_test(folding_removes_case_accents_and_forms),
        cmocka_unit_test(random_is_splitmix64),
        cmocka_unit_test(random_draws_keep_their_range_and_spread),
        cmocka_unit_test(sha256_matches_the_standard),
        cmocka_unit_test(every_status_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
