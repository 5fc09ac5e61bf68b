/* Clusters, pieces and the canvas: what a row takes, and that none breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tui/canvas.h"

static const char family[] = "\xF0\x9F\x91\xA8\u200D\xF0\x9F\x91\xA9\u200D\xF0\x9F\x91\xA7";

/* After the sign that turns a row around. */
static const char reversed[] = {(char)0xE2, (char)0x80, (char)0xAE, 'a', 'b', 'c', '\0'};

static void text_has_its_width(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int columns;
        int n_clusters;
    } cases[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"e\u0301", 1, 1}, /* e and an accent */
        {"비 오는", 7, 4},
        {"\u1100\u1161\u11A8", 2, 1},               /* jamo of one syllable */
        {"\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", 2, 1}, /* a thumb, its skin tone is not drawn */
        {"\u2764\uFE0F", 1, 1},                     /* a heart; the selector is not drawn */
        {"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA", 2, 1}, /* a flag as its letters */
        {reversed, 3, 4},                           /* what turns a row around is left out */
        {"a\x01"
         "b",
         3, 3},
        {"\xFF\xFE", 2, 2},
        {"a\tb", 3, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        size_t n = strlen(text), at = 0;
        int n_clusters = 0;
        assert_int_equal(tb_text_columns(text, n), cases[i].columns);
        for (size_t taken; (taken = tb_cluster_next(text + at, n - at)) > 0; at += taken)
            n_clusters++;
        assert_int_equal(n_clusters, cases[i].n_clusters);
        for (; at > 0; n_clusters--) {
            size_t before = tb_cluster_before(text, at);
            assert_true(before > 0 && before <= at);
            at -= before;
        }
        assert_int_equal(n_clusters, 0);
    }
    assert_int_equal(tb_text_columns(family, strlen(family)), 6); /* side by side */
    assert_int_equal(tb_cluster_next(family, strlen(family)), strlen(family));
    assert_int_equal(tb_text_fit(family, strlen(family), 5), 0); /* whole or not */
}

static char *dump(const tb_canvas *canvas)
{
    tb_str out = {0};
    tb_canvas_dump(canvas, &out);
    return tb_str_take(&out);
}

static void assert_rows(const tb_canvas *canvas, const char *expected)
{
    char *text = dump(canvas);
    assert_string_equal(text, expected);
    free(text);
}

static void nothing_leaves_its_area(void **state)
{
    (void)state;
    tb_canvas c = {.is_utf8 = true};
    assert_true(tb_canvas_resize(&c, 3, 8));
    tb_area area = {1, 2, 1, 4};
    assert_int_equal(tb_draw(&c, area, 0, 0, "abcdefgh", (tb_ink){0}), 4);
    assert_int_equal(tb_draw(&c, area, 1, 0, "below", (tb_ink){0}), 0);
    assert_int_equal(tb_draw(&c, area, -1, 0, "above", (tb_ink){0}), 0);
    assert_rows(&c, "\n  abcd\n\n");
    tb_canvas_clear(&c);
    assert_int_equal(tb_draw(&c, area, 0, 0, "ab비다", (tb_ink){0}), 4);
    assert_int_equal(tb_draw(&c, area, 0, 3, "비", (tb_ink){0}), 0); /* no half of it */
    assert_rows(&c, "\n  ab비\n\n");
    tb_area beyond = {1, 6, 5, 50};
    assert_int_equal(tb_draw(&c, beyond, 0, 0, "xyz", (tb_ink){0}), 2);
    tb_canvas_deinit(&c);
}

static void half_a_wide_character_does_not_stay(void **state)
{
    (void)state;
    tb_canvas c = {.is_utf8 = true};
    assert_true(tb_canvas_resize(&c, 1, 6));
    tb_area all = tb_canvas_area(&c);
    (void)tb_draw(&c, all, 0, 0, "비비비", (tb_ink){0});
    (void)tb_draw(&c, all, 0, 1, "x", (tb_ink){0});
    assert_rows(&c, " x비비\n");
    (void)tb_draw(&c, all, 0, 2, "y", (tb_ink){0});
    assert_rows(&c, " xy 비\n");
    (void)tb_draw(&c, all, 0, 3, "비", (tb_ink){0});
    assert_rows(&c, " xy비\n");
    for (int i = 0; i < c.columns; i++)
        if (c.cells[i].piece.columns == 2)
            assert_int_equal(c.cells[i + 1].piece.columns, 0);
    tb_canvas_deinit(&c);
}

static void long_text_is_cut_or_wrapped(void **state)
{
    (void)state;
    tb_canvas c = {.is_utf8 = true};
    assert_true(tb_canvas_resize(&c, 4, 10));
    tb_area all = tb_canvas_area(&c);
    assert_int_equal(tb_draw_cut(&c, all, 0, 0, 6, "abcdefgh", (tb_ink){0}), 6);
    assert_int_equal(tb_draw_cut(&c, all, 1, 0, 6, "abcdef", (tb_ink){0}), 6);
    assert_int_equal(tb_draw_right(&c, all, 2, "end", (tb_ink){0}), 7);
    assert_rows(&c, "abcde…\nabcdef\n       end\n\n");
    tb_canvas_clear(&c);
    assert_int_equal(
        tb_draw_wrapped(&c, all, 0, 0, 3, "the quick brown fox jumps over", (tb_ink){0}), 3);
    assert_rows(&c, "the quick\nbrown fox\njumps over\n\n");
    tb_canvas_clear(&c);
    assert_int_equal(tb_draw_wrapped(&c, all, 0, 0, 2, "the quick brown fox jumps", (tb_ink){0}),
                     2);
    assert_rows(&c, "the quick\nbrown fox…\n\n\n");
    tb_canvas_clear(&c);
    assert_int_equal(tb_draw_wrapped(&c, all, 0, 0, 4, "abcdefghijklmno\n\nx", (tb_ink){0}), 4);
    assert_rows(&c, "abcdefghij\nklmno\n\nx\n");
    tb_canvas_deinit(&c);
}

static void without_utf8_all_is_ascii(void **state)
{
    (void)state;
    tb_canvas c = {.is_utf8 = false};
    assert_true(tb_canvas_resize(&c, 3, 40));
    tb_area all = tb_canvas_area(&c);
    (void)tb_draw(&c, all, 0, 0, "café 비 \u2764", (tb_ink){0});
    tb_draw_rule(&c, all, 1);
    int column = 0;
    for (int i = 0; i < TB_SIGN_COUNT && column < 30; i++)
        column += tb_draw(&c, all, 2, column, tb_sign_text((tb_sign)i, false), (tb_ink){0});
    for (int i = 0; i <= 10; i++)
        assert_true(tb_level_text(i / 10.0, false)[0] > 0);
    char *text = dump(&c);
    assert_memory_equal(text, "caf? ?? ?\n", 10);
    for (const char *t = text; *t != '\0'; t++)
        assert_true((unsigned char)*t < 0x80);
    free(text);
    tb_canvas_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_its_width),
        cmocka_unit_test(nothing_leaves_its_area),
        cmocka_unit_test(half_a_wide_character_does_not_stay),
        cmocka_unit_test(long_text_is_cut_or_wrapped),
        cmocka_unit_test(without_utf8_all_is_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
