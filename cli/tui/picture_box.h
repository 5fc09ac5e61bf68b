/* What the files of the pictures share: a level at another size, without memory for all of them,
 * and pixels on their way to a terminal. */
#ifndef TB_CLI_TUI_PICTURE_BOX_H
#define TB_CLI_TUI_PICTURE_BOX_H

#include "cli/tui/picture.h"

/* The largest level of box (x, y) of width x height boxes; `levels` has some. */
uint8_t tb_levels_box(const tb_levels *levels, int width, int height, int x, int y);

typedef struct tb_pixels {
    int width, height; /* = columns * cell_width, rows * cell_height */
    int columns, rows, cell_width, cell_height;
    int step;     /* pixels each way that have one colour */
    uint8_t *rgb; /* owned, [height][width][3] */
} tb_pixels;

/* SIXEL and ITERM2; nothing where this build has no libchafa. */
void tb_pixels_write_chafa(const tb_pixels *pixels, tb_picture_form form, tb_str *out);

#endif
