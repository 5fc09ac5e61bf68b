/* Cells of a canvas as ncurses' cells: colours of the roles, pairs of picture levels, and
 * characters whose width the C collection sees otherwise. Private to the terminal. */
#ifndef TB_CLI_TUI_TERMINAL_PAINT_H
#define TB_CLI_TUI_TERMINAL_PAINT_H

#include <stdbool.h>

#include "cli/tui/canvas.h"
#include "cli/tui/picture.h"

typedef struct tb_paint {
    int colors; /* as tb_terminal_options */
    bool is_light, is_utf8, is_forgotten;
    tb_color_map map;
    short index[256]; /* of a level, in the terminal's palette */
    tb_canvas shown;  /* what is on the screen */
} tb_paint;

/* After newterm. */
void tb_paint_init(tb_paint *paint, int colors, bool is_light, bool is_utf8);
void tb_paint_deinit(tb_paint *paint);
void tb_paint_set_light(tb_paint *paint, bool is_light);
void tb_paint_set_map(tb_paint *paint, tb_color_map map);
void tb_paint_forget(tb_paint *paint);
/* Send the difference; bytes that have to follow it (true colour) are added to *after. */
void tb_paint_show(tb_paint *paint, const tb_canvas *canvas, tb_str *after);

#endif
