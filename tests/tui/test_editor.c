/* The prompt's text while it is written: nothing that a person sees as one sign is ever parted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tui/editor.h"
#include "engine/base/utf8.h"

#define FAMILY "\U0001F468\u200D\U0001F469\u200D\U0001F467"
#define HANGUL "\u1112\u1161\u11AB"
#define FLAG   "\U0001F1EB\U0001F1F7"
#define ACUTE  "e\u0301"

static const char *const clusters[] = {"a", FAMILY, HANGUL, FLAG, ACUTE, "\u6F22", " ", "\n", "z"};
enum { N_CLUSTERS = sizeof clusters / sizeof *clusters };

static tb_editor filled(const char *text)
{
    tb_editor e = {0};
    tb_editor_set(&e, text);
    return e;
}

static char *all_clusters(void)
{
    tb_str text = {0};
    for (size_t i = 0; i < N_CLUSTERS; i++)
        tb_str_append(&text, clusters[i]);
    return tb_str_take(&text);
}

static void test_right_visits_every_cluster_once(void **state)
{
    (void)state;
    char *text = all_clusters();
    tb_editor e = filled(text);
    e.cursor = 0;
    size_t at = 0;
    for (size_t i = 0; i < N_CLUSTERS; i++) {
        at += strlen(clusters[i]);
        assert_true(tb_editor_edit(&e, TB_EDIT_RIGHT));
        assert_int_equal(e.cursor, at);
    }
    assert_false(tb_editor_edit(&e, TB_EDIT_RIGHT));
    for (size_t i = N_CLUSTERS; i-- > 0;) {
        at -= strlen(clusters[i]);
        assert_true(tb_editor_edit(&e, TB_EDIT_LEFT));
        assert_int_equal(e.cursor, at);
    }
    assert_false(tb_editor_edit(&e, TB_EDIT_LEFT));
    tb_editor_deinit(&e);
    free(text);
}

static void test_delete_takes_one_cluster_and_undo_restores(void **state)
{
    (void)state;
    char *text = all_clusters();
    tb_editor e = filled(text);
    for (size_t i = N_CLUSTERS; i-- > 0;) {
        size_t before = strlen(tb_editor_text(&e));
        assert_true(tb_editor_edit(&e, TB_EDIT_DELETE_BEFORE));
        assert_int_equal(strlen(tb_editor_text(&e)), before - strlen(clusters[i]));
    }
    assert_false(tb_editor_edit(&e, TB_EDIT_DELETE_BEFORE));
    for (size_t i = 0; i < N_CLUSTERS; i++)
        assert_true(tb_editor_edit(&e, TB_EDIT_UNDO));
    assert_string_equal(tb_editor_text(&e), text);
    assert_int_equal(e.cursor, strlen(text));
    for (size_t i = 0; i < N_CLUSTERS; i++)
        assert_true(tb_editor_edit(&e, TB_EDIT_REDO));
    assert_string_equal(tb_editor_text(&e), "");
    assert_false(tb_editor_edit(&e, TB_EDIT_REDO));
    tb_editor_deinit(&e);
    free(text);
}

static void test_typed_letters_are_one_step_of_undo(void **state)
{
    (void)state;
    tb_editor e = {0};
    for (const char *c = "slow jazz"; *c != '\0'; c++)
        tb_editor_type(&e, (uint32_t)*c);
    assert_true(tb_editor_edit(&e, TB_EDIT_UNDO));
    assert_string_equal(tb_editor_text(&e), "slow");
    assert_true(tb_editor_edit(&e, TB_EDIT_UNDO));
    assert_string_equal(tb_editor_text(&e), "");
    assert_false(tb_editor_edit(&e, TB_EDIT_UNDO));
    assert_true(tb_editor_edit(&e, TB_EDIT_REDO));
    tb_editor_type(&e, '!');
    assert_false(tb_editor_edit(&e, TB_EDIT_REDO)); /* what was typed took another way */
    assert_string_equal(tb_editor_text(&e), "slow!");
    tb_editor_deinit(&e);
}

static void test_kills_add_up_and_come_back(void **state)
{
    (void)state;
    tb_editor e = filled("one two-three four");
    assert_true(tb_editor_edit(&e, TB_EDIT_KILL_WORD_BEFORE));
    assert_true(tb_editor_edit(&e, TB_EDIT_KILL_WORD_BEFORE));
    assert_string_equal(tb_editor_text(&e), "one ");
    assert_true(tb_editor_edit(&e, TB_EDIT_YANK));
    assert_string_equal(tb_editor_text(&e), "one two-three four");
    assert_true(tb_editor_edit(&e, TB_EDIT_WORD_LEFT));
    assert_true(tb_editor_edit(&e, TB_EDIT_KILL_TO_START));
    assert_string_equal(tb_editor_text(&e), "four");
    assert_true(tb_editor_edit(&e, TB_EDIT_LINE_END));
    assert_true(tb_editor_edit(&e, TB_EDIT_YANK));
    assert_string_equal(tb_editor_text(&e), "fourone two-three ");
    tb_editor_deinit(&e);
}

static void test_words_never_part_a_cluster(void **state)
{
    (void)state;
    tb_editor e = filled("a!\u0301 b");
    e.cursor = 4;
    assert_true(tb_editor_edit(&e, TB_EDIT_WORD_LEFT));
    assert_true(e.cursor == 0 || e.cursor == 1);
    e.cursor = 1;
    assert_true(tb_editor_edit(&e, TB_EDIT_KILL_WORD_AFTER));
    assert_string_equal(tb_editor_text(&e), "a b");
    tb_editor_deinit(&e);
}

static bool is_edge(const char *text, size_t at)
{
    size_t edge = 0, n = strlen(text);
    while (edge < at)
        edge += tb_cluster_next(text + edge, n - edge);
    return edge == at;
}

/* At every width and place: the cursor lies in the rows, moves on in reading order, and a click on
 * where it stands leaves it there. */
static void assert_rows(const char *text, int columns)
{
    int last_row = 0, last_column = -1, row, column;
    tb_editor e = filled(text);
    e.cursor = 0;
    do {
        int rows = tb_editor_rows(&e, columns, &row, &column);
        size_t at = e.cursor;
        assert_in_range(row, 0, rows - 1);
        assert_true(column >= 0 && (column <= columns || columns < 6)); /* a family is 6 wide */
        assert_true(row > last_row || (row == last_row && column > last_column));
        tb_editor_click(&e, row, column);
        assert_int_equal(e.cursor, at);
        last_row = row;
        last_column = column;
    } while (tb_editor_edit(&e, TB_EDIT_RIGHT));
    while (tb_editor_edit(&e, TB_EDIT_UP))
        assert_true(is_edge(text, e.cursor));
    (void)tb_editor_rows(&e, columns, &row, &column);
    assert_int_equal(row, 0);
    while (tb_editor_edit(&e, TB_EDIT_DOWN))
        assert_true(is_edge(text, e.cursor));
    (void)tb_editor_rows(&e, columns, &row, &column);
    assert_int_equal(row, last_row);
    tb_editor_deinit(&e);
}

static void test_rows_and_cursor_at_every_width(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "a",
        "\n",
        "\n\n",
        "warm analog pads, slow strings\nand a far choir\n",
        "\u6F22\u5B57\u304B\u306A \u97F3\u697D a\u6F22b",
        FAMILY "a" FAMILY " " FLAG HANGUL ACUTE,
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz \u0301 a \u0301b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int columns = 1; columns <= 40; columns++)
            assert_rows(texts[i], columns);
}

static void test_words_are_kept_whole_on_a_row(void **state)
{
    (void)state;
    tb_editor e = filled("slow warm pads");
    tb_canvas canvas = {.is_utf8 = true};
    tb_str shown = {0};
    assert_true(tb_canvas_resize(&canvas, 3, 8));
    tb_editor_draw(&e, &canvas, (tb_area){0, 0, 3, 8}, 0, (tb_ink){0});
    tb_canvas_dump(&canvas, &shown);
    assert_non_null(strstr(tb_str_text(&shown), "slow\nwarm\npads"));
    tb_str_deinit(&shown);
    tb_canvas_deinit(&canvas);
    tb_editor_deinit(&e);
}

static void test_down_and_up_keep_their_column(void **state)
{
    (void)state;
    tb_editor e = filled("abcdef\nx\nabcdef");
    e.cursor = 4;
    assert_true(tb_editor_edit(&e, TB_EDIT_DOWN));
    assert_int_equal(e.cursor, 8);
    assert_true(tb_editor_edit(&e, TB_EDIT_DOWN));
    assert_int_equal(e.cursor, 13);
    assert_false(tb_editor_edit(&e, TB_EDIT_DOWN));
    tb_editor_deinit(&e);
}

static void test_no_more_than_the_limit(void **state)
{
    (void)state;
    tb_str text = {0};
    while (text.len <= TB_EDITOR_MAX_BYTES)
        tb_str_append(&text, "\u20AC");
    tb_editor e = filled(tb_str_text(&text));
    size_t n = strlen(tb_editor_text(&e));
    assert_in_range(n, TB_EDITOR_MAX_BYTES - 3, TB_EDITOR_MAX_BYTES);
    assert_int_equal(tb_utf8_check(tb_editor_text(&e), n), n);
    assert_false(tb_editor_insert(&e, "\u20AC\u20AC", 6, false));
    n = strlen(tb_editor_text(&e));
    assert_int_equal(tb_utf8_check(tb_editor_text(&e), n), n);
    assert_true(n <= TB_EDITOR_MAX_BYTES);
    tb_editor_deinit(&e);
    tb_str_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_visits_every_cluster_once),
        cmocka_unit_test(test_delete_takes_one_cluster_and_undo_restores),
        cmocka_unit_test(test_typed_letters_are_one_step_of_undo),
        cmocka_unit_test(test_kills_add_up_and_come_back),
        cmocka_unit_test(test_words_never_part_a_cluster),
        cmocka_unit_test(test_rows_and_cursor_at_every_width),
        cmocka_unit_test(test_words_are_kept_whole_on_a_row),
        cmocka_unit_test(test_down_and_up_keep_their_column),
        cmocka_unit_test(test_no_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
