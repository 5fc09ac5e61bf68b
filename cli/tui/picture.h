/*
 * Spectrogram pictures in a terminal: a matrix of levels becomes half blocks of the colour map in
 * the canvas, shades or ASCII where there is no colour; or, where the terminal draws pixels (kitty,
 * iTerm2, sixel: the latter two by libchafa), bytes to be written after the canvas is on the
 * screen.
 */
#ifndef TB_CLI_TUI_PICTURE_H
#define TB_CLI_TUI_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/tui/canvas.h"

enum { TB_LEVELS_MAX_SIDE = 4096 };

/* Levels, row 0 at the top. */
typedef struct tb_levels {
    int width, height;
    uint8_t *level; /* owned, [height][width]: 0 dark .. 255 bright */
} tb_levels;

void tb_levels_deinit(tb_levels *levels);
/* From a PNG in memory (grey is the level; of colours, their luma). BAD_FILE, also beyond
 * TB_LEVELS_MAX_SIDE; *out is empty then. */
TB_MUST_USE tb_status tb_levels_decode(const void *bytes, size_t len_bytes, tb_levels *out,
                                       tb_error *err);
/* The largest level of each box; at least one cell each way. */
TB_MUST_USE tb_status tb_levels_scale(const tb_levels *levels, int width, int height,
                                      tb_levels *out, tb_error *err);

typedef enum tb_color_map {
    TB_MAP_VIRIDIS,
    TB_MAP_MAGMA,
    TB_MAP_GREY,
    TB_MAP_GREY_INVERSE,
    TB_MAP_COUNT
} tb_color_map;
const char *tb_color_map_name(tb_color_map map);
void tb_color_map_rgb(tb_color_map map, uint8_t level, uint8_t rgb[3]);

typedef enum tb_picture_form {
    TB_PICTURE_NONE,
    TB_PICTURE_ASCII,  /* " .:-=+*#%@" */
    TB_PICTURE_SHADES, /* U+2591 .. U+2588: a terminal with few colours */
    TB_PICTURE_BLOCKS, /* U+2580, two levels a cell */
    TB_PICTURE_SIXEL,
    TB_PICTURE_ITERM2,
    TB_PICTURE_KITTY,
} tb_picture_form;

/* False without libchafa: of SIXEL and ITERM2. */
bool tb_picture_has_form(tb_picture_form form);

/* Draw with characters; levels are scaled to the area. Forms of pixels: as BLOCKS. In a canvas
 * without UTF-8 all are ASCII. */
void tb_picture_draw(tb_canvas *canvas, tb_area area, const tb_levels *levels,
                     tb_picture_form form);
/* The bytes that draw it with pixels at (row, column) of the screen, cursor saved and restored;
 * nothing for forms of characters and those that this build has not. cell_*: pixels of a cell, 0:
 * unknown. At most 1 MB: a picture that would be more has fewer pixels. */
TB_MUST_USE tb_status tb_picture_format(tb_area area, const tb_levels *levels, tb_color_map map,
                                        tb_picture_form form, int cell_width, int cell_height,
                                        tb_str *out, tb_error *err);
/* The bytes that take it away again; only kitty needs some. */
void tb_picture_format_removal(tb_picture_form form, tb_str *out);

#endif
