/* Which pictures and how many colours a terminal gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/tui/terminal_kind.h"

enum { TRUE_COLOR = 1 << 24 };

/* What a build with libchafa draws; without it, blocks for what it has not. */
static void assert_form(tb_picture_form found, tb_picture_form wanted, const char *what)
{
    if (!tb_picture_has_form(wanted))
        wanted = TB_PICTURE_BLOCKS;
    if (found != wanted)
        fail_msg("%s: form %d, not %d", what, (int)found, (int)wanted);
}

static const struct {
    const char *what;
    tb_terminal_facts facts;
    int colors;
    tb_picture_form form;
} terminals[] = {
    {"xterm", {.term = "xterm", .is_utf8 = true, .has_answered = true}, 16, TB_PICTURE_SHADES},
    {"xterm in 256 colours",
     {.term = "xterm-256color", .is_utf8 = true, .has_answered = true},
     256,
     TB_PICTURE_BLOCKS},
    {"true colour",
     {.term = "xterm-256color", .colorterm = "truecolor", .is_utf8 = true},
     TRUE_COLOR,
     TB_PICTURE_BLOCKS},
    {"true colour by another word",
     {.term = "foo", .colorterm = "24bit", .is_utf8 = true},
     TRUE_COLOR,
     TB_PICTURE_BLOCKS},
    {"kitty, answered",
     {.term = "xterm-kitty", .is_utf8 = true, .has_answered = true, .answers_kitty = true},
     TRUE_COLOR,
     TB_PICTURE_KITTY},
    {"kitty, before it answered",
     {.term = "xterm-256color", .kitty_window_id = "1", .is_utf8 = true},
     TRUE_COLOR,
     TB_PICTURE_KITTY},
    {"a terminal started from kitty, whose variables it inherited",
     {.term = "xterm-256color", .kitty_window_id = "1", .is_utf8 = true, .has_answered = true},
     256,
     TB_PICTURE_BLOCKS},
    {"iTerm2",
     {.term = "xterm-256color", .term_program = "iTerm.app", .is_utf8 = true},
     TRUE_COLOR,
     TB_PICTURE_ITERM2},
    {"iTerm2 through ssh",
     {.term = "xterm-256color", .lc_terminal = "iTerm2", .is_utf8 = true},
     TRUE_COLOR,
     TB_PICTURE_ITERM2},
    {"iTerm2 by its answer",
     {.term = "xterm-256color", .name = "iTerm2 3.5.0", .is_utf8 = true, .has_answered = true},
     TRUE_COLOR,
     TB_PICTURE_ITERM2},
    {"kitty before iTerm2 before sixel",
     {.term = "xterm-256color",
      .name = "iTerm2 3.6",
      .is_utf8 = true,
      .has_answered = true,
      .answers_kitty = true,
      .answers_sixel = true},
     TRUE_COLOR,
     TB_PICTURE_KITTY},
    {"sixel",
     {.term = "foot", .colorterm = "truecolor", .is_utf8 = true, .answers_sixel = true},
     TRUE_COLOR,
     TB_PICTURE_SIXEL},
    {"tmux in kitty",
     {.term = "tmux-256color",
      .tmux = "/tmp/tmux-0/default,1,0",
      .kitty_window_id = "1",
      .is_utf8 = true},
     256,
     TB_PICTURE_BLOCKS},
    {"tmux in iTerm2",
     {.term = "screen-256color", .lc_terminal = "iTerm2", .is_utf8 = true, .has_answered = true},
     256,
     TB_PICTURE_BLOCKS},
    {"tmux with sixel",
     {.term = "tmux-256color",
      .tmux = "x",
      .is_utf8 = true,
      .has_answered = true,
      .answers_sixel = true},
     256,
     TB_PICTURE_SIXEL},
    {"console", {.term = "linux", .is_utf8 = true, .has_answered = true}, 16, TB_PICTURE_ASCII},
    {"console that inherited true colour",
     {.term = "linux", .colorterm = "truecolor", .is_utf8 = true},
     16,
     TB_PICTURE_ASCII},
    {"C locale", {.term = "xterm-256color"}, 256, TB_PICTURE_ASCII},
    {"NO_COLOR",
     {.term = "xterm-256color", .no_color = "1", .colorterm = "truecolor", .is_utf8 = true},
     0,
     TB_PICTURE_SHADES},
    {"NO_COLOR in kitty",
     {.term = "xterm-kitty", .no_color = "1", .is_utf8 = true, .answers_kitty = true},
     0,
     TB_PICTURE_SHADES},
    {"NO_COLOR in the C locale", {.term = "xterm", .no_color = "yes"}, 0, TB_PICTURE_ASCII},
    {"NO_COLOR, but empty",
     {.term = "xterm-256color", .no_color = "", .is_utf8 = true},
     256,
     TB_PICTURE_BLOCKS},
    {"dumb", {.term = "dumb", .is_utf8 = true}, 0, TB_PICTURE_SHADES},
    {"nothing known", {0}, 0, TB_PICTURE_ASCII},
};

static void each_terminal_gets_what_it_can_draw(void **state)
{
    for (size_t i = 0; i < sizeof terminals / sizeof terminals[0]; i++) {
        if (tb_terminal_colors(&terminals[i].facts) != terminals[i].colors)
            fail_msg("%s: %d colours", terminals[i].what, tb_terminal_colors(&terminals[i].facts));
        assert_form(tb_terminal_picture_form(&terminals[i].facts, "auto"), terminals[i].form,
                    terminals[i].what);
        assert_form(tb_terminal_picture_form(&terminals[i].facts, NULL), terminals[i].form,
                    terminals[i].what);
    }
}

static void the_setting_beats_what_is_known(void **state)
{
    static const struct {
        const char *setting;
        tb_picture_form form;
    } cases[] = {{"kitty", TB_PICTURE_KITTY}, {"iterm2", TB_PICTURE_ITERM2},
                 {"sixel", TB_PICTURE_SIXEL}, {"blocks", TB_PICTURE_BLOCKS},
                 {"ascii", TB_PICTURE_ASCII}, {"off", TB_PICTURE_NONE}};
    const tb_terminal_facts kitty = {.term = "xterm-kitty", .is_utf8 = true, .answers_kitty = true};
    const tb_terminal_facts tmux = {.term = "tmux", .tmux = "x", .no_color = "1", .is_utf8 = true};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_form(tb_terminal_picture_form(&kitty, cases[i].setting), cases[i].form, "kitty");
        assert_form(tb_terminal_picture_form(&tmux, cases[i].setting), cases[i].form, "tmux");
    }
}

static void no_setting_writes_what_the_locale_has_not(void **state)
{
    const tb_terminal_facts plain = {.term = "xterm-256color"};
    assert_int_equal(tb_terminal_picture_form(&plain, "blocks"), TB_PICTURE_ASCII);
    assert_int_equal(tb_terminal_picture_form(&plain, "off"), TB_PICTURE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_terminal_gets_what_it_can_draw),
        cmocka_unit_test(the_setting_beats_what_is_known),
        cmocka_unit_test(no_setting_writes_what_the_locale_has_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
