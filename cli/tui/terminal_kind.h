/* What a terminal can draw, from what is known of it: environment and answers. Pure: nothing is
 * read or asked here. */
#ifndef TB_CLI_TUI_TERMINAL_KIND_H
#define TB_CLI_TUI_TERMINAL_KIND_H

#include <stdbool.h>

#include "cli/tui/picture.h"

/* Borrowed texts; NULL or empty: unset. */
typedef struct tb_terminal_facts {
    const char *term, *term_program, *colorterm, *no_color, *kitty_window_id, *tmux, *lc_terminal;
    const char *name; /* its answer to XTVERSION */
    bool is_utf8;
    bool has_answered; /* to DA1, the last: what it did not answer until then it does not know */
    bool answers_kitty, answers_sixel;
} tb_terminal_facts;

/* 0: none, only bold, underline and reverse; 16, 256, 1 << 24. */
int tb_terminal_colors(const tb_terminal_facts *facts);

/* `setting` is ui.images: auto, kitty, iterm2, sixel, blocks, ascii, off; NULL and others: auto. A
 * form that this build has not is BLOCKS; a form that the locale cannot write is ASCII. */
tb_picture_form tb_terminal_picture_form(const tb_terminal_facts *facts, const char *setting);

#endif
