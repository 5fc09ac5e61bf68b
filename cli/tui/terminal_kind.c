/* The ladder of pictures: kitty, iTerm2, sixel, half blocks, shades, ASCII; the first that this
 * terminal, this build and this locale have. */
#include "cli/tui/terminal_kind.h"

#include <string.h>

enum { TRUE_COLOR = 1 << 24 };

static bool is_set(const char *text)
{
    return text != NULL && text[0] != 0;
}

static bool is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

static bool begins(const char *text, const char *with)
{
    return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

static bool has(const char *text, const char *part)
{
    return text != NULL && strstr(text, part) != NULL;
}

/* tmux and screen draw cells of their own, whatever terminal is around them. */
static bool is_inside_another(const tb_terminal_facts *facts)
{
    return is_set(facts->tmux) || begins(facts->term, "tmux") || begins(facts->term, "screen") ||
           begins(facts->name, "tmux");
}

static bool is_iterm2(const tb_terminal_facts *facts)
{
    return begins(facts->name, "iTerm2") || is(facts->term_program, "iTerm.app") ||
           is(facts->lc_terminal, "iTerm2");
}

/* Without its answer only its own signs count. */
static bool is_kitty(const tb_terminal_facts *facts)
{
    return facts->has_answered ? facts->answers_kitty
                               : facts->answers_kitty || is_set(facts->kitty_window_id) ||
                                     is(facts->term, "xterm-kitty");
}

int tb_terminal_colors(const tb_terminal_facts *facts)
{
    if (is_set(facts->no_color) || !is_set(facts->term) || is(facts->term, "dumb"))
        return 0;
    if (is(facts->term, "linux"))
        return 16;
    if (is(facts->colorterm, "truecolor") || is(facts->colorterm, "24bit") ||
        has(facts->term, "-direct"))
        return TRUE_COLOR;
    if (!is_inside_another(facts) && (is_kitty(facts) || is_iterm2(facts)))
        return TRUE_COLOR;
    return has(facts->term, "256color") ? 256 : 16;
}

/* With characters. */
static tb_picture_form form_of_text(const tb_terminal_facts *facts)
{
    if (!facts->is_utf8 || is(facts->term, "linux"))
        return TB_PICTURE_ASCII; /* the console's font has no shades */
    return tb_terminal_colors(facts) >= 256 ? TB_PICTURE_BLOCKS : TB_PICTURE_SHADES;
}

static tb_picture_form form_of_auto(const tb_terminal_facts *facts)
{
    bool has_colors = !is_set(facts->no_color) && !is(facts->term, "linux");
    bool is_direct = has_colors && !is_inside_another(facts);
    if (is_direct && is_kitty(facts))
        return TB_PICTURE_KITTY;
    if (is_direct && is_iterm2(facts) && tb_picture_has_form(TB_PICTURE_ITERM2))
        return TB_PICTURE_ITERM2;
    if (has_colors && facts->answers_sixel && tb_picture_has_form(TB_PICTURE_SIXEL))
        return TB_PICTURE_SIXEL;
    return form_of_text(facts);
}

static const struct {
    const char *name;
    tb_picture_form form;
} settings[] = {
    {"kitty", TB_PICTURE_KITTY},   {"iterm2", TB_PICTURE_ITERM2}, {"sixel", TB_PICTURE_SIXEL},
    {"blocks", TB_PICTURE_BLOCKS}, {"ascii", TB_PICTURE_ASCII},   {"off", TB_PICTURE_NONE},
};

tb_picture_form tb_terminal_picture_form(const tb_terminal_facts *facts, const char *setting)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (!is(setting, settings[i].name))
            continue;
        tb_picture_form form = settings[i].form;
        if (!tb_picture_has_form(form))
            form = TB_PICTURE_BLOCKS;
        return form == TB_PICTURE_BLOCKS && !facts->is_utf8 ? TB_PICTURE_ASCII : form;
    }
    return form_of_auto(facts);
}
