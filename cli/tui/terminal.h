/*
 * The user's terminal: a canvas goes to it, bytes come from it. Drawing is ncursesw's; a terminal
 * that terminfo does not know is driven as the nearest known one. It is put back as it was on every
 * way out, a crash included. While it is open, what anything writes to standard output or error
 * goes to the log instead.
 */
#ifndef TB_CLI_TUI_TERMINAL_H
#define TB_CLI_TUI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/tui/canvas.h"
#include "cli/tui/picture.h"
#include "engine/base/error.h"

typedef struct tb_terminal tb_terminal;

typedef struct tb_terminal_options {
    int colors; /* 0, 16, 256; 1 << 24: pictures in true colour, the rest in 256 */
    bool is_light, has_mouse;
    bool is_utf8;
    int log_fd; /* standard output and error meanwhile; -1: /dev/null */
} tb_terminal_options;

/* One at a time. UNSUPPORTED: it cannot be driven. Owned. */
TB_MUST_USE tb_status tb_terminal_open(const tb_terminal_options *options, tb_terminal **out,
                                       tb_error *err);
void tb_terminal_close(tb_terminal *terminal);

int tb_terminal_fd(const tb_terminal *terminal);
/* Its size now; asks the system. */
void tb_terminal_get_size(const tb_terminal *terminal, int *rows, int *columns);
/* Bring the screen to what the canvas says; as few bytes as that takes, in one write.
 * `after`: bytes to be written behind it, such as a picture's. */
void tb_terminal_show(tb_terminal *terminal, const tb_canvas *canvas, const tb_str *after);
/* The next show draws everything anew. */
void tb_terminal_redraw(tb_terminal *terminal);

void tb_terminal_set_mouse(tb_terminal *terminal, bool is_on);
void tb_terminal_set_light(tb_terminal *terminal, bool is_light);
void tb_terminal_set_color_map(tb_terminal *terminal, tb_color_map map);
/* Frames go out whole: the terminal said that it knows mode 2026. */
void tb_terminal_set_sync(tb_terminal *terminal, bool is_on);
void tb_terminal_set_title(tb_terminal *terminal, const char *title);
/* Ask what it can do; answers come as input. */
void tb_terminal_ask(tb_terminal *terminal);
void tb_terminal_write(tb_terminal *terminal, const void *bytes, size_t n);

/* Give it back for a while, to a shell or an editor, with standard output and error as they were.
 */
void tb_terminal_leave(tb_terminal *terminal);
void tb_terminal_enter(tb_terminal *terminal);

#endif
